package isola.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code isola help}. */
@Command(name = "help", description = "Show how to use a command.")
final class ShowHelp implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description = "The command, such as run or image pull; none for a list of all.")
  private List<String> words = new ArrayList<>();

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
