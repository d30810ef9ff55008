package isola.machine.board;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/** Threads on which devices do what may take long, and a way to wait for what is under way. */
final class DeviceThreads implements Executor, AutoCloseable {
  private static final long POLL_MILLIS = 100;

  private final ExecutorService threads;
  // Guarded by itself; what came while nothing is to begin.
  private final List<Runnable> waiting = new ArrayList<>();
  private boolean held;
  private final Set<CountDownLatch> running = ConcurrentHashMap.newKeySet();

  DeviceThreads(String name) {
    threads =
        Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name(name + " device ", 0).factory());
  }

  @Override
  public void execute(Runnable task) {
    synchronized (waiting) {
      if (held) {
        waiting.add(task);
        return;
      }
    }
    begin(task);
  }

  /** From now on nothing begins until {@link #release}; what is under way goes on. */
  void hold() {
    synchronized (waiting) {
      held = true;
    }
  }

  /** Begins what came meanwhile, and everything from now on. */
  void release() {
    List<Runnable> tasks;
    synchronized (waiting) {
      held = false;
      tasks = List.copyOf(waiting);
      waiting.clear();
    }
    tasks.forEach(this::begin);
  }

  private void begin(Runnable task) {
    CountDownLatch done = new CountDownLatch(1);
    running.add(done);
    try {
      threads.execute(
          () -> {
            try {
              task.run();
            } finally {
              running.remove(done);
              done.countDown();
            }
          });
    } catch (RejectedExecutionException e) {
      // The machine is going away.
      running.remove(done);
      done.countDown();
    }
  }

  /** Waits for what is under way, no longer than asked; whether nothing is any more. */
  boolean drain(long millis) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (CountDownLatch done : running) {
      if (!done.await(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS)) {
        return false;
      }
    }
    return true;
  }

  /** Waits for all tasks that were given before this call, or until {@link #close}. */
  void drain() throws InterruptedException {
    for (CountDownLatch done : running) {
      while (!threads.isShutdown() && !done.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        // Looks again whether the machine is going away.
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
