package isola.machine.devices.virtio;

import isola.core.backend.EntropySource;
import isola.core.memory.GuestMemory;
import java.util.concurrent.Executor;

/**
 * The entropy device (VirtIO 1.3, 5.4). A request is filled up to {@value #CHUNK} bytes, as the
 * device may choose.
 */
final class VirtioEntropy extends SingleQueueDevice {
  private static final int CHUNK = 4096;
  private static final int QUEUE_SIZE = 8;

  private final EntropySource entropy;
  private final byte[] bytes = new byte[CHUNK];

  /** An entropy device over the machine's injected source. */
  VirtioEntropy(GuestMemory memory, EntropySource entropy, Executor executor) {
    super(memory, QUEUE_SIZE, executor);
    this.entropy = entropy;
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
  public int config(int offset) {
    return 0;
  }

  @Override
  int serve(DescriptorChain request) {
    int n = (int) Math.min(CHUNK, request.writableBytes());
    entropy.fill(bytes);
    return request.write(0, bytes, 0, n) ? n : 0;
  }
}
