package isola.cli;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code isola completion}. */
@Command(
    name = "completion",
    description = "Print a script that teaches a shell to complete isola's commands.",
    footer = {"", "For bash and zsh: source <(isola completion bash)"})
final class CompletionCommand implements Callable<Integer> {
  /** The shells there is a script for. */
  enum Shell {
    bash,
    zsh
  }

  private final Surroundings surroundings;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(paramLabel = "SHELL", description = "One of: ${COMPLETION-CANDIDATES}.")
  @SuppressWarnings("UnusedVariable") // the same script loads bash's way of completing into zsh
  private Shell shell = Shell.bash;

  CompletionCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() {
    CommandLine isola = spec.root().commandLine();
    new PrintStream(surroundings.out(), true, StandardCharsets.UTF_8)
        .print(AutoComplete.bash("isola", isola));
    return ExitStatus.OK;
  }
}
