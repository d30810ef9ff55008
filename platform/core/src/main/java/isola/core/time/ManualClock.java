package isola.core.time;

import java.util.Comparator;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * A clock that moves only when told: for tests of devices and for runs whose time is counted in
 * instructions.
 */
public final class ManualClock implements Clock {
  private final PriorityQueue<ManualTimer> queue =
      new PriorityQueue<>(
          Comparator.<ManualTimer>comparingLong(t -> t.deadline).thenComparingLong(t -> t.order));
  private final long wallStart;
  private long now;
  private long orders;

  /** A clock at 0 whose wall time starts at {@code wallStart} nanoseconds since 1970. */
  public ManualClock(long wallStart) {
    this.wallStart = wallStart;
  }

  @Override
  public synchronized long nanos() {
    return now;
  }

  @Override
  public synchronized long wallNanos() {
    return wallStart + now;
  }

  @Override
  public Timer timer(Runnable action) {
    return new ManualTimer(action);
  }

  /**
   * Moves the clock on by {@code nanos}, running each due action at its own deadline, on the
   * calling thread.
   */
  public void advance(long nanos) {
    long end = nanos() + nanos;
    for (ManualTimer due = nextDue(end); due != null; due = nextDue(end)) {
      due.action.run();
    }
    synchronized (this) {
      now = end;
    }
  }

  /** The earliest deadline that is set, or {@link Long#MAX_VALUE}. */
  public synchronized long nextDeadline() {
    ManualTimer first = queue.peek();
    return first == null ? Long.MAX_VALUE : first.deadline;
  }

  private synchronized @Nullable ManualTimer nextDue(long end) {
    ManualTimer first = queue.peek();
    if (first == null || first.deadline > end) {
      return null;
    }
    queue.remove();
    now = Math.max(now, first.deadline);
    return first;
  }

  private final class ManualTimer implements Timer {
    private final Runnable action;
    private long deadline;
    private long order;

    ManualTimer(Runnable action) {
      this.action = action;
    }

    @Override
    public void schedule(long newDeadline) {
      synchronized (ManualClock.this) {
        queue.remove(this);
        deadline = newDeadline;
        order = orders++;
        queue.add(this);
      }
    }

    @Override
    public void cancel() {
      synchronized (ManualClock.this) {
        queue.remove(this);
      }
    }
  }
}
