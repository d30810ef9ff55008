package isola.qa.rig;

import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.Outcome;
import isola.machine.board.boot.BootFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Exits a second of this JVM, warm, against a C loop around KVM_RUN. Both guests leave as often to
 * warm up, then as often again between two readings of the time-stamp counter, whose difference
 * they tell.
 */
final class ExitRate {
  /** What is asked of the median of the rounds. */
  private static final double WANTED = 0.9;

  private static final long MEMORY = 32L << 20;

  private ExitRate() {}

  static boolean run(String loop, Path guest, int exits, String rounds)
      throws IOException, InterruptedException {
    List<Double> ratios = new ArrayList<>();
    for (int round = 1; round <= Integer.parseInt(rounds); round++) {
      // "TICKS KHZ"
      String[] told = loop(loop, exits).split(" ", -1);
      long theirs = Long.parseLong(told[0]);
      double hz = Long.parseLong(told[1]) * 1e3;
      long ours = ticks(guest);
      ratios.add((double) theirs / ours);
      RigMain.say(
          "  round %d: C %.0f exits a second, isola %.0f, ratio %.3f"
              .formatted(round, exits / (theirs / hz), exits / (ours / hz), ratios.getLast()));
    }
    Collections.sort(ratios);
    double median = ratios.get(ratios.size() / 2);
    RigMain.say("  median ratio %.3f, wanted %.1f".formatted(median, WANTED));
    return median >= WANTED;
  }

  private static String loop(String program, int exits) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(program, String.valueOf(exits)).redirectErrorStream(true).start();
    String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(answer.strip());
    }
    return answer.strip();
  }

  private static long ticks(Path guest) throws InterruptedException {
    ByteArrayOutputStream serial = new ByteArrayOutputStream();
    MachineConfig config =
        MachineConfig.of(BootFile.of(guest))
            .engine("kvm")
            .memory(MEMORY)
            .entropy(false)
            .testDevices(true)
            .serial(serial::write)
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      Outcome outcome = machine.await();
      if (!(outcome instanceof Outcome.TestExit)) {
        throw new IllegalStateException(outcome.sentence());
      }
    }
    return Long.parseLong(serial.toString(StandardCharsets.US_ASCII).strip(), 16);
  }
}
