package isola.machine.devices.virtio;

import java.util.List;

/**
 * What kind of device stands behind a virtio transport. Calls come with the transport's promise
 * that {@link #start} precedes notifications and {@link #stop} ends them. A device answers nonsense
 * as the specification says and never throws.
 */
interface VirtioDevice {
  /** Device type (VirtIO 1.3, 5). */
  int type();

  /** PCI class code, 24 bits. */
  int pciClass();

  /** Feature bits of its own, beside those of the transport. */
  long features();

  /** The queues, in order. */
  List<SplitQueue> queues();

  /** One byte of its configuration space; 0 beyond its end. */
  int config(int offset);

  /** Writes one byte of its configuration space; ignored where it is read-only. */
  default void config(int offset, int value) {}

  /** The driver is ready (DRIVER_OK) with the features agreed on. */
  void start(VirtioInterrupts interrupts, long features);

  /** The driver notified a queue that exists and is enabled. */
  void notified(int queue);

  /** The driver reset the device: forget all requests. */
  void stop();

  /** Requests that the backend failed since power-on. Any thread. */
  default long errors() {
    return 0;
  }
}
