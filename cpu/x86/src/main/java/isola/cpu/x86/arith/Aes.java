package isola.cpu.x86.arith;

/**
 * Rounds of the Advanced Encryption Standard (FIPS 197) as AES-NI has them (Intel SDM vol. 2A,
 * AESENC and its kin), and carry-less multiplication. Immutable tables, any thread.
 *
 * <p>The sixteen bytes of a state are two longs; byte i of the state is byte i of the register.
 */
public final class Aes {
  private static final byte[] BOX = new byte[256];
  private static final byte[] INVERSE_BOX = new byte[256];

  static {
    // Generates the multiplicative group by 3 and its inverse by 0xf6 side by side.
    int p = 1;
    int q = 1;
    do {
      p = (p ^ p << 1 ^ (p & 0x80) / 0x80 * 0x11b) & 0xff;
      q ^= q << 1;
      q ^= q << 2;
      q ^= q << 4;
      q &= 0xff;
      if ((q & 0x80) != 0) {
        q ^= 0x09;
      }
      int s = q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^ 0x63;
      BOX[p] = (byte) s;
      INVERSE_BOX[s] = (byte) p;
    } while (p != 1);
    BOX[0] = 0x63;
    INVERSE_BOX[0x63] = 0;
  }

  private Aes() {}

  private static int rotate(int value, int by) {
    return (value << by | value >> (8 - by)) & 0xff;
  }

  private static int byteAt(long low, long high, int index) {
    return (int) ((index < 8 ? low : high) >>> ((index & 7) * 8)) & 0xff;
  }

  /** Substitutes the bytes of a word. */
  public static int substituteWord(int word) {
    int result = 0;
    for (int i = 0; i < 32; i += 8) {
      result |= (BOX[word >>> i & 0xff] & 0xff) << i;
    }
    return result;
  }

  /**
   * One column, as 32 bits, of ShiftRows and SubBytes (or their inverses), then MixColumns (or its
   * inverse) unless it is the last round.
   */
  public static int column(long low, long high, int index, boolean decrypt, boolean last) {
    byte[] box = decrypt ? INVERSE_BOX : BOX;
    int word = 0;
    for (int row = 0; row < 4; row++) {
      int from = (index + (decrypt ? 4 - row : row)) & 3;
      word |= (box[byteAt(low, high, from * 4 + row)] & 0xff) << (row * 8);
    }
    if (last) {
      return word;
    }
    return decrypt ? inverseMix(word) : mix(word);
  }

  /** Doubles the four bytes of a word in the field. */
  private static int twice(int word) {
    int top = word & 0x8080_8080;
    return (word & 0x7f7f_7f7f) << 1 ^ (top >>> 7) * 0x1b;
  }

  private static int mix(int word) {
    int two = twice(word);
    int three = two ^ word;
    return two
        ^ Integer.rotateRight(three, 8)
        ^ Integer.rotateRight(word, 16)
        ^ Integer.rotateRight(word, 24);
  }

  /** InvMixColumns of one column. */
  public static int inverseMix(int word) {
    int four = twice(twice(word));
    int even = word ^ four ^ Integer.rotateRight(four, 16);
    return mix(even);
  }

  /** The low half of the carry-less product. */
  public static long carrylessLow(long a, long b) {
    long result = 0;
    for (long rest = b; rest != 0; rest &= rest - 1) {
      result ^= a << Long.numberOfTrailingZeros(rest);
    }
    return result;
  }

  /** The upper half of the carry-less product. */
  public static long carrylessHigh(long a, long b) {
    long result = 0;
    for (long rest = b & -2L; rest != 0; rest &= rest - 1) {
      result ^= a >>> (64 - Long.numberOfTrailingZeros(rest));
    }
    return result;
  }
}
