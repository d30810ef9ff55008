package isola.machine.devices.input;

/** What a device behind the 8042 has to send; bounded. No lock of its own. */
final class ByteQueue {
  private final byte[] bytes = new byte[I8042Spec.QUEUE_BYTES];
  private int first;
  private int count;

  boolean isEmpty() {
    return count == 0;
  }

  /** Whether an event of {@code length} bytes fits beside possible answers. */
  boolean room(int length) {
    return count + length <= bytes.length - I8042Spec.ANSWER_BYTES;
  }

  /** Appends a byte, or drops it if the queue is full. */
  void add(int value) {
    if (count < bytes.length) {
      bytes[(first + count) % bytes.length] = (byte) value;
      count++;
    }
  }

  int take() {
    int value = bytes[first] & 0xff;
    first = (first + 1) % bytes.length;
    count--;
    return value;
  }

  void clear() {
    count = 0;
  }

  byte[] save() {
    byte[] all = new byte[count];
    for (int i = 0; i < count; i++) {
      all[i] = bytes[(first + i) % bytes.length];
    }
    return all;
  }

  void restore(byte[] all) {
    first = 0;
    count = Math.min(all.length, bytes.length);
    System.arraycopy(all, 0, bytes, 0, count);
  }
}
