package isola.qa.rig;

import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.Outcome;
import isola.machine.board.boot.BootFile;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Boots in a row in one JVM. Each guest must greet and switch itself off, and after the first few
 * boots nothing may grow: threads, open files, resident memory.
 */
final class Soak {
  private static final long MEMORY = 256L << 20;
  private static final long LIMIT_MILLIS = 280_000;
  private static final String APPEND = "console=ttyS0 quiet reboot=t panic=-1";
  private static final String GREETING = "HELLO FROM INIT";

  /** The boots after which what there is counts as settled. */
  private static final int SETTLED = 10;

  /** Resident memory may differ by this much, in KiB: heap that the collector has not visited. */
  private static final long SLACK_KIB = 32 << 10;

  private record Household(int threads, int files, long residentKib) {
    static Household now() throws IOException {
      System.gc();
      long resident = 0;
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:")) {
          resident = Long.parseLong(line.replaceAll("\\D", ""));
        }
      }
      String[] files = Objects.requireNonNullElse(new File("/proc/self/fd").list(), new String[0]);
      return new Household(Thread.activeCount(), files.length, resident);
    }

    @Override
    public String toString() {
      return "%d threads, %d files, %d MiB".formatted(threads, files, residentKib >> 10);
    }
  }

  private Soak() {}

  static boolean run(Path kernel, Path initrd, int boots, String engine)
      throws IOException, InterruptedException {
    int lost = 0;
    List<Double> seconds = new ArrayList<>();
    Household settled = Household.now();
    for (int boot = 1; boot <= boots; boot++) {
      long from = System.nanoTime();
      String wrong = boot(kernel, initrd, engine);
      seconds.add((System.nanoTime() - from) / 1e9);
      if (!wrong.isEmpty()) {
        lost++;
        RigMain.say("  boot %d: %s".formatted(boot, wrong));
      }
      if (boot == Math.min(SETTLED, boots)) {
        settled = Household.now();
      }
      if (boot % 10 == 0) {
        RigMain.say("  after %d boots, %d lost: %s".formatted(boot, lost, Household.now()));
      }
    }
    Household last = Household.now();
    boolean grown =
        last.threads > settled.threads
            || last.files > settled.files
            || last.residentKib > settled.residentKib + SLACK_KIB;
    RigMain.say("  %d boots in one JVM, %d lost".formatted(boots, lost));
    RigMain.say(
        "  first %.1f s, best %.1f s, mean %.1f s"
            .formatted(
                seconds.getFirst(),
                seconds.stream().mapToDouble(s -> s).min().orElse(0),
                seconds.stream().mapToDouble(s -> s).average().orElse(0)));
    RigMain.say(
        "  after %d: %s; at the end: %s".formatted(Math.min(SETTLED, boots), settled, last));
    if (grown) {
      RigMain.say("  it has grown");
    }
    return lost == 0 && !grown;
  }

  /** What went wrong, in a sentence; empty if nothing. */
  private static String boot(Path kernel, Path initrd, String engine) throws InterruptedException {
    ByteArrayOutputStream serial = new ByteArrayOutputStream();
    MachineConfig config =
        MachineConfig.of(BootFile.of(kernel))
            .initrd(BootFile.of(initrd))
            .commandLine(APPEND)
            .engine(engine)
            .memory(MEMORY)
            .serial(serial::write)
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      Outcome outcome = machine.await(LIMIT_MILLIS);
      if (outcome == null) {
        return "no end in %d s; the console: %s".formatted(LIMIT_MILLIS / 1000, tail(serial));
      }
      if (!(outcome instanceof Outcome.PoweredOff)) {
        return outcome.sentence() + " The console: " + tail(serial);
      }
      return serial.toString(StandardCharsets.US_ASCII).contains(GREETING)
          ? ""
          : "it did not greet; the console: " + tail(serial);
    }
  }

  private static String tail(ByteArrayOutputStream serial) {
    String text = serial.toString(StandardCharsets.US_ASCII);
    return text.substring(Math.max(0, text.length() - 400)).replaceAll("\\s+", " ");
  }
}
