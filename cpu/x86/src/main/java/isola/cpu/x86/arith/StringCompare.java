package isola.cpu.x86.arith;

/**
 * The comparison inside PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM (Intel SDM vol. 2B 4.1). Pure
 * functions, any thread.
 */
public final class StringCompare {
  private StringCompare() {}

  private static int element(long low, long high, int index, int imm) {
    if ((imm & 1) != 0) {
      int word = (int) ((index < 4 ? low : high) >>> ((index & 3) * 16));
      return (imm & 2) != 0 ? (short) word : word & 0xffff;
    }
    int value = (int) ((index < 8 ? low : high) >>> ((index & 7) * 8));
    return (imm & 2) != 0 ? (byte) value : value & 0xff;
  }

  /** Elements before the first zero one. */
  public static int implicitLength(long low, long high, int imm) {
    int size = (imm & 1) != 0 ? 2 : 1;
    long zeros = Packed.equal(low, 0, size);
    if (zeros != 0) {
      return Long.numberOfTrailingZeros(zeros) / (size * 8);
    }
    zeros = Packed.equal(high, 0, size);
    return (zeros == 0 ? 16 : 8 + Long.numberOfTrailingZeros(zeros) / 8) / size;
  }

  /** Elements that a length register asks for: its magnitude, at most all. */
  public static int explicitLength(long value, int imm) {
    long most = (imm & 1) != 0 ? 8 : 16;
    return (int) (value > most || value < -most ? most : Math.abs(value));
  }

  /** IntRes2: one bit for each element of the second operand. */
  public static int compare(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int imm) {
    int count = (imm & 1) != 0 ? 8 : 16;
    int result = 0;
    for (int j = 0; j < count; j++) {
      boolean hit =
          switch (imm >> 2 & 3) {
            case 0 -> any(aLow, aHigh, aLength, bLow, bHigh, j, bLength, imm);
            case 1 -> ranges(aLow, aHigh, aLength, bLow, bHigh, j, bLength, imm);
            case 2 -> each(aLow, aHigh, aLength, bLow, bHigh, j, bLength, imm);
            default -> ordered(aLow, aHigh, aLength, bLow, bHigh, j, bLength, imm, count);
          };
      if (hit) {
        result |= 1 << j;
      }
    }
    int all = (1 << count) - 1;
    return switch (imm >> 4 & 3) {
      case 1 -> result ^ all;
      case 3 -> result ^ ((1 << bLength) - 1);
      default -> result;
    };
  }

  private static boolean any(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int j, int bLength, int imm) {
    if (j >= bLength) {
      return false;
    }
    int value = element(bLow, bHigh, j, imm);
    for (int i = 0; i < aLength; i++) {
      if (element(aLow, aHigh, i, imm) == value) {
        return true;
      }
    }
    return false;
  }

  private static boolean ranges(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int j, int bLength, int imm) {
    if (j >= bLength) {
      return false;
    }
    int value = element(bLow, bHigh, j, imm);
    for (int i = 0; i + 1 < aLength; i += 2) {
      if (element(aLow, aHigh, i, imm) <= value && value <= element(aLow, aHigh, i + 1, imm)) {
        return true;
      }
    }
    return false;
  }

  private static boolean each(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int j, int bLength, int imm) {
    if (j >= aLength || j >= bLength) {
      return j >= aLength && j >= bLength;
    }
    return element(aLow, aHigh, j, imm) == element(bLow, bHigh, j, imm);
  }

  private static boolean ordered(
      long aLow,
      long aHigh,
      int aLength,
      long bLow,
      long bHigh,
      int j,
      int bLength,
      int imm,
      int count) {
    for (int i = 0; i < aLength && i + j < count; i++) {
      if (i + j >= bLength || element(aLow, aHigh, i, imm) != element(bLow, bHigh, i + j, imm)) {
        return false;
      }
    }
    return true;
  }

  /** The mask that PCMPxSTRM leaves: bits, or whole elements when bit 6 of {@code imm} is set. */
  public static long mask(int result, int imm, boolean upper) {
    if ((imm & 0x40) == 0) {
      return upper ? 0 : result;
    }
    int size = (imm & 1) != 0 ? 2 : 1;
    int bits = upper ? result >>> (8 / size) : result;
    long mask = 0;
    for (int i = 0; i < 8 / size; i++) {
      if ((bits >>> i & 1) != 0) {
        mask |= (size == 2 ? 0xffffL : 0xffL) << (i * size * 8);
      }
    }
    return mask;
  }
}
