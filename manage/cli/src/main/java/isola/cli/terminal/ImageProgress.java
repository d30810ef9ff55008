package isola.cli.terminal;

import isola.image.Progress;
import java.util.Locale;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far the making of an image is: a bar that moves on a terminal, else a line when a phase
 * begins and one when it ends. One thread at a time.
 */
public final class ImageProgress implements Progress, AutoCloseable {
  private static final long REDRAW_NANOS = 100_000_000;
  private static final int DEFAULT_WIDTH = 80;
  private static final int LONGEST_BAR = 40;

  /** Fewer bytes than this say nothing about how long something takes. */
  private static final long WORTH_SAYING = 100_000;

  private final Messages messages;
  private final boolean terminal;
  private final IntSupplier width;
  private final LongSupplier nanos;

  private @Nullable Phase phase;
  private long begun;
  private long drawn;
  private boolean ended;

  /**
   * A display.
   *
   * @param terminal whether the messages go to a terminal
   * @param width columns of that terminal, 0 if unknown
   * @param nanos the time
   */
  public ImageProgress(Messages messages, boolean terminal, IntSupplier width, LongSupplier nanos) {
    this.messages = messages;
    this.terminal = terminal;
    this.width = width;
    this.nanos = nanos;
  }

  @Override
  public synchronized void at(Phase now, long done, long total) {
    long time = nanos.getAsLong();
    if (now != phase) {
      phase = now;
      begun = time;
      drawn = time - REDRAW_NANOS;
      ended = false;
      if (!terminal) {
        messages.say(now.text() + (total >= WORTH_SAYING ? " (" + size(total) + ")" : ""));
      }
    }
    boolean complete = total > 0 && done >= total;
    if (terminal) {
      if (complete || time - drawn >= REDRAW_NANOS) {
        drawn = time;
        messages.bar(bar(now, done, total, time));
      }
    } else if (complete && !ended && done >= WORTH_SAYING) {
      ended = true;
      messages.say("%s: %s in %.1f s".formatted(now.text(), size(done), (time - begun) / 1e9));
    }
  }

  private String bar(Phase now, long done, long total, long time) {
    int columns = width.getAsInt() > 0 ? width.getAsInt() : DEFAULT_WIDTH;
    double seconds = Math.max(0.001, (time - begun) / 1e9);
    StringBuilder line = new StringBuilder("isola: ").append(now.text()).append(' ');
    StringBuilder figures = new StringBuilder();
    if (total > 0) {
      figures.append(size(done)).append(" of ").append(size(total));
    } else {
      figures.append(size(done));
    }
    if (seconds >= 1 && done > 0 && now != Phase.STORE) {
      figures.append(", ").append(size((long) (done / seconds))).append("/s");
    }
    int room = Math.min(LONGEST_BAR, columns - line.length() - figures.length() - 5);
    if (total > 0 && room >= 5) {
      int filled = (int) (room * (double) Math.min(done, total) / total);
      line.append('[').repeat('=', filled).repeat(' ', room - filled).append("] ");
    }
    line.append(figures);
    return line.length() < columns ? line.toString() : line.substring(0, columns - 1);
  }

  private static String size(long bytes) {
    return bytes < 100_000
        ? String.format(Locale.ROOT, "%d kB", (bytes + 999) / 1000)
        : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }

  @Override
  public synchronized void note(String sentence) {
    messages.say(sentence);
  }

  /** Removes the bar. */
  @Override
  public void close() {
    messages.clearBar();
  }
}
