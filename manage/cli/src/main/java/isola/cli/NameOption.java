package isola.cli;

import isola.cli.control.ControlFolder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.TypeConversionException;

/** What a machine is called by the commands that control it. */
final class NameOption {
  @Nullable String name;

  /** Declares it. */
  void declare(CommandSpec spec) {
    spec.addOption(
        Syntax.option(String.class, NameOption::parse, chosen -> name = chosen, "--name")
            .paramLabel("NAME")
            .description(
                "What isola list, pause, resume and save call the machine (default: made from what"
                    + " runs in it and the process id).")
            .build());
  }

  private static String parse(String text) {
    if (!ControlFolder.NAME.matcher(text).matches()) {
      throw new TypeConversionException(
          "'%s' is no name for a machine: up to 63 letters, digits, dots, dashes and underscores"
              .formatted(text));
    }
    return text;
  }
}
