package isola.cpu.x86.arith;

/**
 * Packed integers, 64 bits at a time: one body for MMX (one half) and SSE (two), with the element
 * size in bytes as parameter (Intel SDM vol. 2B, the P instructions). Pure functions, any thread.
 *
 * <p>Additions and comparisons treat all elements at once inside a long; only multiplications,
 * packs and shuffles go element by element.
 */
public final class Packed {
  private static final long HIGH8 = 0x8080_8080_8080_8080L;
  private static final long HIGH16 = 0x8000_8000_8000_8000L;
  private static final long HIGH32 = 0x8000_0000_8000_0000L;

  private Packed() {}

  /** The top bit of each element. */
  static long tops(int size) {
    return switch (size) {
      case 1 -> HIGH8;
      case 2 -> HIGH16;
      case 4 -> HIGH32;
      default -> Long.MIN_VALUE;
    };
  }

  /** All ones in the elements whose top bit is set in {@code tops}, which has no other bits. */
  private static long spread(long tops, int size) {
    return (tops - (tops >>> (size * 8 - 1))) | tops;
  }

  /** PADDB to PADDQ. */
  public static long add(long a, long b, int size) {
    long h = tops(size);
    return ((a & ~h) + (b & ~h)) ^ ((a ^ b) & h);
  }

  /** PSUBB to PSUBQ. */
  public static long subtract(long a, long b, int size) {
    long h = tops(size);
    return ((a | h) - (b & ~h)) ^ ((a ^ ~b) & h);
  }

  /** PADDSB, PADDSW. */
  public static long addSigned(long a, long b, int size) {
    long h = tops(size);
    long sum = add(a, b, size);
    return saturate(sum, a, ~(a ^ b) & (a ^ sum) & h, size);
  }

  /** PSUBSB, PSUBSW. */
  public static long subtractSigned(long a, long b, int size) {
    long h = tops(size);
    long difference = subtract(a, b, size);
    return saturate(difference, a, (a ^ b) & (a ^ difference) & h, size);
  }

  /** Replaces elements that overflowed by the bound on the side of {@code a}. */
  private static long saturate(long value, long a, long overflowed, int size) {
    if (overflowed == 0) {
      return value;
    }
    long h = tops(size);
    long mask = spread(overflowed, size);
    long negative = a & h;
    // 0x7f..f for a positive, 0x80..0 for a negative a.
    long bound = add(~h, negative >>> (size * 8 - 1), size);
    return (value & ~mask) | (bound & mask);
  }

  /** PADDUSB, PADDUSW. */
  public static long addUnsigned(long a, long b, int size) {
    long sum = add(a, b, size);
    long carry = ((a & b) | ((a | b) & ~sum)) & tops(size);
    return sum | spread(carry, size);
  }

  /** PSUBUSB, PSUBUSW. */
  public static long subtractUnsigned(long a, long b, int size) {
    long difference = subtract(a, b, size);
    return difference & ~spread(borrows(a, b, difference, size), size);
  }

  private static long borrows(long a, long b, long difference, int size) {
    return ((~a & b) | (~(a ^ b) & difference)) & tops(size);
  }

  /** PCMPEQB to PCMPEQQ. */
  public static long equal(long a, long b, int size) {
    long h = tops(size);
    long x = a ^ b;
    return spread(~(((x & ~h) + ~h) | x) & h, size);
  }

  /** PCMPGTB to PCMPGTQ. */
  public static long greater(long a, long b, int size) {
    long h = tops(size);
    return below(b ^ h, a ^ h, size);
  }

  /** All ones where {@code a} is below {@code b}, unsigned. */
  private static long below(long a, long b, int size) {
    return spread(borrows(a, b, subtract(a, b, size), size), size);
  }

  /** PMINSB, PMINSW, PMINSD and, for {@code max}, PMAXSB... */
  public static long extremeSigned(long a, long b, int size, boolean max) {
    long mask = greater(a, b, size);
    return max ? (a & mask) | (b & ~mask) : (b & mask) | (a & ~mask);
  }

