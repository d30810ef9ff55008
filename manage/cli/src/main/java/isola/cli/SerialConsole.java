package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Tty;
import isola.core.backend.ByteSink;
import isola.host.OutputPump;
import isola.machine.board.Machine;
import isola.machine.board.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A machine whose first serial line is the terminal, a file, or nothing: what joins them, and what
 * happens until the end. One run's.
 */
final class SerialConsole {
  private static final int STATUS = ExitStatus.FAILED;

  private final Surroundings surroundings;
  private final OptionsOfAll all;
  private final RunOptions options;
  private final GuestRun run;
  private final boolean stdio;
  private final @Nullable OutputPump console;

  /**
   * Opens what the line is to be joined to.
   *
   * @param serial {@code stdio}, {@code file:PATH} or {@code none}
   */
  SerialConsole(
      Surroundings surroundings,
      OptionsOfAll all,
      RunOptions options,
      GuestRun run,
      String serial) {
    this.surroundings = surroundings;
    this.all = all;
    this.options = options;
    this.run = run;
    stdio = serial.equals("stdio");
    console = open(serial);
  }

  /** Takes what the guest writes. */
  ByteSink sink() {
    return console == null ? nowhere() : console;
  }

  /** Takes what nobody wants. */
  static ByteSink nowhere() {
    return (bytes, offset, length) -> {};
  }

  private @Nullable OutputPump open(String serial) {
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
                .formatted(file, Files.isDirectory(file) ? "it is a directory" : reason(file, e)),
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

  /**
   * Joins the terminal, runs the machine to its end, and says how it ended: the status.
   *
   * @param what what runs in it
   */
  int runToTheEnd(String command, Machine machine, NameOption name, String what)
      throws InterruptedException {
    if (stdio) {
      joinInput(machine);
    }
    run.listen(name.name, what);
    run.start(options);
    int status = watch();
    run.finish(command, options, all, status);
    return status;
  }

  private void joinInput(Machine machine) {
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

  private int watch() throws InterruptedException {
    Messages messages = surroundings.messages();
    int status = STATUS;
    while (true) {
      switch (run.next()) {
        case RunEvent.Ended ended -> {
          run.unlimited();
          status = ended(ended.outcome(), messages);
          if (drain(status)) {
            return status;
          }
        }
        case RunEvent.Saved saved -> {
          run.unlimited();
          messages.say("The machine was saved to %s.".formatted(saved.file()));
          status = ExitStatus.SAVED;
          if (drain(status)) {
            return status;
          }
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

  /** Has what the guest wrote passed on before the end; whether nothing is to be waited for. */
  private boolean drain(int status) {
    int _ = run.endWith(status);
    if (console == null) {
      return true;
    }
    run.drain(console::drain);
    return false;
  }

  private static int ended(Outcome outcome, Messages messages) {
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
