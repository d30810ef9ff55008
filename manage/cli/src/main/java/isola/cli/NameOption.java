package isola.cli;

import isola.cli.control.ControlFolder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What a machine is called by the commands that control it. */
final class NameOption {
  @Option(
      names = "--name",
      paramLabel = "NAME",
      converter = NameConverter.class,
      description =
          "What isola list, pause, resume and save call the machine (default: made from what runs in"
              + " it and the process id).")
  @Nullable String name;

  /** Reads {@code --name}. */
  static final class NameConverter implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      if (!ControlFolder.NAME.matcher(text).matches()) {
        throw new TypeConversionException(
            "'%s' is no name for a machine: up to 63 letters, digits, dots, dashes and underscores"
                .formatted(text));
      }
      return text;
    }
  }
}
