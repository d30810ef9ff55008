package isola.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.TypeConversionException;

/**
 * A file or directory of the host that the guest gets a copy of.
 *
 * @param host where it is on the host
 * @param guest where the guest sees it, an absolute path
 * @param readOnly whether the guest may only read; otherwise its writes stay in the guest
 */
record VolumeOption(Path host, String guest, boolean readOnly) {
  /** Reads {@code HOST:GUEST[:ro|:rw]}. */
  static VolumeOption parse(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length < 2 || parts.length > 3 || parts[0].isEmpty()) {
      throw new TypeConversionException("a volume is HOST:GUEST or HOST:GUEST:ro");
    }
    String guest = parts[1].replaceAll("/+", "/").replaceFirst("(?<=.)/$", "");
    if (!guest.startsWith("/") || guest.equals("/") || ("/" + guest + "/").contains("/../")) {
      throw new TypeConversionException(
          "'%s' is not a place for a volume; write an absolute path in the guest"
              .formatted(parts[1]));
    }
    boolean readOnly = false;
    if (parts.length == 3) {
      readOnly =
          switch (parts[2]) {
            case "ro" -> true;
            case "rw" -> false;
            default ->
                throw new TypeConversionException(
                    "a volume is ro or rw, not '%s'".formatted(parts[2]));
          };
    }
    try {
      return new VolumeOption(Path.of(parts[0]), guest, readOnly);
    } catch (InvalidPathException e) {
      throw new TypeConversionException("'%s' is not a path".formatted(parts[0]));
    }
  }
}
