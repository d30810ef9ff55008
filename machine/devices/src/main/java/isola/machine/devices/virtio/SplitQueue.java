package isola.machine.devices.virtio;

import isola.core.memory.GuestMemory;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The device's side of a split virtqueue (VirtIO 1.3, 2.7). All that the driver writes is hostile:
 * a malformed ring or chain breaks the queue, and a broken queue gives nothing until reset.
 *
 * <p>Registers are set by vCPU threads, requests are served by the device's worker; the queue's own
 * lock keeps the two apart, and a request that was taken before a reset is not given back after it.
 */
final class SplitQueue {
  // Configuration.
  private final int maxSize;
  // Wiring.
  private final GuestMemory memory;
  // Volatile state.
  private int size;
  private boolean enabled;
  private long descriptors;
  private long driver;
  private long device;
  private int nextAvailable;
  private int nextUsed;
  private boolean broken;
  // Derived from the features that were agreed on, and from the size.
  private boolean eventIndex;
  private boolean indirect;
  private final DescriptorChain chain;
  private int signalledUsed;
  private boolean signalledValid;
  private int epoch;
  private int chainEpoch;

  SplitQueue(GuestMemory memory, int maxSize) {
    if (Integer.bitCount(maxSize) != 1 || maxSize > VirtioSpec.QUEUE_SIZE_LIMIT) {
      throw new IllegalArgumentException(
          "queue size %d is not a power of two up to 32768".formatted(maxSize));
    }
    this.memory = memory;
    this.maxSize = maxSize;
    this.size = maxSize;
    this.chain = new DescriptorChain(memory, maxSize);
  }

  synchronized void reset() {
    restore(new QueueState(maxSize, false, 0, 0, 0, 0, 0, false));
    eventIndex = false;
    indirect = false;
  }

  synchronized QueueState save() {
    return new QueueState(
        size, enabled, descriptors, driver, device, nextAvailable, nextUsed, broken);
  }

  synchronized void restore(QueueState state) {
    if (state.size() < 1 || state.size() > maxSize || Integer.bitCount(state.size()) != 1) {
      throw new IllegalArgumentException("a virtio queue cannot have the saved size");
    }
    size = state.size();
    enabled = state.enabled();
    descriptors = state.descriptors();
    driver = state.driver();
    device = state.device();
    nextAvailable = state.nextAvailable() & 0xffff;
    nextUsed = state.nextUsed() & 0xffff;
    broken = state.broken();
    signalledValid = false;
    epoch++;
  }

  /** Takes over what was agreed on at FEATURES_OK. */
  synchronized void features(long agreed) {
    eventIndex = (agreed & VirtioSpec.F_RING_EVENT_IDX) != 0;
    indirect = (agreed & VirtioSpec.F_RING_INDIRECT_DESC) != 0;
  }

  synchronized int size() {
    return size;
  }

  /**
   * The driver's choice; one that is no power of two up to the maximum is ignored, as 4.1.4.3.2
   * forbids it.
   */
  synchronized void size(int wanted) {
    if (!enabled && wanted > 0 && wanted <= maxSize && Integer.bitCount(wanted) == 1) {
      size = wanted;
    }
  }

  synchronized boolean enabled() {
    return enabled;
  }

  /** Makes the queue live. */
  synchronized void enable() {
    enabled = true;
  }

  synchronized long descriptors() {
    return descriptors;
  }

  synchronized void descriptors(long address) {
    if (!enabled) {
      descriptors = address;
    }
  }

  synchronized long driver() {
    return driver;
  }

  synchronized void driver(long address) {
    if (!enabled) {
      driver = address;
    }
  }

  synchronized long device() {
    return device;
  }

  synchronized void device(long address) {
    if (!enabled) {
      device = address;
    }
  }

  /** Whether the driver broke it. */
  synchronized boolean broken() {
    return broken;
  }

  /** Whether a request waits. */
  synchronized boolean available() {
    return enabled && !broken && availableIndex() != (nextAvailable & 0xffff);
  }

  private int availableIndex() {
    return (int) memory.get(driver + 2, 2);
  }

  /**
   * The next request, or null if none waits or the queue is broken. The result is valid until the
   * next call.
   */
  synchronized @Nullable DescriptorChain next() {
    if (!enabled || broken) {
      return null;
    }
    int waiting = (availableIndex() - nextAvailable) & 0xffff;
    if (waiting == 0) {
      return null;
    }
    if (waiting > size || !ringsInMemory()) {
      broken = true;
      return null;
    }
    VarHandle.acquireFence();
    int slot = nextAvailable & (size - 1);
    int head = (int) memory.get(driver + VirtioSpec.RING_HEADER + 2L * slot, 2);
    if (head >= size || !gather(head)) {
      broken = true;
      return null;
    }
    nextAvailable = (nextAvailable + 1) & 0xffff;
    chainEpoch = epoch;
    return chain;
  }

