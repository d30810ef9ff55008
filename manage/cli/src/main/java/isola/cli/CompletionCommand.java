package isola.cli;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola completion}. */
final class CompletionCommand implements Subcommand {
  /** The shells there is a script for. */
  enum Shell {
    bash,
    zsh
  }

  private final Surroundings surroundings;

  private CommandSpec spec = CommandSpec.create();

  CompletionCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public CommandSpec describe() {
    spec =
        Syntax.command(
            this,
            "completion",
            "Print a script that teaches a shell to complete isola's commands.");
    spec.usageMessage().footer("", "For bash and zsh: source <(isola completion bash)");
    spec.addPositional(
        // The same script loads bash's way of completing into zsh.
        Syntax.parameter(0, Shell.class, _ -> {})
            .required(true)
            .paramLabel("SHELL")
            .description("One of: ${COMPLETION-CANDIDATES}.")
            .build());
    return spec;
  }

  @Override
  public Integer call() {
    CommandLine isola = spec.root().commandLine();
    new PrintStream(surroundings.out(), true, StandardCharsets.UTF_8)
        .print(AutoComplete.bash("isola", isola));
    return ExitStatus.OK;
  }
}
