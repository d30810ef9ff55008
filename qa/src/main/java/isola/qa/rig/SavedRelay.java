package isola.qa.rig;

import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.MachineException;
import isola.machine.board.Outcome;
import isola.machine.board.SavedMachine;
import isola.machine.board.boot.BootFile;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A guest that watches its clocks and its registers, {@code machine/clocks.S} of the tests, is
 * saved again and again while it runs, and goes on each time in another machine, on the next of
 * some engines.
 */
public final class SavedRelay {
  /** Lines that the guest numbers. */
  private static final int LINES = 60;

  private static final long LONGEST_TURN_MILLIS = 60;

  /**
   * How it went.
   *
   * @param difference what is wrong, or the empty string
   * @param times how often the guest was saved
   */
  public record Result(String difference, int times) {}

  private final List<String> engines;
  private final RandomGenerator random;

  /** A relay between engines by name. */
  public SavedRelay(List<String> engines, RandomGenerator random) {
    this.engines = List.copyOf(engines);
    this.random = random;
  }

  /**
   * Runs the guest to its end.
   *
   * @param file where it is saved
   * @param most how often it is saved at most
   */
  public Result run(Path kernel, Path file, int most) throws InterruptedException {
    ByteArrayOutputStream console = new ByteArrayOutputStream();
    // One that begins elsewhere must have what KVM has here.
    String model = engines.contains("kvm") ? MachineConfig.COMMON_CPU_MODEL : "v2";
    Machine machine = Machine.create(config(kernel, engines.getFirst(), model, console));
    machine.start();
    int times = 0;
    Outcome outcome = turn(machine);
    while (outcome == null) {
      if (times < most) {
        try {
          machine.save("clocks", file, true);
        } catch (MachineException e) {
          outcome = machine.await(1000);
          if (outcome == null) {
            throw e;
          }
          break;
        }
        times++;
        machine.close();
        machine =
            SavedMachine.open(file)
                .restore(
                    engines.get(times % engines.size()),
                    List.of(),
                    List.of(new MachineConfig.Serial(console::write)),
                    false);
        machine.start();
      }
      outcome = turn(machine);
    }
    machine.close();
    return new Result(difference(outcome, console.toString(StandardCharsets.US_ASCII)), times);
  }

  private @Nullable Outcome turn(Machine machine) throws InterruptedException {
    return machine.await(random.nextLong(1, LONGEST_TURN_MILLIS));
  }

  /** A machine with such a guest. */
  public static MachineConfig config(
      Path kernel, String engine, String cpuModel, ByteArrayOutputStream console) {
    return MachineConfig.of(BootFile.of(kernel))
        .memory(16 << 20)
        .engine(engine)
        .cpuModel(cpuModel)
        .testDevices(true)
        .serial(console::write)
        .build();
  }

  private static String difference(Outcome outcome, String console) {
    StringBuilder expected = new StringBuilder();
    for (int line = 1; line <= LINES; line++) {
      expected.append("%08x\n".formatted(line));
    }
    if (outcome.equals(new Outcome.TestExit(1)) && console.contentEquals(expected)) {
      return "";
    }
    return "%s It wrote: %s".formatted(outcome.sentence(), console.replace('\n', ' '));
  }

  /** The step of the rig. */
  static boolean run(Path kernel, Path file, List<String> engines) throws InterruptedException {
    Result result = new SavedRelay(engines, new Random(11)).run(kernel, file, 12);
    RigMain.say(
        "  %s: saved %d times, %s"
            .formatted(
                String.join(" and ", engines),
                result.times,
                result.difference.isEmpty() ? "right at the end" : result.difference));
    return result.difference.isEmpty() && result.times > 3;
  }
}
