package isola.machine.devices.virtio;

import isola.core.backend.EntropySource;
import isola.core.memory.GuestMemory;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The entropy device (VirtIO 1.3, 5.4). A request is filled up to {@value #CHUNK} bytes, as the
 * device may choose.
 */
final class VirtioEntropy implements VirtioDevice {
  private static final int CHUNK = 4096;
  private static final int QUEUE_SIZE = 8;

  private final EntropySource entropy;
  private final SplitQueue queue;
  private final QueueWorker worker;
  private final byte[] bytes = new byte[CHUNK];
  private @Nullable VirtioInterrupts driver;

  /** An entropy device over the machine's injected source. */
  VirtioEntropy(GuestMemory memory, EntropySource entropy, Executor executor) {
    this.entropy = entropy;
    this.queue = new SplitQueue(memory, QUEUE_SIZE);
    this.worker = new QueueWorker(executor, this::work);
  }

  @Override
  public int type() {
    return VirtioSpec.TYPE_ENTROPY;
  }

  @Override
  public int pciClass() {
    return 0xff_00_00;
  }

  @Override
  public long features() {
    return 0;
  }

  @Override
  public List<SplitQueue> queues() {
    return List.of(queue);
  }

  @Override
  public int config(int offset) {
    return 0;
  }

  @Override
  public synchronized void start(VirtioInterrupts interrupts, long features) {
    driver = interrupts;
    worker.request();
  }

  @Override
  public void notified(int index) {
    worker.request();
  }

  @Override
  public synchronized void stop() {
    driver = null;
  }

  private synchronized void work() {
    VirtioInterrupts interrupts = driver;
    if (interrupts == null) {
      return;
    }
    queue.serve(0, interrupts, this::serve);
  }

  private int serve(DescriptorChain request) {
    int n = (int) Math.min(CHUNK, request.writableBytes());
    entropy.fill(bytes);
    return request.write(0, bytes, 0, n) ? n : 0;
  }
}