  /** PMINUB, PMINUW, PMINUD and, for {@code max}, PMAXUB... */
  public static long extremeUnsigned(long a, long b, int size, boolean max) {
    long mask = below(b, a, size);
    return max ? (a & mask) | (b & ~mask) : (b & mask) | (a & ~mask);
  }

  /** PAVGB, PAVGW. */
  public static long average(long a, long b, int size) {
    long x = a ^ b;
    long lowest = tops(size) >>> (size * 8 - 1);
    return subtract(a | b, (x & ~lowest) >>> 1, size);
  }

  /** PABSB, PABSW, PABSD. */
  public static long absolute(long a, int size) {
    long mask = spread(a & tops(size), size);
    return subtract(a ^ mask, mask, size);
  }

  /** PSIGNB, PSIGNW, PSIGND: {@code a} with the sign of {@code b} applied. */
  public static long sign(long a, long b, int size) {
    long negative = spread(b & tops(size), size);
    long value = subtract(a ^ negative, negative, size);
    return value & ~equal(b, 0, size);
  }

  /** PSLLW, PSLLD, PSLLQ; {@code count} unsigned. */
  public static long shiftLeft(long a, long count, int size) {
    int bits = size * 8;
    if (Long.compareUnsigned(count, bits) >= 0) {
      return 0;
    }
    int by = (int) count;
    long ones = -1L >>> (64 - bits);
    return (a << by) & repeat((ones << by) & ones, size);
  }

  /** PSRLW, PSRLD, PSRLQ; {@code count} unsigned. */
  public static long shiftRight(long a, long count, int size) {
    int bits = size * 8;
    if (Long.compareUnsigned(count, bits) >= 0) {
      return 0;
    }
    int by = (int) count;
    return (a >>> by) & repeat((-1L >>> (64 - bits)) >>> by, size);
  }

  /** PSRAW, PSRAD; {@code count} unsigned. */
  public static long shiftRightSigned(long a, long count, int size) {
    int bits = size * 8;
    int by = Long.compareUnsigned(count, bits - 1) > 0 ? bits - 1 : (int) count;
    long ones = -1L >>> (64 - bits);
    long kept = repeat(ones >>> by, size);
    return ((a >>> by) & kept) | (spread(a & tops(size), size) & ~kept);
  }

  /**
   * VPSLLVD, VPSRLVD, VPSRAVD and their forms of 8 bytes: each element by its own count.
   *
   * @param left whether to the left
   * @param signed whether the sign comes in from the left
   */
  public static long shiftEach(long a, long counts, int size, boolean left, boolean signed) {
    if (size == 8) {
      return left ? shiftLeft(a, counts, 8) : shiftRight(a, counts, 8);
    }
    long low = shiftOne((int) a, counts & 0xffff_ffffL, left, signed);
    return low & 0xffff_ffffL | shiftOne((int) (a >>> 32), counts >>> 32, left, signed) << 32;
  }

  private static long shiftOne(int a, long count, boolean left, boolean signed) {
    if (signed) {
      return a >> Math.min(count, 31);
    }
    return count > 31 ? 0 : left ? (long) a << count : a >>> count;
  }

  private static long repeat(long element, int size) {
    return switch (size) {
      case 1 -> element * 0x0101_0101_0101_0101L;
      case 2 -> element * 0x0001_0001_0001_0001L;
      case 4 -> element * 0x0000_0001_0000_0001L;
      default -> element;
    };
  }

  /** PMULLW: low halves of the products. */
  public static long multiplyLow16(long a, long b) {
    long result = 0;
    for (int i = 0; i < 64; i += 16) {
      result |= ((a >>> i) * (b >>> i) & 0xffff) << i;
    }
    return result;
  }

