package isola.machine.devices.interrupt;

import java.util.Arrays;

/** A set of interrupt vectors, 0 to 255: what IRR, ISR and TMR are. No lock of its own. */
final class VectorSet {
  private final long[] words = new long[4];

  void add(int vector) {
    words[vector >> 6] |= 1L << (vector & 63);
  }

  void remove(int vector) {
    words[vector >> 6] &= ~(1L << (vector & 63));
  }

  void set(int vector, boolean present) {
    if (present) {
      add(vector);
    } else {
      remove(vector);
    }
  }

  boolean contains(int vector) {
    return (words[vector >> 6] & 1L << (vector & 63)) != 0;
  }

  /** The highest vector, or -1. */
  int highest() {
    for (int i = 3; i >= 0; i--) {
      if (words[i] != 0) {
        return i * 64 + 63 - Long.numberOfLeadingZeros(words[i]);
      }
    }
    return -1;
  }

  /** Vectors 32 times {@code index} and up, as the registers show them. */
  int word(int index) {
    return (int) (words[index >> 1] >>> ((index & 1) * 32));
  }

  void clear() {
    Arrays.fill(words, 0);
  }

  long[] save() {
    return words.clone();
  }

  void restore(long[] saved, int from) {
    System.arraycopy(saved, from, words, 0, words.length);
  }
}
