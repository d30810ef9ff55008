package isola.machine.devices.virtio;

import isola.core.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest's driver for a virtio function, as small as one can be: negotiates, lays out queues,
 * sends requests, collects used ones.
 */
final class Driver {
  static final long STATUS = VirtioSpec.COMMON_DEVICE_STATUS;
  private static final int NOTIFY = 0x3000;
  private static final int ENTRIES = 8;

  final GuestMemory memory;
  final VirtioPci device;
  final List<Integer> interrupts = new ArrayList<>();
  private final List<Queue> queues = new ArrayList<>();
  private long nextPage = 0x10_0000;

  private static final class Queue {
    long descriptors;
    long available;
    long used;
    int availableIndex;
    int usedIndex;
    int nextDescriptor;
  }

  /** A buffer of a request: guest address, length, whether the device writes it. */
  record Buffer(long address, int length, boolean writable) {}

  Driver(GuestMemory memory, VirtioPci device) {
    this.memory = memory;
    this.device = device;
  }

  long page() {
    nextPage += 0x1000;
    memory.write(nextPage, new byte[0x1000], 0, 0x1000);
    return nextPage;
  }

  void status(int value) {
    device.write(STATUS, 1, value);
  }

  int status() {
    return (int) device.read(STATUS, 1) & 0xff;
  }

  long offered() {
    device.write(VirtioSpec.COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    long low = device.read(VirtioSpec.COMMON_DEVICE_FEATURE, 4) & 0xffff_ffffL;
    device.write(VirtioSpec.COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    return low | device.read(VirtioSpec.COMMON_DEVICE_FEATURE, 4) << 32;
  }

  /** Steps 1 to 8 of VirtIO 1.3, 3.1.1. */
  void initialise(long features) {
    status(0);
    status(1);
    status(1 | 2);
    device.write(VirtioSpec.COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    device.write(VirtioSpec.COMMON_DRIVER_FEATURE, 4, features & 0xffff_ffffL);
    device.write(VirtioSpec.COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    device.write(VirtioSpec.COMMON_DRIVER_FEATURE, 4, features >>> 32);
    status(1 | 2 | 8);
    queues.clear();
    nextPage = 0x10_0000;
    int count = (int) device.read(VirtioSpec.COMMON_NUM_QUEUES, 2) & 0xffff;
    for (int q = 0; q < count; q++) {
      Queue queue = new Queue();
      queue.descriptors = page();
      queue.available = page();
      queue.used = page();
      queues.add(queue);
      device.write(VirtioSpec.COMMON_QUEUE_SELECT, 2, q);
      device.write(VirtioSpec.COMMON_QUEUE_SIZE, 2, ENTRIES);
      device.write(VirtioSpec.COMMON_QUEUE_DESC, 8, queue.descriptors);
      device.write(VirtioSpec.COMMON_QUEUE_DRIVER, 8, queue.available);
      device.write(VirtioSpec.COMMON_QUEUE_DEVICE, 8, queue.used);
      device.write(VirtioSpec.COMMON_QUEUE_ENABLE, 2, 1);
    }
    status(1 | 2 | 4 | 8);
  }

  /** Makes a request available without notifying; the head's number. */
  int offer(int index, Buffer... buffers) {
    Queue queue = queues.get(index);
    int head = queue.nextDescriptor;
    for (int i = 0; i < buffers.length; i++) {
      int d = queue.nextDescriptor;
      queue.nextDescriptor = (d + 1) % ENTRIES;
      boolean last = i == buffers.length - 1;
      int flags =
          (last ? 0 : VirtioSpec.DESC_F_NEXT) | (buffers[i].writable ? VirtioSpec.DESC_F_WRITE : 0);
      descriptor(index, d, buffers[i].address, buffers[i].length, flags, queue.nextDescriptor);
    }
    available(index, head);
    return head;
  }

  void descriptor(int index, int number, long address, int length, int flags, int next) {
    long at = queues.get(index).descriptors + number * 16L;
    memory.put(at, 8, address);
    memory.put(at + 8, 4, length);
    memory.put(at + 12, 2, flags);
    memory.put(at + 14, 2, next);
  }

  void available(int index, int head) {
    Queue queue = queues.get(index);
    memory.put(queue.available + 4 + 2L * (queue.availableIndex % ENTRIES), 2, head);
    queue.availableIndex++;
    memory.put(queue.available + 2, 2, queue.availableIndex);
  }

  void availableIndex(int index, int value) {
    memory.put(queues.get(index).available + 2, 2, value);
  }

  void notifyQueue(int index) {
    device.write(NOTIFY + index * 4L, 2, index);
  }

  /** The next used element as {@code {id, written}}, or an empty array. */
  int[] used(int index) {
    Queue queue = queues.get(index);
    if ((memory.get(queue.used + 2, 2) & 0xffff) == (queue.usedIndex & 0xffff)) {
      return new int[0];
    }
    long at = queue.used + 4 + 8L * (queue.usedIndex % ENTRIES);
    queue.usedIndex++;
    return new int[] {(int) memory.get(at, 4), (int) memory.get(at + 4, 4)};
  }

  int isr() {
    return (int) device.read(0x1000, 1);
  }

  void bytes(long address, String text) {
    byte[] bytes = text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    memory.write(address, bytes, 0, bytes.length);
  }

  String text(long address, int length) {
    byte[] bytes = new byte[length];
    memory.read(address, bytes, 0, length);
    return new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  /** Guest memory of 8 MiB. */
  static GuestMemory memory() {
    GuestMemory memory = new GuestMemory();
    memory.addRam(0, 8 << 20);
    return memory;
  }
}