  /** PMULHW, and PMULHUW for {@code unsigned}: upper halves of the products. */
  public static long multiplyHigh16(long a, long b, boolean unsigned) {
    long result = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = unsigned ? (char) (a >>> i) : (short) (a >>> i);
      int y = unsigned ? (char) (b >>> i) : (short) (b >>> i);
      result |= (long) ((x * y) >>> 16 & 0xffff) << i;
    }
    return result;
  }

  /** PMULHRSW: upper halves of the products, rounded, with one bit more kept. */
  public static long multiplyRounded(long a, long b) {
    long result = 0;
    for (int i = 0; i < 64; i += 16) {
      int product = (short) (a >>> i) * (short) (b >>> i);
      result |= (long) (((product >> 14) + 1) >> 1 & 0xffff) << i;
    }
    return result;
  }

  /** PMADDWD: pairs of products added. */
  public static long multiplyAdd(long a, long b) {
    long low = multiplyAddPair((int) a, (int) b) & 0xffff_ffffL;
    return (long) multiplyAddPair((int) (a >>> 32), (int) (b >>> 32)) << 32 | low;
  }

  private static int multiplyAddPair(int a, int b) {
    return (short) a * (short) b + (a >> 16) * (b >> 16);
  }

  /** PMADDUBSW: unsigned bytes of {@code a} times signed bytes of {@code b}, pairs added. */
  public static long multiplyAddBytes(long a, long b) {
    long result = 0;
    for (int i = 0; i < 64; i += 16) {
      int low = (int) (a >>> i & 0xff) * (byte) (b >>> i);
      int high = (int) (a >>> (i + 8) & 0xff) * (byte) (b >>> (i + 8));
      result |= (long) (saturateShort(low + high) & 0xffff) << i;
    }
    return result;
  }

  /** PMULLD. */
  public static long multiplyLow32(long a, long b) {
    return ((a >>> 32) * (b >>> 32)) << 32 | (a * b & 0xffff_ffffL);
  }

  /** PSADBW: the sum of the absolute differences of eight bytes. */
  public static long sumOfDifferences(long a, long b) {
    long difference = extremeUnsigned(a, b, 1, true);
    difference -= extremeUnsigned(a, b, 1, false);
    long pairs =
        (difference & 0x00ff_00ff_00ff_00ffL) + (difference >>> 8 & 0x00ff_00ff_00ff_00ffL);
    return pairs * 0x0001_0001_0001_0001L >>> 48;
  }

  /**
   * MPSADBW's sums of four differences: of the bytes of {@code a} from {@code at} to {@code at + 6}
   * on, to the four bytes {@code b}; four words.
   */
  public static long slidingSums(long aLow, long aHigh, int at, int b) {
    long result = 0;
    for (int i = 0; i < 4; i++) {
      int sum = 0;
      for (int j = 0; j < 4; j++) {
        int x = byteAt(aLow, aHigh, at + i + j);
        sum += Math.abs(x - (b >>> (j * 8) & 0xff));
      }
      result |= (long) sum << (i * 16);
    }
    return result;
  }

  private static int byteAt(long low, long high, int index) {
    return (int) ((index < 8 ? low : high) >>> ((index & 7) * 8)) & 0xff;
  }

  /** One bit for each byte's top bit (PMOVMSKB). */
  public static int byteMask(long a) {
    return (int) ((a & HIGH8) * 0x0002_0408_1020_4081L >>> 56);
  }

  private static int saturateShort(int value) {
    return Math.clamp(value, Short.MIN_VALUE, Short.MAX_VALUE);
  }

  /** PACKSSWB, PACKUSWB, PACKSSDW, PACKUSDW: half a result, from elements of {@code size} bytes. */
  public static int pack(long a, int size, boolean unsigned) {
    int result = 0;
    int half = size * 4;
    int least = unsigned ? 0 : -1 << (half - 1);
    int most = unsigned ? (1 << half) - 1 : (1 << (half - 1)) - 1;
    int mask = (1 << half) - 1;
    for (int i = 0; i < 64; i += half * 2) {
      int value = size == 2 ? (short) (a >>> i) : (int) (a >>> i);
      result |= (Math.clamp(value, least, most) & mask) << (i / 2);
    }
    return result;
  }

  /** Interleaves the elements of two halves: those of {@code a} in the even places (PUNPCK). */
  public static long interleave(int a, int b, int size) {
    return stretch(a, size) | stretch(b, size) << (size * 8);
  }

  /** Moves elements apart to twice their distance. */
  private static long stretch(int value, int size) {
    long x = value & 0xffff_ffffL;
    if (size == 4) {
      return x;
    }
    x = (x | x << 16) & 0x0000_ffff_0000_ffffL;
    return size == 2 ? x : (x | x << 8) & 0x00ff_00ff_00ff_00ffL;
  }

  /** PSHUFW, and each half of PSHUFLW and PSHUFHW: words chosen by two bits each. */
  public static long shuffleWords(long a, int order) {
    return (a >>> ((order & 3) << 4) & 0xffff)
        | (a >>> ((order >> 2 & 3) << 4) & 0xffff) << 16
        | (a >>> ((order >> 4 & 3) << 4) & 0xffff) << 32
        | (a >>> ((order >> 6 & 3) << 4) & 0xffff) << 48;
  }

  /**
   * PSHUFB: eight bytes chosen by {@code order}, zero where its byte has the top bit set.
   *
   * @param mask 7 to choose from {@code low} alone, 15 from both
   */
  public static long shuffleBytes(long low, long high, long order, int mask) {
    long result = 0;
    for (int i = 0; i < 64; i += 8) {
      int index = (int) (order >>> i);
      if ((index & 0x80) == 0) {
        index &= mask;
        result |= (long) byteAt(low, high, index) << i;
      }
    }
    return result;
  }

  /** The low half of {@code high:low} shifted right by 0 to 63 bits. */
  public static long join(long high, long low, int by) {
    return by == 0 ? low : low >>> by | high << (64 - by);
  }

  /** PHADDW, PHADDD, PHADDSW and their subtractions: neighbours combined, 32 bits of result. */
  public static int horizontal(long a, int size, boolean subtract, boolean saturate) {
    if (size == 4) {
      int low = (int) a;
      int high = (int) (a >>> 32);
      return subtract ? low - high : low + high;
    }
    return horizontalPair((int) a, subtract, saturate) & 0xffff
        | horizontalPair((int) (a >>> 32), subtract, saturate) << 16;
  }

  private static int horizontalPair(int a, boolean subtract, boolean saturate) {
    int low = (short) a;
    int high = a >> 16;
    int value = subtract ? low - high : low + high;
    return saturate ? saturateShort(value) : value;
  }

  /** PHMINPOSUW: the smallest of eight words, and its place above it. */
  public static long smallestWord(long low, long high) {
    int best = 0;
    int least = 0xffff + 1;
    for (int i = 0; i < 8; i++) {
      int value = (int) ((i < 4 ? low : high) >>> ((i & 3) * 16)) & 0xffff;
      if (value < least) {
        least = value;
        best = i;
      }
    }
    return (long) best << 16 | least;
  }

  /** PMOVSX and PMOVZX: elements of {@code from} bytes widened to {@code to}, eight bytes. */
  public static long extend(long a, int from, int to, boolean signed) {
    long result = 0;
    int fromBits = from * 8;
    int toBits = to * 8;
    for (int i = 0; i < 8 / to; i++) {
      long value = a << (64 - fromBits * (i + 1));
      value = signed ? value >> (64 - fromBits) : value >>> (64 - fromBits);
      result |= (toBits == 64 ? value : value & (1L << toBits) - 1) << (i * toBits);
    }
    return result;
  }

  /** All ones in each element whose top bit is set: the choice that BLENDV makes. */
  public static long choice(long mask, int size) {
    return spread(mask & tops(size), size);
  }
}
