package isola.machine.devices.virtio;

import isola.core.memory.GuestMemory;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A device with one queue, whose requests are served in turn by a worker while a driver is there.
 */
abstract class SingleQueueDevice implements VirtioDevice {
  // Wiring.
  private final SplitQueue queue;
  private final QueueWorker worker;
  // Volatile state, under the lock.
  private @Nullable VirtioInterrupts driver;

  /**
   * A device that no driver uses yet.
   *
   * @param executor works off the requests, on any of its threads, one at a time
   */
  SingleQueueDevice(GuestMemory memory, int queueSize, Executor executor) {
    queue = new SplitQueue(memory, queueSize);
    worker = new QueueWorker(executor, this::work);
  }

  /** Serves a request under the device's lock; the number of bytes written into it. */
  abstract int serve(DescriptorChain request);

  @Override
  public final List<SplitQueue> queues() {
    return List.of(queue);
  }

  @Override
  public final synchronized void start(VirtioInterrupts interrupts, long features) {
    driver = interrupts;
    worker.request();
  }

  @Override
  public final void notified(int index) {
    worker.request();
  }

  @Override
  public final synchronized void stop() {
    driver = null;
  }

  private synchronized void work() {
    VirtioInterrupts interrupts = driver;
    if (interrupts != null) {
      queue.serve(0, interrupts, this::serve);
    }
  }
}
