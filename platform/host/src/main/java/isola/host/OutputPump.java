package isola.host;

import isola.core.backend.ByteSink;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Carries bytes from a device to a host stream on a thread of its own. The device waits while the
 * buffer is full, until {@link #close}; a stream that fails (a terminal that went away, a full
 * disk) swallows all that follows, so that the guest goes on.
 */
public final class OutputPump implements ByteSink, AutoCloseable {
  private static final int CAPACITY = 1 << 16;
  private static final long DRAIN_SECONDS = 2;

  private final OutputStream stream;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final byte[] ring = new byte[CAPACITY];
  private final Thread thread;
  private int head;
  private int used;
  private boolean writing;
  private boolean failed;
  private boolean closed;

  /**
   * A pump into {@code stream}, flushed whenever the buffer runs empty. Closing the pump closes no
   * stream.
   */
  public OutputPump(String name, OutputStream stream) {
    this.stream = stream;
    thread = Thread.ofPlatform().daemon().name(name).unstarted(this::pump);
    thread.start();
  }

  @Override
  public void accept(byte[] bytes, int offset, int length) {
    lock.lock();
    try {
      int done = 0;
      while (done < length && !failed && !closed) {
        if (used == CAPACITY) {
          changed.awaitUninterruptibly();
          continue;
        }
        int tail = (head + used) % CAPACITY;
        int count = Math.min(length - done, Math.min(CAPACITY - used, CAPACITY - tail));
        System.arraycopy(bytes, offset + done, ring, tail, count);
        used += count;
        done += count;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private void pump() {
    byte[] piece = new byte[CAPACITY];
    while (true) {
      int count;
      lock.lock();
      try {
        writing = false;
        changed.signalAll();
        while (used == 0 && !closed) {
          changed.awaitUninterruptibly();
        }
        if (used == 0) {
          return;
        }
        count = Math.min(used, CAPACITY - head);
        System.arraycopy(ring, head, piece, 0, count);
        head = (head + count) % CAPACITY;
        used -= count;
        writing = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      try {
        stream.write(piece, 0, count);
        stream.flush();
      } catch (IOException e) {
        fail();
        return;
      }
    }
  }

  private void fail() {
    lock.lock();
    try {
      failed = true;
      writing = false;
      used = 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether the stream refused bytes. */
  public boolean failed() {
    lock.lock();
    try {
      return failed;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until all that was taken is written, or the stream has failed. */
  public void drain() throws InterruptedException {
    lock.lock();
    try {
      while ((used > 0 || writing) && !failed && !closed) {
        changed.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets nobody wait any more, and gives the stream 2 seconds to take what is buffered. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      long left = TimeUnit.SECONDS.toNanos(DRAIN_SECONDS);
      while ((used > 0 || writing) && !failed && left > 0) {
        left = changed.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }
}