  private boolean ringsInMemory() {
    return memory.contains(descriptors, (long) size * VirtioSpec.DESC_SIZE)
        && memory.contains(driver, VirtioSpec.RING_HEADER + 2L * size + 2)
        && memory.contains(
            device, VirtioSpec.RING_HEADER + (long) size * VirtioSpec.USED_ELEMENT_SIZE + 2);
  }

  private boolean gather(int head) {
    chain.begin(head);
    long table = descriptors;
    int entries = size;
    int index = head;
    // 2.7.5.3.1: a chain holds no more descriptors than the queue; this also ends a loop.
    for (int steps = 0; steps <= 2 * size; steps++) {
      long at = table + (long) index * VirtioSpec.DESC_SIZE;
      long address = memory.get(at, 8);
      int length = (int) memory.get(at + 8, 4);
      int flags = (int) memory.get(at + 12, 2);
      int next = (int) memory.get(at + 14, 2);
      if ((flags & VirtioSpec.DESC_F_INDIRECT) != 0) {
        if (!indirect
            || table != descriptors
            || (flags & VirtioSpec.DESC_F_NEXT) != 0
            || length <= 0
            || length % VirtioSpec.DESC_SIZE != 0
            || !memory.contains(address, length)) {
          return false;
        }
        table = address;
        entries = length / VirtioSpec.DESC_SIZE;
        index = 0;
        continue;
      }
      if (!chain.add(address, length, (flags & VirtioSpec.DESC_F_WRITE) != 0)) {
        return false;
      }
      if ((flags & VirtioSpec.DESC_F_NEXT) == 0) {
        return true;
      }
      if (next >= entries) {
        return false;
      }
      index = next;
    }
    return false;
  }

  /** Gives a request back with the number of bytes written into it. */
  synchronized void used(int head, int written) {
    if (chainEpoch != epoch || !enabled) {
      return;
    }
    long at =
        device
            + VirtioSpec.RING_HEADER
            + (long) (nextUsed & (size - 1)) * VirtioSpec.USED_ELEMENT_SIZE;
    memory.put(at, 4, head);
    memory.put(at + 4, 4, written);
    nextUsed = (nextUsed + 1) & 0xffff;
    VarHandle.releaseFence();
    memory.put(device + 2, 2, nextUsed);
  }

  /**
   * Asks to be told of the next request (2.7.10); call it when {@link #next} gave null, then look
   * once more, since a request may have come in between.
   */
  synchronized void armNotification() {
    if (eventIndex && enabled && !broken) {
      memory.put(
          device + VirtioSpec.RING_HEADER + (long) size * VirtioSpec.USED_ELEMENT_SIZE,
          2,
          nextAvailable);
      VarHandle.fullFence();
    }
  }

  /** Whether the driver wants an interrupt for what was used since the last call (2.7.7.2). */
  synchronized boolean interruptWanted() {
    if (!enabled || broken) {
      return false;
    }
    VarHandle.fullFence();
    int old = signalledUsed;
    boolean valid = signalledValid;
    signalledUsed = nextUsed;
    signalledValid = true;
    if (valid && old == nextUsed) {
      return false;
    }
    if (!eventIndex) {
      return (memory.get(driver, 2) & VirtioSpec.AVAIL_F_NO_INTERRUPT) == 0;
    }
    int wanted = (int) memory.get(driver + VirtioSpec.RING_HEADER + 2L * size, 2);
    return !valid || ((nextUsed - wanted - 1) & 0xffff) < ((nextUsed - old) & 0xffff);
  }

  /**
   * Serves requests until none waits, and tells the driver as it wished to be told.
   *
   * @param index this queue's number
   */
  void serve(int index, VirtioInterrupts interrupts, Server server) {
    do {
      for (DescriptorChain request = next(); request != null; request = next()) {
        used(request.head(), server.serve(request));
        if (interruptWanted()) {
          interrupts.used(index);
        }
      }
      armNotification();
    } while (available());
    if (broken) {
      interrupts.needsReset();
    }
  }

  /** Does what one request asks for. */
  @FunctionalInterface
  interface Server {
    /** Serves a request; the number of bytes written into it. */
    int serve(DescriptorChain request);
  }
}
