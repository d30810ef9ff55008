package isola.cli;

import picocli.CommandLine.Model.CommandSpec;

/** What a machine's first serial line is joined to, see {@link SerialConsole}. */
final class SerialOption {
  String to = "stdio";

  /** Declares it. */
  void declare(CommandSpec spec) {
    spec.addOption(
        Syntax.option(String.class, place -> to = place, "--serial")
            .paramLabel("stdio|file:PATH|none")
            .defaultValue(to)
            .description("Where the serial console goes (default: ${DEFAULT-VALUE}).")
            .build());
  }
}
