package isola.qa.lockstep;

import isola.core.cpu.CpuEngine;
import isola.machine.board.MachineConfig;
import isola.machine.board.SteppedMachine;
import isola.machine.board.boot.BootFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ServiceLoader;

/**
 * Lockstep from a command line: {@code LockstepMain KERNEL INITRD COMMAND_LINE [STEP [MOST]]}, with
 * - for no initrd.
 */
public final class LockstepMain {
  private static final long MEMORY = 256L << 20;

  private LockstepMain() {}

  /** See the class. */
  public static void main(String[] args) throws IOException {
    if (run(System.out, args).difference() != null) {
      System.exit(1);
    }
  }

  /** The level of x86-64 that interpreter and translator both have here. */
  private static int level() {
    return ServiceLoader.load(CpuEngine.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(engine -> !engine.name().equals("kvm"))
        .mapToInt(CpuEngine::level)
        .min()
        .orElseThrow();
  }

  /** As {@link #main}, for a test. */
  static Lockstep.Result run(PrintStream out, String... args) throws IOException {
    BootFile kernel = BootFile.of(Path.of(args[0]));
    BootFile initrd = args[1].equals("-") ? null : BootFile.of(Path.of(args[1]));
    long step = args.length > 3 ? Long.parseLong(args[3]) : 1_000_000;
    long most = args.length > 4 ? Long.parseLong(args[4]) : Long.MAX_VALUE / 2;
    String model = "v" + level();
    ByteArrayOutputStream serial = new ByteArrayOutputStream();
    Lockstep lockstep =
        new Lockstep(
            engine -> {
              MachineConfig.Builder builder =
                  MachineConfig.of(kernel)
                      .commandLine(args[2])
                      .memory(MEMORY)
                      .entropy(false)
                      .cpuModel(model)
                      .engine(engine)
                      .serial(
                          (bytes, offset, length) -> {
                            if (engine.equals("translator")) {
                              serial.write(bytes, offset, length);
                            }
                          });
              if (initrd != null) {
                builder.initrd(initrd);
              }
              return new SteppedMachine(builder.build());
            },
            out::println);
    long before = System.nanoTime();
    Lockstep.Result result = lockstep.run(step, most);
    out.println(serial.toString(java.nio.charset.StandardCharsets.UTF_8));
    out.println(
        "%d instructions compared in %.1f s, ended: \"%s\", %s"
            .formatted(
                result.instructions(),
                (System.nanoTime() - before) / 1e9,
                result.ending(),
                result.difference() == null ? "no difference" : result.difference()));
    return result;
  }
}
