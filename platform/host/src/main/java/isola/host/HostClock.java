package isola.host;

import isola.core.time.Clock;
import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A guest's clock in real time, over {@link System#nanoTime}. It stands still while paused; wall
 * time goes on. Timers run on one thread of the clock's own, within about 100 microseconds of their
 * deadline on a host with a free core.
 */
public final class HostClock implements Clock, AutoCloseable {
  private static final long NOT_PAUSED = -1;

  /** Parking is asked to end this much before a deadline, as the host wakes threads late. */
  private static final long WAKE_EARLY = 20_000;

  private final long wallBase;
  private final ReentrantLock lock = new ReentrantLock();
  private final Thread thread;

  // Readers take no lock: version is odd while base and pausedAt change.
  private volatile int version;
  private volatile long base;
  private volatile long pausedAt;

  // Guarded by lock: a binary heap of timers by deadline, and what the thread sleeps towards.
  private HostTimer[] heap = new HostTimer[16];
  private int count;
  private long sleepingUntil = Long.MIN_VALUE;
  private boolean firing;
  private boolean settling;
  private final Condition idle = lock.newCondition();
  private volatile boolean closed;

  /**
   * A clock at 0, paused.
   *
   * @param name of the machine, for the timer thread's name
   */
  public HostClock(String name) {
    long now = System.nanoTime();
    wallBase = System.currentTimeMillis() * 1_000_000 - now;
    base = now;
    pausedAt = 0;
    thread = Thread.ofPlatform().daemon().name(name + " clock").unstarted(this::fireTimers);
    thread.start();
  }

  @Override
  public long nanos() {
    while (true) {
      int before = version;
      long paused = pausedAt;
      long now = paused == NOT_PAUSED ? System.nanoTime() - base : paused;
      if ((before & 1) == 0 && version == before) {
        return now;
      }
      Thread.onSpinWait();
    }
  }

  @Override
  public long wallNanos() {
    return wallBase + System.nanoTime();
  }

  /** Makes the clock stand still. What was due by then may be left undone, see {@link #settle}. */
  public void pause() {
    lock.lock();
    try {
      if (pausedAt == NOT_PAUSED) {
        // The version turns odd before the time is taken, so that no reader is ahead of the pause.
        int odd = version + 1;
        version = odd;
        pausedAt = System.nanoTime() - base;
        version = odd + 1;
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * While the clock stands still: lets all actions run that were due when it was paused, and waits
   * until none is under way. Not on the clock's thread.
   */
  public void settle() throws InterruptedException {
    lock.lock();
    try {
      settling = true;
      LockSupport.unpark(thread);
      while (!closed && (firing || (count > 0 && heap[0].deadline <= nanos()))) {
        idle.await();
      }
    } finally {
      settling = false;
      lock.unlock();
    }
  }

  /** Sets a clock that stands still, before anything has used it, to go on from {@code nanos}. */
  public void startFrom(long nanos) {
    lock.lock();
    try {
      if (pausedAt == NOT_PAUSED || nanos < 0) {
        throw new IllegalStateException("the clock runs, or was to begin before its zero");
      }
      pausedAt = nanos;
    } finally {
      lock.unlock();
    }
  }

  /** Lets the clock go on from where it was paused. */
  public void resume() {
    lock.lock();
    try {
      if (pausedAt != NOT_PAUSED) {
        int odd = version + 1;
        version = odd;
        base = System.nanoTime() - pausedAt;
        pausedAt = NOT_PAUSED;
        version = odd + 1;
      }
    } finally {
      lock.unlock();
    }
    LockSupport.unpark(thread);
  }

  /** Ends the timer thread; no action begins afterwards. Waits for one under way. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      idle.signalAll();
    } finally {
      lock.unlock();
    }
    // Afterwards: a thread that waits for the lock would use up what lets it park no more.
    LockSupport.unpark(thread);
    if (Thread.currentThread() == thread) {
      return;
    }
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public Timer timer(Runnable action) {
    return new HostTimer(action);
  }

  private void fireTimers() {
    TimerSlack.minimise();
    while (!closed) {
      HostTimer due = null;
      long wait = Long.MAX_VALUE;
      lock.lock();
      try {
        firing = false;
        if (closed) {
          return;
        }
        sleepingUntil = Long.MAX_VALUE;
        boolean runs = pausedAt == NOT_PAUSED;
        if (count > 0 && (runs || settling)) {
          HostTimer first = heap[0];
          long left = first.deadline - nanos();
          if (left <= 0) {
            remove(first);
            due = first;
            firing = true;
          } else if (runs) {
            wait = left;
            sleepingUntil = first.deadline;
          }
        }
        if (due == null && settling) {
          idle.signalAll();
        }
      } finally {
        lock.unlock();
      }
      if (due != null) {
        due.fire();
      } else if (wait == Long.MAX_VALUE) {
        LockSupport.park(this);
      } else if (wait > WAKE_EARLY) {
        LockSupport.parkNanos(this, wait - WAKE_EARLY);
      } else {
        Thread.onSpinWait();
      }
    }
  }

  private void add(HostTimer timer) {
    if (count == heap.length) {
      heap = Arrays.copyOf(heap, count * 2);
    }
    heap[count] = timer;
    timer.index = count++;
    up(timer.index);
  }

  private void remove(HostTimer timer) {
    int at = timer.index;
    timer.index = -1;
    HostTimer last = heap[--count];
    if (at != count) {
      heap[at] = last;
      last.index = at;
      up(at);
      down(last.index);
    }
  }

  private void up(int from) {
    int at = from;
    HostTimer timer = heap[at];
    while (at > 0 && timer.deadline < heap[(at - 1) / 2].deadline) {
      place(heap[(at - 1) / 2], at);
      at = (at - 1) / 2;
    }
    place(timer, at);
  }

  private void down(int from) {
    int at = from;
    HostTimer timer = heap[at];
    while (2 * at + 1 < count) {
      int child = 2 * at + 1;
      if (child + 1 < count && heap[child + 1].deadline < heap[child].deadline) {
        child++;
      }
      if (heap[child].deadline >= timer.deadline) {
        break;
      }
      place(heap[child], at);
      at = child;
    }
    place(timer, at);
  }

  private void place(HostTimer timer, int at) {
    heap[at] = timer;
    timer.index = at;
  }

  private final class HostTimer implements Timer {
    private final Runnable action;
    private long deadline;
    private int index = -1;

    HostTimer(Runnable action) {
      this.action = action;
    }

    @Override
    public void schedule(long newDeadline) {
      boolean earlier;
      lock.lock();
      try {
        if (index >= 0) {
          boolean sooner = newDeadline < deadline;
          deadline = newDeadline;
          if (sooner) {
            up(index);
          } else {
            down(index);
          }
        } else {
          deadline = newDeadline;
          add(this);
        }
        earlier = index == 0 && newDeadline < sleepingUntil;
      } finally {
        lock.unlock();
      }
      if (earlier && Thread.currentThread() != thread) {
        LockSupport.unpark(thread);
      }
    }

    @Override
    public void cancel() {
      lock.lock();
      try {
        if (index >= 0) {
          remove(this);
        }
      } finally {
        lock.unlock();
      }
    }

    void fire() {
      action.run();
    }
  }
}
