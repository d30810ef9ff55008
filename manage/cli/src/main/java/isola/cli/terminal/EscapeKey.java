package isola.cli.terminal;

import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * What a person types, with the escape key taken out: the key, then {@code q}, {@code p}, {@code s}
 * or {@code ?}, is for Isola; the key twice sends it once; the key and anything else is sent as it
 * is. One reader.
 */
public final class EscapeKey extends InputStream {
  /** Stands for no escape key. */
  public static final int NONE = -1;

  /** Control and the closing bracket, as telnet has it. */
  public static final int DEFAULT = 0x1d;

  /** What can be asked for. */
  public enum Action {
    /** Stop the machine. */
    QUIT,
    /** Save the machine and end it. */
    SAVE,
    /** Press the machine's power button. */
    POWER,
    /** Say what the key does. */
    HELP
  }

  private final InputStream keys;
  private final int key;
  private final Consumer<Action> listener;
  private final byte[] typed = new byte[1024];
  private boolean escaped;
  private int held = -1;

  /** Reads {@code keys}; actions are told to {@code listener} on the reader's thread. */
  public EscapeKey(InputStream keys, int key, Consumer<Action> listener) {
    this.keys = keys;
    this.key = key;
    this.listener = listener;
  }

  /**
   * Reads a key as a person writes it: {@code ctrl-a} to {@code ctrl-z}, {@code ctrl-]} and its
   * like, {@code ^]}, or {@code none}.
   *
   * @throws IllegalArgumentException if it is no such key
   */
  public static int parse(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.equals("none")) {
      return NONE;
    }
    String letter =
        lower.startsWith("ctrl-")
            ? lower.substring(5)
            : lower.startsWith("^") ? lower.substring(1) : "";
    if (letter.length() == 1) {
      char c = letter.toUpperCase(Locale.ROOT).charAt(0);
      if (c >= '@' && c <= '_') {
        return c & 0x1f;
      }
    }
    throw new IllegalArgumentException(
        "'%s' is not a key; write it like ctrl-] or ctrl-p, or none".formatted(text));
  }

  /** The key for people: {@code Ctrl-]}. */
  public static String show(int key) {
    return key == NONE ? "none" : "Ctrl-" + (char) (key | 0x40);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    int count = read(one, 0, 1);
    return count < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (held >= 0) {
      bytes[offset] = (byte) held;
      held = -1;
      return 1;
    }
    if (length == 1) {
      byte[] two = new byte[2];
      int count = read(two, 0, 2);
      if (count > 0) {
        bytes[offset] = two[0];
        held = count == 2 ? two[1] & 0xff : -1;
      }
      return Math.min(count, 1);
    }
    while (true) {
      // Each byte read gives at most one and a half bytes to send: an escape key and its successor.
      int count = keys.read(typed, 0, Math.min(typed.length, length - 1));
      if (count < 0) {
        return -1;
      }
      int sent = 0;
      for (int i = 0; i < count; i++) {
        sent += take(typed[i], bytes, offset + sent);
      }
      if (sent > 0) {
        return sent;
      }
    }
  }

  /** Handles one byte; returns how many were put. */
  private int take(byte value, byte[] bytes, int at) {
    int typedKey = value & 0xff;
    if (!escaped) {
      if (typedKey == key) {
        escaped = true;
        return 0;
      }
      bytes[at] = value;
      return 1;
    }
    escaped = false;
    if (typedKey == key) {
      bytes[at] = value;
      return 1;
    }
    switch (typedKey) {
      case 'q', 'Q' -> listener.accept(Action.QUIT);
      case 's', 'S' -> listener.accept(Action.SAVE);
      case 'p', 'P' -> listener.accept(Action.POWER);
      case '?', 'h', 'H' -> listener.accept(Action.HELP);
      default -> {
        bytes[at] = (byte) key;
        bytes[at + 1] = value;
        return 2;
      }
    }
    return 0;
  }
}
