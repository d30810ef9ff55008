package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.machine.board.EngineChoice;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that every command has in which a machine runs, new or restored. */
class RunOptions {
  @Option(
      names = "--engine",
      paramLabel = "NAME",
      defaultValue = EngineChoice.AUTO,
      description =
          "What runs the guest's instructions: interpreter, translator, kvm, or auto for the fastest"
              + " that can run here (default: ${DEFAULT-VALUE}).")
  String engine = EngineChoice.AUTO;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description =
          "Stop the machine this long after its start, with status 124; such as 30s or 5m.")
  @Nullable Duration timeout;

  @Option(
      names = "--stats",
      paramLabel = "FILE",
      description = "Write figures of the run to FILE, as JSON.")
  @Nullable Path stats;

  @Option(
      names = "--perf-map",
      description =
          "At the end, write /tmp/perf-PID.map, by which Linux perf names the translator's code.")
  boolean perfMap;

  @Option(
      names = "--escape",
      paramLabel = "KEY",
      defaultValue = "ctrl-]",
      converter = KeyConverter.class,
      description =
          "The key that, before q, stops the machine on a raw terminal; none for no such key"
              + " (default: ${DEFAULT-VALUE}).")
  int escape = EscapeKey.DEFAULT;

  /** Reads {@code --escape}. */
  static final class KeyConverter implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String text) {
      try {
        return EscapeKey.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
