package isola.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/**
 * A disk as the command line names it.
 *
 * @param file the image
 * @param readOnly whether the guest may only read
 */
record DiskOption(Path file, boolean readOnly) {
  /** The option, still without a description: how a disk is used depends on the command. */
  static OptionSpec.Builder option(Consumer<List<DiskOption>> to) {
    return Syntax.options(DiskOption.class, DiskOption::parse, to, "-d", "--disk")
        .paramLabel("FILE[,ro][,format=raw]");
  }

  /** Reads {@code FILE[,ro][,format=raw]}. */
  static DiskOption parse(String text) {
    String[] parts = text.split(",", -1);
    if (parts[0].isEmpty()) {
      throw new TypeConversionException("a disk needs a file: FILE[,ro][,format=raw]");
    }
    boolean readOnly = false;
    for (int i = 1; i < parts.length; i++) {
      switch (parts[i]) {
        case "ro" -> readOnly = true;
        case "rw" -> readOnly = false;
        case "format=raw" -> {}
        default ->
            throw new TypeConversionException(
                parts[i].startsWith("format=")
                    ? "disk format '%s' is not supported; only raw is"
                        .formatted(parts[i].substring("format=".length()))
                    : "a disk has no property '%s'; write FILE[,ro][,format=raw]"
                        .formatted(parts[i]));
      }
    }
    return new DiskOption(Path.of(parts[0]), readOnly);
  }
}
