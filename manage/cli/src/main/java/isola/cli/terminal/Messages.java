package isola.cli.terminal;

import java.io.PrintStream;

/**
 * Isola's own sentences to the person, on standard error. Any thread. A progress bar that stands on
 * the line is cleared first and drawn again by its owner.
 */
public final class Messages {
  private final PrintStream stream;
  private boolean raw;
  private boolean bar;

  /** Messages to {@code stream}. */
  public Messages(PrintStream stream) {
    this.stream = stream;
  }

  /** Says one sentence. */
  public synchronized void say(String sentence) {
    plain("isola: " + sentence);
  }

  /** Says lines as they are. */
  public synchronized void plain(String text) {
    clearBar();
    String end = raw ? "\r\n" : "\n";
    stream.print(text.replaceAll("\\R", end) + end);
    stream.flush();
  }

  /** While the terminal is raw, a new line must return to the first column by itself. */
  public synchronized void raw(boolean on) {
    raw = on;
  }

  /** Draws a bar on the current line, in place of the last one. */
  synchronized void bar(String text) {
    stream.print("\r" + text + "\u001b[K");
    stream.flush();
    bar = true;
  }

  /** Removes the bar. */
  synchronized void clearBar() {
    if (bar) {
      stream.print("\r\u001b[K");
      stream.flush();
      bar = false;
    }
  }

  /** The stream behind, for what is not a sentence of Isola's. */
  public PrintStream stream() {
    return stream;
  }
}
