package isola.image.guest;

/**
 * What the agent says, one line each. Text that is none of these is {@link Unknown}: the guest may
 * write what it likes.
 */
public sealed interface GuestEvent {
  /** The longest line that a host needs to keep; a longer one is not the agent's. */
  int LONGEST = 4096;

  /** The agent is ready for the request. */
  record Hello(int version) implements GuestEvent {}

  /** The command is about to be executed. */
  record Started() implements GuestEvent {}

  /**
   * The command has ended with this status, 0 to 255; 128 and a signal's number if that ended it.
   */
  record Exited(int status) implements GuestEvent {}

  /**
   * The command could not be run for a reason that is not the command's; a sentence without its
   * dot.
   */
  record Failed(String why) implements GuestEvent {}

  /** Something else. */
  record Unknown(String line) implements GuestEvent {}

  /** Reads a line, without its end. */
  static GuestEvent parse(String line) {
    int blank = line.indexOf(' ');
    String word = blank < 0 ? line : line.substring(0, blank);
    String rest = blank < 0 ? "" : line.substring(blank + 1).strip();
    return switch (word) {
      case "hello" ->
          rest.matches("[0-9]{1,4}") ? new Hello(Integer.parseInt(rest)) : new Unknown(line);
      case "started" -> new Started();
      case "exit" -> {
        int status = rest.matches("[0-9]{1,3}") ? Integer.parseInt(rest) : 256;
        yield status > 255 ? new Unknown(line) : new Exited(status);
      }
      case "failed" -> new Failed(printable(rest));
      default -> new Unknown(printable(line));
    };
  }

  private static String printable(String text) {
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
