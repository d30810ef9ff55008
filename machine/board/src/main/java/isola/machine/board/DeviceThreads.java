package isola.machine.board;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;

/** Threads on which devices do what may take long, and a way to wait for what is under way. */
final class DeviceThreads implements Executor, AutoCloseable {
  private final ExecutorService threads;
  private final Set<CompletableFuture<Void>> running = ConcurrentHashMap.newKeySet();

  DeviceThreads(String name) {
    threads =
        Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name(name + " device ", 0).factory());
  }

  @Override
  public void execute(Runnable task) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    running.add(done);
    try {
      threads.execute(
          () -> {
            try {
              task.run();
            } finally {
              running.remove(done);
              done.complete(null);
            }
          });
    } catch (RejectedExecutionException e) {
      // The machine is going away.
      running.remove(done);
      done.complete(null);
    }
  }

  /** Waits for all tasks that were given before this call, or until {@link #close}. */
  void drain() throws InterruptedException {
    for (CompletableFuture<Void> done : running) {
      while (!done.isDone() && !threads.isShutdown()) {
        Thread.sleep(1);
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
