package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.machine.board.EngineChoice;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.TypeConversionException;

/** The options that every command has in which a machine runs, new or restored. */
class RunOptions {
  String engine = EngineChoice.AUTO;
  @Nullable Duration timeout;
  @Nullable Path stats;
  boolean perfMap;
  int escape = EscapeKey.DEFAULT;

  /** Declares them. */
  void declare(CommandSpec spec) {
    spec.addOption(
        Syntax.option(String.class, name -> engine = name, "--engine")
            .paramLabel("NAME")
            .defaultValue(engine)
            .description(
                "What runs the guest's instructions: interpreter, translator, kvm, or auto for the"
                    + " fastest that can run here (default: ${DEFAULT-VALUE}).")
            .build());
    spec.addOption(
        Syntax.option(Duration.class, Durations::parse, time -> timeout = time, "--timeout")
            .paramLabel("TIME")
            .description(
                "Stop the machine this long after its start, with status 124; such as 30s or 5m.")
            .build());
    spec.addOption(
        Syntax.option(Path.class, Path::of, file -> stats = file, "--stats")
            .paramLabel("FILE")
            .description("Write figures of the run to FILE, as JSON.")
            .build());
    spec.addOption(
        Syntax.flag(on -> perfMap = on, "--perf-map")
            .description(
                "At the end, write /tmp/perf-PID.map, by which Linux perf names the translator's"
                    + " code.")
            .build());
    spec.addOption(
        Syntax.option(Integer.class, RunOptions::parseKey, key -> escape = key, "--escape")
            .paramLabel("KEY")
            .defaultValue("ctrl-]")
            .description(
                "The key that, before q, stops the machine on a raw terminal; none for no such key"
                    + " (default: ${DEFAULT-VALUE}).")
            .build());
  }

  private static int parseKey(String text) {
    try {
      return EscapeKey.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
