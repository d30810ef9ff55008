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
    double bestLoop = 0;
    double best = 0;
    for (int round = 1; round <= Integer.parseInt(rounds); round++) {
      double bare = rate(exits, loop(loop, exits));
      long[] told = loop(loop, exits, "apic");
      double same = rate(exits, told);
      double ours = rate(exits, new long[] {ticks(guest), told[1]});
      ratios.add(ours / same);
      bestLoop = Math.max(bestLoop, same);
      best = Math.max(best, ours);
      RigMain.say(
          "  round %d: C %.0f exits a second, with a local APIC %.0f, isola %.0f: %.3f of the latter"
              .formatted(round, bare, same, ours, ratios.getLast()));
    }
    Collections.sort(ratios);
    double median = ratios.get(ratios.size() / 2);
    RigMain.say(
        "  median %.3f, wanted %.1f; the best of ours is %.3f of the loop's best"
            .formatted(median, WANTED, best / bestLoop));
    return median >= WANTED;
  }

  private static double rate(int exits, long[] ticksAndKhz) {
    return exits / (ticksAndKhz[0] / (ticksAndKhz[1] * 1e3));
  }

  /** Runs the C loop: ticks, and the counter's kHz. */
  private static long[] loop(String program, int exits, String... more)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program, String.valueOf(exits)));
    command.addAll(List.of(more));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(answer.strip());
    }
    String[] words = answer.strip().split(" ", -1);
    return new long[] {Long.parseLong(words[0]), Long.parseLong(words[1])};
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
