package isola.cli;

import isola.cli.guest.GuestSession;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Tty;
import isola.core.backend.ByteSink;
import isola.host.Terminal;
import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.guest.GuestEvent;
import isola.image.guest.GuestPorts;
import isola.image.guest.GuestRequest;
import isola.image.kernel.KernelDrivers;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.boot.BootFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola run}: one command in a fresh guest, as if it ran here. */
final class RunCommand implements Subcommand {
  private static final int STATUS = ExitStatus.ISOLA;

  /** The size that a terminal has if ours tells none. */
  private static final Terminal.Size DEFAULT_SIZE = new Terminal.Size(80, 24);

  /** How long a command may go on after SIGTERM. */
  private static final Duration GRACE = Duration.ofSeconds(10);

  private static final int CONSOLE_LINES = 12;
  private static final int END_OF_TRANSMISSION = 4;

  private final Surroundings surroundings;
  private final OptionsOfAll all;

  private final MachineOptions options = new MachineOptions();
  private boolean interactive;
  private boolean wantsTerminal;
  private List<String> environment = List.of();
  private String workdir = "/";
  private List<VolumeOption> volumes = List.of();
  private String hostname = "isola";
  private @Nullable Path kernel;
  private String image = "";
  private List<String> command = List.of();

  RunCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec =
        Syntax.command(this, "run", "Run a command in a new machine, as if it ran here.");
    spec.usageMessage()
        .footer(
            "",
            "Standard output and error are the command's, and so is the exit status; 125 says that"
                + " Isola itself failed, 124 that the time was over.");
    // All that follows the image belongs to the guest's command.
    spec.parser().stopAtPositional(true);
    options.declare(spec);
    spec.addOption(
        Syntax.flag(on -> interactive = on, "-i", "--interactive")
            .description("Pass standard input on; without it the command's input is empty.")
            .build());
    spec.addOption(
        Syntax.flag(on -> wantsTerminal = on, "-t", "--tty")
            .description(
                "Give the command a terminal; on a terminal, this passes standard input on.")
            .build());
    spec.addOption(
        Syntax.options(String.class, text -> text, list -> environment = list, "-e", "--env")
            .paramLabel("NAME[=VALUE]")
            .description(
                "An environment variable of the command; without a value, with the one it has"
                    + " here.")
            .build());
    spec.addOption(
        Syntax.option(String.class, folder -> workdir = folder, "-w", "--workdir")
            .paramLabel("DIR")
            .defaultValue(workdir)
            .description("The directory to start in (default: ${DEFAULT-VALUE}).")
            .build());
    spec.addOption(
        Syntax.options(
                VolumeOption.class, VolumeOption::parse, list -> volumes = list, "-v", "--volume")
            .paramLabel("HOST:GUEST[:ro]")
            .description(
                "Give the guest a copy of a file or directory, taken at the start. With ro it"
                    + " cannot be changed; else what the guest writes there stays in the guest.")
            .build());
    spec.addOption(
        Syntax.option(String.class, name -> hostname = name, "--hostname", "--name")
            .paramLabel("NAME")
            .defaultValue(hostname)
            .description("The guest's name (default: ${DEFAULT-VALUE}).")
            .build());
    spec.addOption(
        Syntax.option(Path.class, Path::of, file -> kernel = file, "--kernel")
            .paramLabel("FILE")
            .description(
                "Another kernel than the image's, of the same version or with the drivers built"
                    + " in.")
            .build());
    spec.addPositional(
        Syntax.parameter(0, String.class, name -> image = name)
            .arity("0..1")
            .paramLabel("IMAGE")
            .description("debian, debian:12 or debian:13.")
            .build());
    spec.addPositional(
        Syntax.parameters(1, words -> command = words)
            .arity("0..*")
            .paramLabel("COMMAND")
            .description("The command and its arguments, all that follows the image.")
            .build());
    return spec;
  }

  @Override
  public Integer call() throws InterruptedException, ImageException {
    if (image.isEmpty()) {
      throw new UsageFailure("Say what to run: isola run debian -- uname -a, for instance.");
    }
    List<String> words = new ArrayList<>(command);
    if (!words.isEmpty() && words.getFirst().equals("--")) {
      words.removeFirst();
    }
    if (words.isEmpty()) {
      throw new UsageFailure(
          "Say what to run in %s, such as: isola run %s -- uname -a".formatted(image, image));
    }
    ImageName name = imageName();
    Map<String, String> variables = variables();
    String engine = options.check(surroundings, all);
    Image booted = Pulling.obtain(surroundings, all, name);
    if (kernel != null) {
      checkDrivers(kernel, booted);
    }
    try (VolumeDisks disks = new VolumeDisks(surroundings.images(), volumes);
        GuestRun run = new GuestRun(surroundings)) {
      if (disks.writable()) {
        surroundings
            .messages()
            .say(
                "What the guest writes to its volumes stays in the guest; the host's files do not change.");
      }
      return run.endWith(new Guest(run, booted, engine, words, variables, disks).run());
    }
  }

  /** A kernel that cannot find its root disk would say so a minute later, to nobody. */
  private static void checkDrivers(Path kernel, Image image) {
    KernelDrivers drivers;
    try {
      drivers = KernelDrivers.of(kernel).orElse(null);
    } catch (IOException e) {
      throw new CommandFailure("Cannot read %s: %s.".formatted(kernel, StatsFile.reason(e)), e);
    }
    if (drivers != null
        && !drivers.version().equals(image.kernelVersion())
        && !drivers.missing().isEmpty()) {
      throw new CommandFailure(
          "The kernel %s (%s) lacks %s, and the image's modules are for %s; use a kernel of that version, or one with these drivers built in."
              .formatted(
                  kernel,
                  drivers.version(),
                  String.join(", ", drivers.missing()),
                  image.kernelVersion()));
    }
  }

  private ImageName imageName() {
    try {
      return ImageName.parse(image);
    } catch (ImageException e) {
      throw new UsageFailure(String.valueOf(e.getMessage()));
    }
  }

  private Map<String, String> variables() {
    Map<String, String> variables = new LinkedHashMap<>();
    for (String text : environment) {
      int equals = text.indexOf('=');
      String name = equals < 0 ? text : text.substring(0, equals);
      if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
        throw new UsageFailure("'%s' is not the name of an environment variable.".formatted(name));
      }
      if (equals >= 0) {
        variables.put(name, text.substring(equals + 1));
      } else {
        String here = System.getenv(name);
        if (here != null) {
          variables.put(name, here);
        }
      }
    }
    return variables;
  }

  /** One run, once everything it needs is there. */
  private final class Guest {
    private final GuestRun run;
    private final Image booted;
    private final String engine;
    private final Map<String, String> variables;
    private final List<String> words;
    private final VolumeDisks disks;
    private final Messages messages = surroundings.messages();
    private final ConsoleTail console;
    private final Optional<Tty> keyboard;
    private final boolean passInput;
    private boolean finished;
    private boolean interrupted;
    private boolean toldUnknown;

    Guest(
        GuestRun run,
        Image booted,
        String engine,
        List<String> words,
        Map<String, String> variables,
        VolumeDisks disks) {
      this.run = run;
      this.booted = booted;
      this.engine = engine;
      this.words = words;
      this.variables = variables;
      this.disks = disks;
      console =
          new ConsoleTail(all.debug ? new StreamSink(messages.stream(), _ -> {}) : (_, _, _) -> {});
      keyboard =
          interactive || wantsTerminal
              ? surroundings.tty().apply(Surroundings.STDIN)
              : Optional.empty();
      passInput = interactive || (wantsTerminal && keyboard.isPresent());
    }

    int run() throws InterruptedException, ImageException {
      GuestSession session =
          new GuestSession(request().lines(), event -> run.report(new RunEvent.Guest(event)));
      run.closeLater(session);
      MachineConfig.Builder config =
          options
              .machine(
                  kernel == null ? booted.kernel() : kernel, KernelWords.of(options.append), engine)
              .initrd(BootFile.of(booted.initrd()))
              .serial(console)
              .disk(booted.root(), true);
      disks.files().forEach(disk -> config.disk(disk, true));
      ports(config, session);
      Machine machine = run.build(config.build());
      int control = wantsTerminal ? 1 : 3;
      session.connect(machine.portInput(control));
      joinInput(machine, session);
      machine.phase("machine built");
      run.listen(null, image);
      run.start(options);
      int status = watch(machine, session);
      run.finish("run", options, all, status);
      return status;
    }

    private GuestRequest request() {
      GuestRequest.Terminal terminal = null;
      if (wantsTerminal) {
        Terminal.Size size = size();
        terminal = new GuestRequest.Terminal("hvc0", size.rows(), size.columns());
        if (!variables.containsKey("TERM")) {
          String here = System.getenv("TERM");
          variables.put("TERM", here == null || here.isEmpty() ? "xterm" : here);
        }
      }
      return new GuestRequest(words, variables, workdir, hostname, terminal, disks.requests());
    }

    private Terminal.Size size() {
      return keyboard
          .flatMap(Tty::size)
          .or(() -> surroundings.tty().apply(Surroundings.STDOUT).flatMap(Tty::size))
          .orElse(DEFAULT_SIZE);
    }

    /** The control port comes last, see {@link GuestPorts}. */
    private void ports(MachineConfig.Builder config, GuestSession session) {
      if (wantsTerminal) {
        config.port("isola.terminal", true, run.sink(surroundings.out()));
      } else {
        ByteSink nothing = (_, _, _) -> {};
        config
            .port(GuestPorts.STDIN, false, nothing)
            .port(GuestPorts.STDOUT, false, run.sink(surroundings.out()))
            .port(GuestPorts.STDERR, false, run.sink(messages.stream()));
      }
      config.port(GuestPorts.CONTROL, false, session.output());
    }

    private void joinInput(Machine machine, GuestSession session) {
      if (!passInput) {
        if (!wantsTerminal) {
          machine.portEnd(0);
        }
        return;
      }
      InputStream keys = surroundings.in();
      if (wantsTerminal && keyboard.isPresent()) {
        Tty tty = keyboard.get();
        keys = run.rawKeys(tty, options.escape);
        run.closeLater(tty.watch(size -> session.resize(size.rows(), size.columns())));
      }
      run.feed(
          keys,
          machine.portInput(0),
          () -> {
            if (wantsTerminal) {
              // A terminal has no end; this is the key that means it.
              int _ = machine.portInput(0).offer(new byte[] {END_OF_TRANSMISSION}, 0, 1);
            } else {
              machine.portEnd(0);
            }
          });
    }

    private int watch(Machine machine, GuestSession session) throws InterruptedException {
      int status = STATUS;
      while (true) {
        switch (run.next()) {
          case RunEvent.Guest guest -> {
            switch (guest.event()) {
              case GuestEvent.Hello _ -> {
                // A kernel told to be quiet does not say when it began.
                machine.phase("user space");
                machine.phase("agent ready");
              }
              case GuestEvent.Started _ -> machine.phase("command started");
              case GuestEvent.Exited exited -> {
                machine.phase("command ended");
                finished = true;
                status = run.endWith(exited.status());
                run.unlimited();
                run.drain(machine::drainPorts);
              }
              case GuestEvent.Failed failed -> {
                messages.say(sentence(failed.why()));
                return STATUS;
              }
              case GuestEvent.Unknown unknown -> {
                if (all.verbose && !toldUnknown) {
                  toldUnknown = true;
                  messages.say("The guest's agent said what nobody understands: " + unknown.line());
                }
              }
            }
          }
          case RunEvent.Drained _ -> {
            return status;
          }
          case RunEvent.Ended ended -> {
            if (!finished) {
              endedEarly(ended);
              return STATUS;
            }
          }
          case RunEvent.Saved _ -> {
            // Refused: the session with the guest's agent is no part of the machine.
          }
          case RunEvent.TimedOut _ -> {
            return timedOut();
          }
          case RunEvent.Signalled signal -> {
            if (finished || !passOn(signal.number(), session)) {
              return ExitStatus.signal(signal.number());
            }
          }
          case RunEvent.OutputGone gone -> {
            return run.outputGone(gone.why(), STATUS);
          }
          case RunEvent.Escaped escaped -> {
            if (run.escaped(escaped.action(), options.escape)) {
              return STATUS;
            }
          }
        }
      }
    }

    private int timedOut() {
      if (interrupted) {
        messages.say(
            "The command did not end within %s of the signal; the machine was stopped."
                .formatted(Durations.show(GRACE)));
        return ExitStatus.signal(ExitStatus.SIGTERM);
      }
      messages.say(
          "The command did not end within %s; the machine was stopped."
              .formatted(options.timeout == null ? "" : Durations.show(options.timeout)));
      return ExitStatus.TIMEOUT;
    }

    /** Passes a first SIGINT or SIGTERM on to the command, if there is one to take it. */
    private boolean passOn(int number, GuestSession session) {
      if (interrupted || !session.running() || number == ExitStatus.SIGHUP) {
        return false;
      }
      interrupted = true;
      session.signal(number);
      if (number == ExitStatus.SIGTERM) {
        run.limit(GRACE.toNanos());
      } else {
        messages.say("The command was interrupted; once more stops the machine.");
      }
      return true;
    }

    private void endedEarly(RunEvent.Ended ended) {
      messages.say("The guest ended before its command did. " + ended.outcome().sentence());
      List<String> lines = console.lines(CONSOLE_LINES);
      if (!lines.isEmpty() && !all.debug) {
        messages.say("The last that its kernel said:");
        lines.forEach(line -> messages.plain("  " + line));
      }
    }

    private String sentence(String why) {
      String text = why.isEmpty() ? "the guest gave up without saying why" : why;
      String capital = Character.toUpperCase(text.charAt(0)) + text.substring(1);
      return capital.endsWith(".") ? capital : capital + ".";
    }
  }
}
