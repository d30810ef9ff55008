package isola.machine.devices.virtio;

/** A device's way to its driver, through the transport. Any thread; takes no lock of the device. */
interface VirtioInterrupts {
  /** Buffers of a queue were used. */
  void used(int queue);

  /** The configuration space changed. */
  void configurationChanged();

  /** The driver broke a queue: the device stands still until it is reset (VirtIO 1.3, 2.1.2). */
  void needsReset();
}
