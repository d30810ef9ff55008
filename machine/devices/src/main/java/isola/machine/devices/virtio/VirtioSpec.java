package isola.machine.devices.virtio;

/** Numbers of the Virtual I/O Device (VIRTIO) specification, version 1.3. */
final class VirtioSpec {
  // 2.1 Device Status Field
  static final int STATUS_ACKNOWLEDGE = 1;
  static final int STATUS_DRIVER = 2;
  static final int STATUS_DRIVER_OK = 4;
  static final int STATUS_FEATURES_OK = 8;
  static final int STATUS_NEEDS_RESET = 64;
  static final int STATUS_FAILED = 128;

  // 6 Reserved Feature Bits
  static final long F_RING_INDIRECT_DESC = 1L << 28;
  static final long F_RING_EVENT_IDX = 1L << 29;
  static final long F_VERSION_1 = 1L << 32;

  // 2.7.5 The Virtqueue Descriptor Table
  static final int DESC_SIZE = 16;
  static final int DESC_F_NEXT = 1;
  static final int DESC_F_WRITE = 2;
  static final int DESC_F_INDIRECT = 4;

  // 2.7.6 The Virtqueue Available Ring, 2.7.8 The Virtqueue Used Ring
  static final int AVAIL_F_NO_INTERRUPT = 1;
  static final int RING_HEADER = 4;
  static final int USED_ELEMENT_SIZE = 8;

  /** 2.7: the largest split queue. */
  static final int QUEUE_SIZE_LIMIT = 32768;

  // 4.1.2 PCI Device Discovery
  static final int PCI_VENDOR = 0x1af4;
  static final int PCI_DEVICE_BASE = 0x1040;

  // 4.1.4 Virtio Structure PCI Capabilities
  static final int CAP_COMMON_CFG = 1;
  static final int CAP_NOTIFY_CFG = 2;
  static final int CAP_ISR_CFG = 3;
  static final int CAP_DEVICE_CFG = 4;
  static final int CAP_PCI_CFG = 5;

  // 4.1.4.3 Common configuration structure layout
  static final int COMMON_DEVICE_FEATURE_SELECT = 0x00;
  static final int COMMON_DEVICE_FEATURE = 0x04;
  static final int COMMON_DRIVER_FEATURE_SELECT = 0x08;
  static final int COMMON_DRIVER_FEATURE = 0x0c;
  static final int COMMON_CONFIG_MSIX_VECTOR = 0x10;
  static final int COMMON_NUM_QUEUES = 0x12;
  static final int COMMON_DEVICE_STATUS = 0x14;
  static final int COMMON_CONFIG_GENERATION = 0x15;
  static final int COMMON_QUEUE_SELECT = 0x16;
  static final int COMMON_QUEUE_SIZE = 0x18;
  static final int COMMON_QUEUE_MSIX_VECTOR = 0x1a;
  static final int COMMON_QUEUE_ENABLE = 0x1c;
  static final int COMMON_QUEUE_NOTIFY_OFF = 0x1e;
  static final int COMMON_QUEUE_DESC = 0x20;
  static final int COMMON_QUEUE_DRIVER = 0x28;
  static final int COMMON_QUEUE_DEVICE = 0x30;
  static final int COMMON_SIZE = 0x38;

  /** 4.1.5.1.2: no vector. */
  static final int NO_VECTOR = 0xffff;

  // 4.1.4.5 ISR status capability
  static final int ISR_QUEUE = 1;
  static final int ISR_CONFIG = 2;

  // 5 Device Types
  static final int TYPE_BLOCK = 2;
  static final int TYPE_CONSOLE = 3;
  static final int TYPE_ENTROPY = 4;

  private VirtioSpec() {}
}
