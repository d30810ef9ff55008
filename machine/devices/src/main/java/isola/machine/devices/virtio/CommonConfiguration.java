package isola.machine.devices.virtio;

import isola.core.bus.MmioDevice;
import java.util.Arrays;

/**
 * The common configuration structure (VirtIO 1.3, 4.1.4.3): feature negotiation, status, queue
 * set-up. Accesses of every size are served byte by byte over registers, so that a driver that
 * splits its accesses works too.
 */
final class CommonConfiguration implements MmioDevice {
  // Wiring.
  private final VirtioDevice device;
  private final VirtioInterrupts interrupts;
  private final int vectorCount;
  // Volatile state, under the lock.
  private int deviceSelect;
  private int driverSelect;
  private long features;
  private volatile int status;
  private int queueSelect;
  private int generation;
  private final int[] vectors;

  /**
   * The structure in front of a device.
   *
   * @param vectorCount MSI-X vectors that the function has; others read back as none
   */
  CommonConfiguration(VirtioDevice device, VirtioInterrupts interrupts, int vectorCount) {
    this.device = device;
    this.interrupts = interrupts;
    this.vectorCount = vectorCount;
    this.vectors = new int[device.queues().size() + 1];
    Arrays.fill(vectors, VirtioSpec.NO_VECTOR);
  }

  private long offered() {
    return device.features()
        | VirtioSpec.F_VERSION_1
        | VirtioSpec.F_RING_INDIRECT_DESC
        | VirtioSpec.F_RING_EVENT_IDX;
  }

  /** Whether the driver said DRIVER_OK and has not broken anything since. */
  boolean running() {
    return (status & (VirtioSpec.STATUS_DRIVER_OK | VirtioSpec.STATUS_NEEDS_RESET))
        == VirtioSpec.STATUS_DRIVER_OK;
  }

  /** MSI-X vector of a queue, or of the configuration with -1. */
  synchronized int vector(int queue) {
    return vectors[queue + 1];
  }

  /** The driver broke something; returns whether it has to be told. */
  synchronized boolean breakDown() {
    boolean tell = running();
    status |= VirtioSpec.STATUS_NEEDS_RESET;
    return tell;
  }

  /** The device's configuration changed. */
  synchronized void nextGeneration() {
    generation = (generation + 1) & 0xff;
  }

  /** Back to the state after power-on. */
  void reset() {
    boolean ran;
    synchronized (this) {
      ran = (status & VirtioSpec.STATUS_DRIVER_OK) != 0;
      status = 0;
    }
    if (ran) {
      device.stop();
    }
    synchronized (this) {
      deviceSelect = 0;
      driverSelect = 0;
      features = 0;
      queueSelect = 0;
      generation = 0;
      Arrays.fill(vectors, VirtioSpec.NO_VECTOR);
      device.queues().forEach(SplitQueue::reset);
    }
  }

  synchronized TransportState save() {
    return new TransportState(
        deviceSelect,
        driverSelect,
        features,
        status,
        queueSelect,
        generation,
        Arrays.stream(vectors).boxed().toList());
  }

  void restore(TransportState state) {
    if (state.vectors().size() != vectors.length) {
      throw new IllegalArgumentException("the saved virtio device has another number of queues");
    }
    synchronized (this) {
      deviceSelect = state.deviceSelect();
      driverSelect = state.driverSelect();
      features = state.features();
      status = state.status() & 0xff;
      queueSelect = state.queueSelect() & 0xffff;
      generation = state.generation() & 0xff;
      for (int i = 0; i < vectors.length; i++) {
        vectors[i] = allowedVector(state.vectors().get(i) & 0xffff);
      }
      device.queues().forEach(queue -> queue.features(features));
    }
    if (running()) {
      device.start(interrupts, features);
    }
  }

  @Override
  public synchronized long read(long offset, int size) {
    int register = (int) offset & ~3;
    long value = wide(register) & 0xffff_ffffL;
    if (size == 8) {
      return value | (long) wide(register + 4) << 32;
    }
    return value >>> ((offset & 3) * 8);
  }

  /** Four bytes of the structure at a multiple of 4. */
  private int wide(int register) {
    return switch (register) {
      case VirtioSpec.COMMON_DEVICE_FEATURE_SELECT -> deviceSelect;
      case VirtioSpec.COMMON_DEVICE_FEATURE -> half(offered(), deviceSelect);
      case VirtioSpec.COMMON_DRIVER_FEATURE_SELECT -> driverSelect;
      case VirtioSpec.COMMON_DRIVER_FEATURE -> half(features, driverSelect);
      case VirtioSpec.COMMON_CONFIG_MSIX_VECTOR -> vectors[0] | device.queues().size() << 16;
      case VirtioSpec.COMMON_DEVICE_STATUS -> status | generation << 8 | queueSelect << 16;
      default -> register >= VirtioSpec.COMMON_SIZE ? 0 : queueRegister(register);
    };
  }

  private static int half(long bits, int select) {
    return select == 0 ? (int) bits : select == 1 ? (int) (bits >>> 32) : 0;
  }

