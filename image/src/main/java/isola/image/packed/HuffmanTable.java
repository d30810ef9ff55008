package isola.image.packed;

import java.io.IOException;
import java.util.Arrays;

/** A Huffman decoding table for literals. Source: RFC 8878, 4.2. */
final class HuffmanTable {
  private static final int SYMBOLS = 256;

  private final int maxBits;
  private final byte[] symbols;
  private final byte[] bits;
  private final int end;

  /** Reads a tree's description. */
  HuffmanTable(byte[] in, int from, int to) throws IOException {
    byte[] weights = new byte[SYMBOLS];
    int header = in[from] & 0xff;
    int count;
    if (header >= 128) {
      count = header - 127;
      end = from + 1 + (count + 1) / 2;
      for (int i = 0; i < count; i++) {
        int pair = in[from + 1 + i / 2] & 0xff;
        weights[i] = (byte) (i % 2 == 0 ? pair >> 4 : pair & 15);
      }
    } else {
      end = from + 1 + header;
      count = packedWeights(in, from + 1, end, weights);
    }
    if (end > to) {
      throw new IOException("a tree beyond its block");
    }
    int sum = 0;
    for (int i = 0; i < count; i++) {
      sum += weights[i] == 0 ? 0 : 1 << (weights[i] - 1);
    }
    maxBits = 32 - Integer.numberOfLeadingZeros(sum);
    int rest = (1 << maxBits) - sum;
    if (sum == 0 || maxBits > ZstdSpec.HUFFMAN_MAX_BITS || Integer.bitCount(rest) != 1) {
      throw new IOException("a tree that does not add up");
    }
    weights[count++] = (byte) (Integer.numberOfTrailingZeros(rest) + 1);
    symbols = new byte[1 << maxBits];
    bits = new byte[1 << maxBits];
    fill(weights, count);
  }

  private void fill(byte[] weights, int count) {
    int at = 0;
    for (int weight = 1; weight <= maxBits; weight++) {
      for (int symbol = 0; symbol < count; symbol++) {
        if (weights[symbol] == weight) {
          int span = 1 << (weight - 1);
          Arrays.fill(symbols, at, at + span, (byte) symbol);
          Arrays.fill(bits, at, at + span, (byte) (maxBits + 1 - weight));
          at += span;
        }
      }
    }
  }

  /** Weights that are themselves packed, by two states in turn. */
  private static int packedWeights(byte[] in, int from, int to, byte[] weights) throws IOException {
    FseTable.Description description =
        new FseTable.Description(
            in, from, to, ZstdSpec.WEIGHT_MAX_ACCURACY, ZstdSpec.HUFFMAN_MAX_BITS + 2);
    FseTable table = description.table();
    BackwardBits stream = new BackwardBits(in, description.end(), to);
    int one = table.start(stream);
    int other = table.start(stream);
    int count = 0;
    while (true) {
      weights[count++] = (byte) table.symbol(one);
      one = table.next(one, stream);
      if (stream.overrun()) {
        weights[count++] = (byte) table.symbol(other);
        return count;
      }
      int swap = one;
      one = other;
      other = swap;
      if (count >= SYMBOLS - 2) {
        throw new IOException("a tree with too many weights");
      }
    }
  }

  /** Where the description ends. */
  int end() {
    return end;
  }

  /** Decodes one stream. */
  void decode(byte[] in, int from, int to, byte[] out, int start, int stop) throws IOException {
    BackwardBits stream = new BackwardBits(in, from, to);
    for (int i = start; i < stop; i++) {
      int code = stream.peek(maxBits);
      out[i] = symbols[code];
      stream.skip(bits[code]);
    }
    if (!stream.finished()) {
      throw new IOException("literals that do not end where they should");
    }
  }
}
