package isola.image.packed;

import java.io.IOException;
import java.util.Arrays;

/** A finite state entropy decoding table. Source: RFC 8878, 4.1.1. */
final class FseTable {
  private final int accuracy;
  private final byte[] symbols;
  private final byte[] bits;
  private final short[] base;

  private FseTable(int accuracy) {
    this.accuracy = accuracy;
    this.symbols = new byte[1 << accuracy];
    this.bits = new byte[1 << accuracy];
    this.base = new short[1 << accuracy];
  }

  /** A table that always tells one symbol. */
  static FseTable constant(int symbol) {
    FseTable table = new FseTable(0);
    table.symbols[0] = (byte) symbol;
    return table;
  }

  /**
   * The table of a distribution; the counts of its symbols, -1 for under one, make up all its
   * states.
   */
  static FseTable of(int[] counts, int accuracy) throws IOException {
    FseTable table = new FseTable(accuracy);
    int size = 1 << accuracy;
    int[] next = new int[counts.length];
    int high = size;
    for (int symbol = 0; symbol < counts.length; symbol++) {
      if (counts[symbol] == -1) {
        table.symbols[--high] = (byte) symbol;
        next[symbol] = 1;
      }
    }
    int step = (size >> 1) + (size >> 3) + 3;
    int position = 0;
    for (int symbol = 0; symbol < counts.length; symbol++) {
      for (int i = 0; i < counts[symbol]; i++) {
        next[symbol] = counts[symbol];
        table.symbols[position] = (byte) symbol;
        do {
          position = (position + step) & (size - 1);
        } while (position >= high);
      }
    }
    if (position != 0) {
      throw new IOException("a distribution that does not add up");
    }
    for (int state = 0; state < size; state++) {
      int count = next[table.symbols[state]]++;
      int width = accuracy - (31 - Integer.numberOfLeadingZeros(count));
      table.bits[state] = (byte) width;
      table.base[state] = (short) ((count << width) - size);
    }
    return table;
  }

  /** A description in the input; {@link #end} tells where it ends. */
  static final class Description {
    private final byte[] bytes;
    private final int to;
    private int bit;
    private final FseTable table;

    Description(byte[] bytes, int from, int to, int maxAccuracy, int symbols) throws IOException {
      this.bytes = bytes;
      this.to = to;
      this.bit = from * 8;
      int accuracy = read(4) + 5;
      if (accuracy > maxAccuracy) {
        throw new IOException("a table that is too large");
      }
      int[] counts = new int[symbols];
      int symbol = 0;
      int remaining = 1 << accuracy;
      while (remaining > 0 && symbol < symbols) {
        int width = 32 - Integer.numberOfLeadingZeros(remaining + 1);
        int value = read(width);
        int lower = (1 << (width - 1)) - 1;
        int threshold = (1 << width) - 2 - remaining;
        if ((value & lower) < threshold) {
          bit--;
          value &= lower;
        } else if (value > lower) {
          value -= threshold;
        }
        int count = value - 1;
        counts[symbol++] = count;
        remaining -= Math.abs(count);
        if (count == 0) {
          int repeat;
          do {
            repeat = read(2);
            symbol += repeat;
          } while (repeat == 3);
        }
      }
      if (remaining != 0 || symbol > symbols) {
        throw new IOException("a distribution that does not add up");
      }
      table = of(Arrays.copyOf(counts, symbol), accuracy);
    }

    private int read(int count) throws IOException {
      int value = 0;
      for (int i = 0; i < count; i++, bit++) {
        if (bit >> 3 >= to + 8) {
          throw new IOException("a table beyond its block");
        }
        int here = bit >> 3 < to ? bytes[bit >> 3] : 0;
        value |= (here >> (bit & 7) & 1) << i;
      }
      return value;
    }

    FseTable table() {
      return table;
    }

    int end() {
      return (bit + 7) >> 3;
    }
  }

  int start(BackwardBits in) {
    return in.read(accuracy);
  }

  int symbol(int state) {
    return symbols[state];
  }

  int next(int state, BackwardBits in) {
    return (base[state] & 0xffff) + in.read(bits[state]);
  }
}
