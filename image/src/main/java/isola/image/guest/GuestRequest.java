package isola.image.guest;

import isola.image.ImageException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the agent shall run.
 *
 * @param arguments the command and its arguments, each as it is; at least one
 * @param environment variables to set beside PATH and HOME; names are {@code
 *     [A-Za-z_][A-Za-z0-9_]*}
 * @param workdir the directory to start in
 * @param hostname the guest's name
 * @param terminal the terminal to run on, or null for the three standard ports
 * @param volumes disks to mount
 */
public record GuestRequest(
    List<String> arguments,
    Map<String, String> environment,
    String workdir,
    String hostname,
    @Nullable Terminal terminal,
    List<Volume> volumes) {

  /**
   * A console port used as terminal.
   *
   * @param device its name in the guest, such as {@code hvc0}
   * @param rows the window's height, in characters
   * @param columns the window's width, in characters
   */
  public record Terminal(String device, int rows, int columns) {}

  /**
   * A disk with a file tree for the guest.
   *
   * @param device its name in the guest, such as {@code vdb}
   * @param kind how it is mounted
   * @param path where, absolute
   */
  public record Volume(String device, Kind kind, String path) {
    /** How a volume is mounted. */
    public enum Kind {
      /** A directory that the guest cannot change. */
      READ_ONLY("ro"),
      /** A directory whose changes stay in the guest. */
      COPY("rw"),
      /** A single file, the one named {@code file} on the disk. */
      FILE("file");

      private final String word;

      Kind(String word) {
        this.word = word;
      }
    }
  }

  /**
   * The request as the host sends it after {@code hello}.
   *
   * @throws ImageException if it cannot be said: no argument, a null byte, or a variable's name
   *     that is none
   */
  public byte[] lines() throws ImageException {
    StringBuilder lines = new StringBuilder();
    line(lines, "hostname", encode(hostname));
    if (terminal != null) {
      line(lines, "terminal", terminal.device());
      line(lines, "size", terminal.rows() + " " + terminal.columns());
    }
    for (Map.Entry<String, String> variable : environment.entrySet()) {
      if (!variable.getKey().matches("[A-Za-z_][A-Za-z0-9_]*")) {
        throw new ImageException(
            "'" + variable.getKey() + "' cannot be the name of an environment variable.");
      }
      line(lines, "env", variable.getKey() + "=" + encode(variable.getValue()));
    }
    line(lines, "workdir", encode(workdir));
    for (Volume volume : volumes) {
      line(
          lines,
          "volume",
          volume.device() + " " + volume.kind().word + " " + encode(volume.path()));
    }
    if (arguments.isEmpty()) {
      throw new ImageException("There is no command to run in the guest.");
    }
    for (String argument : arguments) {
      line(lines, "arg", encode(argument));
    }
    lines.append("run\n");
    return lines.toString().getBytes(StandardCharsets.US_ASCII);
  }

  /** The line that sends the command a signal, by its number. */
  public static byte[] signal(int number) {
    return ("signal " + number + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  /** The line that tells the terminal's new size. */
  public static byte[] resize(int rows, int columns) {
    return ("resize " + rows + " " + columns + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  /** The line that lets the guest switch itself off, once its output has been read. */
  public static byte[] off() {
    return "off\n".getBytes(StandardCharsets.US_ASCII);
  }

  private static void line(StringBuilder lines, String key, String value) {
    lines.append(key).append(' ').append(value).append('\n');
  }

  /**
   * Each byte but the plain ones as a backslash and three octal digits, like the names in
   * /proc/self/mounts.
   */
  private static String encode(String value) throws ImageException {
    StringBuilder encoded = new StringBuilder();
    for (byte b : value.getBytes(StandardCharsets.UTF_8)) {
      int c = b & 0xff;
      if (c == 0) {
        throw new ImageException("A command for the guest cannot have a null byte.");
      }
      if (c >= 0x21 && c <= 0x7e && c != '\'' && c != '\\') {
        encoded.append((char) c);
      } else {
        encoded.append(String.format("\\%03o", c));
      }
    }
    return encoded.toString();
  }
}
