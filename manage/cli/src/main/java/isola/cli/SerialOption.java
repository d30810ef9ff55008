package isola.cli;

import picocli.CommandLine.Option;

/** What a machine's first serial line is joined to, see {@link SerialConsole}. */
final class SerialOption {
  @Option(
      names = "--serial",
      paramLabel = "stdio|file:PATH|none",
      defaultValue = "stdio",
      description = "Where the serial console goes (default: ${DEFAULT-VALUE}).")
  String to = "stdio";
}
