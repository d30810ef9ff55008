package isola.cli;

import java.util.function.Consumer;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Which running machine a command is about. */
final class MachineName {
  private MachineName() {}

  /** The first word of such a command. */
  static PositionalParamSpec parameter(Consumer<String> to) {
    return Syntax.parameter(0, String.class, to)
        .required(true)
        .paramLabel("NAME")
        .description("The machine, as isola list has it.")
        .build();
  }
}
