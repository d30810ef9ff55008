package isola.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code isola}: picks the subcommand and turns its outcome into an exit status. */
@Command(
    name = "isola",
    description = "Runs x86-64 machines and Linux containers inside a JVM.",
    mixinStandardHelpOptions = true,
    version = "isola 0.1.0")
public final class Main implements Runnable {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = {"-y", "--yes"},
      scope = ScopeType.INHERIT,
      description = "Let the launcher install what is missing without asking.")
  @SuppressWarnings("UnusedVariable") // the launcher reads it before this program starts
  private boolean yes;

  private Main() {}

  /**
   * Runs one command and ends the JVM with its status.
   *
   * @param arguments the words after {@code isola}
   */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Main()).execute(arguments));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say what to do: no command was given.");
  }
}
