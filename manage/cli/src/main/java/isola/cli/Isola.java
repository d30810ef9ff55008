package isola.cli;

import isola.cli.terminal.Messages;
import isola.image.ImageException;
import isola.machine.board.MachineException;
import isola.machine.board.boot.BootException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command {@code isola}: picks the subcommand and turns its outcome into an exit status. */
final class Isola implements Subcommand {
  private final Surroundings surroundings;
  private final OptionsOfAll all = new OptionsOfAll();
  private CommandSpec spec = CommandSpec.create();

  Isola(Surroundings surroundings) {
    this.surroundings = surroundings;
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
   * The commands. For one that starts a guest there are no others: the guest need not wait until
   * all are described.
   */
  private CommandLine commandLine(String first) {
    CommandLine isola = new CommandLine(describe());
    for (Subcommand command : commands(first)) {
      isola.addSubcommand(command.describe());
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

  @Override
  public CommandSpec describe() {
    spec = Syntax.command(this, "isola", "Runs x86-64 machines and Linux containers inside a JVM.");
    spec.usageMessage()
        .synopsisSubcommandLabel("COMMAND")
        .footer("", "isola help COMMAND says more about one command.");
    spec.versionProvider(Isola::version);
    // The launcher reads the first before this program starts, and picocli acts on the others.
    spec.addOption(
        Syntax.flag(_ -> {}, "-y", "--yes")
            .scopeType(ScopeType.INHERIT)
            .description("Let the launcher install what is missing without asking.")
            .build());
    spec.addOption(
        Syntax.flag(_ -> {}, "-h", "--help")
            .usageHelp(true)
            .scopeType(ScopeType.INHERIT)
            .description("Show this help.")
            .build());
    spec.addOption(
        Syntax.flag(_ -> {}, "-V", "--version")
            .versionHelp(true)
            .description("Show the version.")
            .build());
    all.declare(spec);
    return spec;
  }

  private List<Subcommand> commands(String first) {
    return switch (first) {
      case "run" -> List.of(new RunCommand(surroundings, all));
      case "boot" -> List.of(new BootCommand(surroundings, all));
      case "restore" -> List.of(new RestoreCommand(surroundings, all));
      default ->
          List.of(
              new RunCommand(surroundings, all),
              new BootCommand(surroundings, all),
              new ListCommand(surroundings),
              PauseCommand.pause(surroundings),
              PauseCommand.resume(surroundings),
              new SaveCommand(surroundings),
              new RestoreCommand(surroundings, all),
              new ImageCommand(surroundings, all),
              new CompletionCommand(surroundings),
              new ShowHelp(),
              new WarmUp(surroundings, all));
    };
  }

  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(), "Say what to do: isola run debian -- uname -a, for instance.");
  }

  private static String[] version() {
    return new String[] {
      "isola 0.1.0",
      "Java %s, %s".formatted(Runtime.version(), System.getProperty("os.arch", "unknown processor"))
    };
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
}