  private int queueRegister(int register) {
    if (queueSelect >= device.queues().size()) {
      return 0;
    }
    SplitQueue queue = device.queues().get(queueSelect);
    return switch (register) {
      case VirtioSpec.COMMON_QUEUE_SIZE -> queue.size() | vectors[queueSelect + 1] << 16;
      case VirtioSpec.COMMON_QUEUE_ENABLE -> (queue.enabled() ? 1 : 0) | queueSelect << 16;
      case VirtioSpec.COMMON_QUEUE_DESC -> (int) queue.descriptors();
      case VirtioSpec.COMMON_QUEUE_DESC + 4 -> (int) (queue.descriptors() >>> 32);
      case VirtioSpec.COMMON_QUEUE_DRIVER -> (int) queue.driver();
      case VirtioSpec.COMMON_QUEUE_DRIVER + 4 -> (int) (queue.driver() >>> 32);
      case VirtioSpec.COMMON_QUEUE_DEVICE -> (int) queue.device();
      case VirtioSpec.COMMON_QUEUE_DEVICE + 4 -> (int) (queue.device() >>> 32);
      default -> 0;
    };
  }

  @Override
  public void write(long offset, int size, long value) {
    if (offset == VirtioSpec.COMMON_DEVICE_STATUS) {
      writeStatus((int) value & 0xff);
    } else if (size == 8) {
      write(offset, 4, value & 0xffff_ffffL);
      write(offset + 4, 4, value >>> 32);
    } else {
      writeRegister((int) offset, size, value);
    }
  }

  private synchronized void writeRegister(int offset, int size, long value) {
    switch (offset) {
      case VirtioSpec.COMMON_DEVICE_FEATURE_SELECT -> deviceSelect = (int) value;
      case VirtioSpec.COMMON_DRIVER_FEATURE_SELECT -> driverSelect = (int) value;
      case VirtioSpec.COMMON_DRIVER_FEATURE -> writeFeatures(value);
      case VirtioSpec.COMMON_CONFIG_MSIX_VECTOR -> vectors[0] = allowedVector(value);
      case VirtioSpec.COMMON_QUEUE_SELECT -> queueSelect = (int) value & 0xffff;
      default -> {
        if (queueSelect < device.queues().size()) {
          writeQueue(device.queues().get(queueSelect), offset, size, value);
        }
      }
    }
  }

  private void writeFeatures(long value) {
    if ((status & VirtioSpec.STATUS_FEATURES_OK) != 0) {
      return;
    }
    if (driverSelect == 0) {
      features = (features & ~0xffff_ffffL) | value;
    } else if (driverSelect == 1) {
      features = (features & 0xffff_ffffL) | value << 32;
    }
  }

  private int allowedVector(long value) {
    return value < vectorCount ? (int) value : VirtioSpec.NO_VECTOR;
  }

  private void writeQueue(SplitQueue queue, int offset, int size, long value) {
    switch (offset) {
      case VirtioSpec.COMMON_QUEUE_SIZE -> queue.size((int) value);
      case VirtioSpec.COMMON_QUEUE_MSIX_VECTOR ->
          vectors[queueSelect + 1] = allowedVector(value & 0xffff);
      case VirtioSpec.COMMON_QUEUE_ENABLE -> {
        if ((value & 0xffff) == 1) {
          queue.enable();
        }
      }
      case VirtioSpec.COMMON_QUEUE_DESC, VirtioSpec.COMMON_QUEUE_DESC + 4 ->
          queue.descriptors(merge(queue.descriptors(), offset, size, value));
      case VirtioSpec.COMMON_QUEUE_DRIVER, VirtioSpec.COMMON_QUEUE_DRIVER + 4 ->
          queue.driver(merge(queue.driver(), offset, size, value));
      case VirtioSpec.COMMON_QUEUE_DEVICE, VirtioSpec.COMMON_QUEUE_DEVICE + 4 ->
          queue.device(merge(queue.device(), offset, size, value));
      default -> {
        // Read-only or reserved.
      }
    }
  }

  /** Replaces one half of an address; the structure allows 32-bit accesses alone here (4.1.3.1). */
  private static long merge(long old, int offset, int size, long value) {
    if (size != 4) {
      return old;
    }
    int shift = (offset & 4) * 8;
    return (old & ~(0xffff_ffffL << shift)) | (value & 0xffff_ffffL) << shift;
  }

  private void writeStatus(int value) {
    if (value == 0) {
      reset();
      return;
    }
    boolean start;
    synchronized (this) {
      int set = value & ~status;
      if ((set & VirtioSpec.STATUS_FEATURES_OK) != 0) {
        // 2.2.2: the device refuses what it did not offer, and a driver of the legacy interface.
        if ((features & ~offered()) != 0 || (features & VirtioSpec.F_VERSION_1) == 0) {
          value &= ~VirtioSpec.STATUS_FEATURES_OK;
        } else {
          device.queues().forEach(queue -> queue.features(features));
        }
      }
      boolean agreed = ((status | value) & VirtioSpec.STATUS_FEATURES_OK) != 0;
      if (!agreed) {
        value &= ~VirtioSpec.STATUS_DRIVER_OK;
      }
      start = (value & ~status & VirtioSpec.STATUS_DRIVER_OK) != 0;
      // 2.1.1: bits are only ever set, until reset.
      status |= value & ~VirtioSpec.STATUS_NEEDS_RESET;
    }
    if (start) {
      device.start(interrupts, features);
    }
  }
}
