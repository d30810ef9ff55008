package isola.image.packed;

import java.io.IOException;

/**
 * Bits read from the end of a piece to its beginning. The last byte's highest set bit only marks
 * the end. Source: RFC 8878, 4.1.
 */
final class BackwardBits {
  private final byte[] bytes;
  private final int from;

  /** Bits not read yet; below zero when more was read than there is. */
  private int left;

  BackwardBits(byte[] bytes, int from, int to) throws IOException {
    if (to <= from || bytes[to - 1] == 0) {
      throw new IOException("a bit stream without an end");
    }
    this.bytes = bytes;
    this.from = from;
    this.left = (to - 1 - from) * 8 + 31 - Integer.numberOfLeadingZeros(bytes[to - 1] & 0xff);
  }

  /** The next bits without reading them; zeros beyond the beginning. At most 31. */
  int peek(int count) {
    int low = left - count;
    long value = 0;
    int first = Math.max(low, 0) >> 3;
    int last = (left + 7) >> 3;
    for (int i = Math.min(last, first + 5) - 1; i >= first; i--) {
      value = value << 8 | (bytes[from + i] & 0xff);
    }
    long aligned = low >= 0 ? value >>> (low & 7) : value << -low;
    return (int) (aligned & (1L << count) - 1);
  }

  void skip(int count) {
    left -= count;
  }

  int read(int count) {
    int value = count == 0 ? 0 : peek(count);
    left -= count;
    return value;
  }

  /** Whether more was read than there is. */
  boolean overrun() {
    return left < 0;
  }

  /** Whether exactly all was read. */
  boolean finished() {
    return left == 0;
  }
}
