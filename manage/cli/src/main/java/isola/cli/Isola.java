package isola.cli;

import isola.cli.terminal.Messages;
import isola.image.ImageException;
import isola.machine.board.MachineException;
import isola.machine.board.boot.BootException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command {@code isola}: picks the subcommand and turns its outcome into an exit status. */
@Command(
    name = "isola",
    description = "Runs x86-64 machines and Linux containers inside a JVM.",
    versionProvider = Isola.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    footer = {"", "isola help COMMAND says more about one command."})
final class Isola implements Runnable {
  private final Surroundings surroundings;
  private final OptionsOfAll all = new OptionsOfAll();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = {"-y", "--yes"},
      scope = ScopeType.INHERIT,
      description = "Let the launcher install what is missing without asking.")
  @SuppressWarnings("UnusedVariable") // the launcher reads it before this program starts
  private boolean yes;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean version;

  Isola(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Say more: boot phases with their times, figures at the end.")
  void verbose(boolean on) {
    all.verbose = on;
  }

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show stack traces of failures, and the guest's console where it is hidden.")
  void debug(boolean on) {
    all.debug = on;
  }

  /** Runs one command; its status. */
  int execute(String... arguments) {
    CommandLine isola = commandLine(arguments.length == 0 ? "" : arguments[0]);
    Thread.setDefaultUncaughtExceptionHandler((_, failure) -> unexpected(failure));
    try {
      return isola.execute(arguments);
    } catch (Error e) {
      unexpected(e);
      return ExitStatus.ISOLA;
    }
  }

  /**
   * The commands. For one that starts a guest there are no others: they would take as long to
   * describe as a machine to build.
   */
  private CommandLine commandLine(String first) {
    CommandLine isola = new CommandLine(this);
    switch (first) {
      case "run" -> isola.addSubcommand(runCommand());
      case "boot" -> isola.addSubcommand(new BootCommand(surroundings, all));
      case "restore" -> isola.addSubcommand(new RestoreCommand(surroundings, all));
      default -> addAll(isola);
    }
    return isola
        .setOut(new PrintWriter(surroundings.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(surroundings.messages().stream(), true, StandardCharsets.UTF_8))
        .setUsageHelpAutoWidth(false)
        .setUsageHelpWidth(100)
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .setExpandAtFiles(false)
        .setOverwrittenOptionsAllowed(true)
        .setExitCodeExceptionMapper(_ -> ExitStatus.FAILED)
        .setParameterExceptionHandler(this::wrongUse)
        .setExecutionExceptionHandler(this::failed);
  }

  private void addAll(CommandLine isola) {
    ImageCommand images = new ImageCommand(surroundings, all);
    CommandLine image = new CommandLine(images);
    for (Callable<Integer> command : images.subcommands()) {
      image.addSubcommand(command);
    }
    isola
        .addSubcommand(runCommand())
        .addSubcommand(new BootCommand(surroundings, all))
        .addSubcommand(new ListCommand(surroundings))
        .addSubcommand(new PauseCommands.Pause(surroundings))
        .addSubcommand(new PauseCommands.Resume(surroundings))
        .addSubcommand(new SaveCommand(surroundings))
        .addSubcommand(new RestoreCommand(surroundings, all))
        .addSubcommand(image)
        .addSubcommand(new CompletionCommand(surroundings))
        .addSubcommand(new ShowHelp())
        .addSubcommand(new WarmUp(surroundings, all));
  }

  private CommandLine runCommand() {
    // All that follows the image belongs to the guest's command.
    return new CommandLine(new RunCommand(surroundings, all)).setStopAtPositional(true);
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "Say what to do: isola run debian -- uname -a, for instance.");
  }

  private int wrongUse(ParameterException wrong, String[] arguments) {
    if (Arrays.asList(arguments).contains("--debug")) {
      wrong.printStackTrace(surroundings.messages().stream());
    }
    Messages messages = surroundings.messages();
    messages.say(sentence(wrong));
    String command = wrong.getCommandLine().getCommandSpec().qualifiedName();
    messages.say("%s --help says how to use it.".formatted(command));
    return ExitStatus.USAGE;
  }

  private static String sentence(ParameterException wrong) {
    String text = String.valueOf(wrong.getMessage());
    if (wrong instanceof UnmatchedArgumentException unmatched) {
      String argument = unmatched.getUnmatched().getFirst();
      CommandLine where = wrong.getCommandLine();
      String kind =
          unmatched.isUnknownOption()
              ? "option"
              : where.getSubcommands().isEmpty() ? "argument" : "command";
      String name = argument.replaceFirst("(?<=^--?[^=]{1,80})=.*", "");
      List<String> close = Suggestions.of(name, where, unmatched.isUnknownOption());
      text =
          "%s has no %s '%s'%s"
              .formatted(
                  where.getCommandSpec().qualifiedName(),
                  kind,
                  name,
                  close.isEmpty()
                      ? "."
                      : "; did you mean %s?".formatted(String.join(" or ", close)));
    }
    return text.endsWith(".") || text.endsWith("?") ? text : text + ".";
  }

  private int failed(Exception failure, CommandLine command, ParseResult parsed) {
    if (all.debug) {
      failure.printStackTrace(surroundings.messages().stream());
    }
    Messages messages = surroundings.messages();
    boolean runs = command.getCommandName().equals("run");
    switch (failure) {
      case UsageFailure usage -> {
        messages.say(String.valueOf(usage.getMessage()));
        return ExitStatus.USAGE;
      }
      case CommandFailure _, MachineException _, BootException _, ImageException _ ->
          messages.say(String.valueOf(failure.getMessage()));
      case InterruptedException _ -> messages.say("Isola was interrupted.");
      default -> unexpected(failure);
    }
    return runs ? ExitStatus.ISOLA : ExitStatus.FAILED;
  }

  private void unexpected(Throwable failure) {
    Messages messages = surroundings.messages();
    switch (root(failure)) {
      case OutOfMemoryError _ ->
          messages.say("Isola ran out of memory; ISOLA_JAVA_OPTIONS=-Xmx1g gives it more.");
      default ->
          messages.say(
              "Isola itself failed: %s. This is a bug; --debug shows where."
                  .formatted(root(failure)));
    }
    if (all.debug) {
      failure.printStackTrace(messages.stream());
    }
  }

  private static Throwable root(Throwable failure) {
    Throwable cause = failure.getCause();
    return cause == null || cause == failure ? failure : root(cause);
  }

  /** What {@code isola --version} prints. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {
        "isola 0.1.0",
        "Java %s, %s"
            .formatted(Runtime.version(), System.getProperty("os.arch", "unknown processor"))
      };
    }
  }
}
