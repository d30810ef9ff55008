package isola.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola help}. */
final class ShowHelp implements Subcommand {
  private CommandSpec spec = CommandSpec.create();
  private List<String> words = List.of();

  @Override
  public CommandSpec describe() {
    spec = Syntax.command(this, "help", "Show how to use a command.");
    spec.addPositional(
        Syntax.parameters(0, list -> words = list)
            .arity("0..*")
            .paramLabel("COMMAND")
            .description("The command, such as run or image pull; none for a list of all.")
            .build());
    return spec;
  }

  @Override
  public Integer call() {
    CommandLine shown = spec.root().commandLine();
    for (String word : words) {
      CommandLine below = shown.getSubcommands().get(word);
      if (below == null) {
        List<String> close = Suggestions.of(word, shown, false);
        throw new UsageFailure(
            "There is no command '%s'%s"
                .formatted(
                    word,
                    close.isEmpty() ? "." : "; did you mean %s?".formatted(close.getFirst())));
      }
      shown = below;
    }
    shown.usage(shown.getOut());
    return ExitStatus.OK;
  }
}
