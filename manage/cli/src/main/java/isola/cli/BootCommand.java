package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Tty;
import isola.core.backend.ByteSink;
import isola.host.OutputPump;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.Outcome;
import isola.machine.board.boot.BootFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code isola boot}: any kernel, with its serial console on our standard input and output. */
@Command(
    name = "boot",
    description = "Boot a kernel; its serial console is standard input and output.",
    footer = {
      "",
      "The kernel is a Linux bzImage, an ELF kernel with a PVH note, or a multiboot image.",
      "Ends with 0 when the guest switches itself off; with 1 on a reset, a triple fault or a failure."
    })
final class BootCommand implements Callable<Integer> {
  private static final int STATUS = ExitStatus.FAILED;

  private final Surroundings surroundings;
  private final OptionsOfAll all;

  @Mixin private MachineOptions options = new MachineOptions();

  @Option(
      names = {"-k", "--kernel"},
      paramLabel = "FILE",
      description = "The kernel; must be given.")
  private @Nullable Path kernel;

  @Option(
      names = {"-i", "--initrd"},
      paramLabel = "FILE",
      description = "An initial ramdisk, or a module for a multiboot kernel; may be repeated.")
  private List<Path> initrds = new ArrayList<>();

  @Option(
      names = {"-d", "--disk"},
      paramLabel = "FILE[,ro][,format=raw]",
      converter = DiskOption.Converter.class,
      description = "A raw disk image as the next virtio disk; may be repeated.")
  private List<DiskOption> disks = new ArrayList<>();

  @Option(
      names = "--serial",
      paramLabel = "stdio|file:PATH|none",
      defaultValue = "stdio",
      description = "Where the serial console goes (default: ${DEFAULT-VALUE}).")
  private String serial = "stdio";

  @Option(
      names = "--debug-exit",
      description =
          "Give the guest the ports that test programs end themselves with; the status is then"
              + " twice the value written, plus 1.")
  private boolean debugExit;

  BootCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (kernel == null) {
      throw new UsageFailure("Say which kernel to boot: isola boot --kernel FILE");
    }
    Path image = kernel;
    String engine = options.check(surroundings, all);
    try (GuestRun run = new GuestRun(surroundings)) {
      return run.endWith(boot(run, image, engine));
    }
  }

  private int boot(GuestRun run, Path image, String engine) throws InterruptedException {
    MachineConfig.Builder config =
        options.machine(image, options.append, engine).testDevices(debugExit);
    initrds.forEach(initrd -> config.initrd(BootFile.of(initrd)));
    disks.forEach(disk -> config.disk(disk.file(), disk.readOnly()));
    boolean stdio = serial.equals("stdio");
    OutputPump console = console(run);
    config.serial(console == null ? nowhere() : console);
    Machine machine = run.build(config.build());
    if (stdio) {
      joinInput(run, machine);
    }
    run.start(options);
    int status = watch(run, console);
    run.finish("boot", options, all, status);
    return status;
  }

  private static ByteSink nowhere() {
    return (bytes, offset, length) -> {};
  }

  private @Nullable OutputPump console(GuestRun run) {
    OutputStream stream;
    if (serial.equals("none")) {
      return null;
    } else if (serial.equals("stdio")) {
      stream = surroundings.out();
    } else if (serial.startsWith("file:") && serial.length() > 5) {
      Path file = Path.of(serial.substring(5));
      try {
        OutputStream opened = Files.newOutputStream(file);
        run.closeLater(opened);
        stream = opened;
      } catch (IOException e) {
        throw new CommandFailure(
            "Cannot write the serial console to %s: %s."
                .formatted(
                    file, Files.isDirectory(file) ? "it is a directory" : reason(file, e)),
            e);
      }
    } else {
      throw new UsageFailure(
          "There is no serial console '%s'; it is stdio, file:PATH or none.".formatted(serial));
    }
    OutputPump pump = new OutputPump("serial console", run.sink(stream));
    run.closeLater(pump);
    return pump;
  }

  private static String reason(Path file, IOException e) {
    return e instanceof NoSuchFileException && file.toAbsolutePath().getParent() != null
        ? "there is no directory " + file.toAbsolutePath().getParent()
        : StatsFile.reason(e);
  }

  private void joinInput(GuestRun run, Machine machine) {
    InputStream keys = surroundings.in();
    Optional<Tty> tty = surroundings.tty().apply(Surroundings.STDIN);
    if (tty.isPresent()) {
      keys = run.rawKeys(tty.get(), options.escape);
      if (all.verbose && options.escape != EscapeKey.NONE) {
        run.help(options.escape);
      }
    }
    // The end of our input is not the end of the guest.
    run.feed(keys, machine.serialInput(0), () -> {});
  }

  private int watch(GuestRun run, @Nullable OutputPump console) throws InterruptedException {
    Messages messages = surroundings.messages();
    int status = STATUS;
    while (true) {
      switch (run.next()) {
        case RunEvent.Ended ended -> {
          run.unlimited();
          status = ended(ended.outcome(), messages);
          run.endWith(status);
          if (console == null) {
            return status;
          }
          run.drain(console::drain);
        }
        case RunEvent.Drained _ -> {
          return status;
        }
        case RunEvent.TimedOut _ -> {
          messages.say(
              "The machine ran for %s and was stopped."
                  .formatted(options.timeout == null ? "" : Durations.show(options.timeout)));
          return ExitStatus.TIMEOUT;
        }
        case RunEvent.Signalled signal -> {
          return ExitStatus.signal(signal.number());
        }
        case RunEvent.OutputGone gone -> {
          return run.outputGone(gone.why(), STATUS);
        }
        case RunEvent.Escaped escaped -> {
          if (run.escaped(escaped.action(), options.escape)) {
            return STATUS;
          }
        }
        case RunEvent.Guest _ -> {}
      }
    }
  }

  private int ended(Outcome outcome, Messages messages) {
    return switch (outcome) {
      case Outcome.PoweredOff _ -> ExitStatus.OK;
      case Outcome.TestExit test -> test.status();
      default -> {
        messages.say(outcome.sentence());
        yield STATUS;
      }
    };
  }
}
