package isola.machine.devices.virtio;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs a device's queue work on an executor, one run at a time, however often it is asked: requests
 * that arrive during a run cause one more. Any thread.
 */
final class QueueWorker {
  private final Executor executor;
  private final Runnable work;
  private final AtomicInteger asked = new AtomicInteger();

  QueueWorker(Executor executor, Runnable work) {
    this.executor = executor;
    this.work = work;
  }

  /** Makes {@code work} run soon after this call. */
  void request() {
    if (asked.getAndIncrement() == 0) {
      executor.execute(this::run);
    }
  }

  private void run() {
    int seen;
    do {
      seen = asked.get();
      work.run();
    } while (!asked.compareAndSet(seen, 0));
  }
}
