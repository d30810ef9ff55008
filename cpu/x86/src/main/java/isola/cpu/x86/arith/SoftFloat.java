package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.DOWN;
import static isola.cpu.x86.arith.FloatSpec.NEAREST;
import static isola.cpu.x86.arith.FloatSpec.OE;
import static isola.cpu.x86.arith.FloatSpec.PE;
import static isola.cpu.x86.arith.FloatSpec.UE;
import static isola.cpu.x86.arith.FloatSpec.UP;

/**
 * The arithmetic under both x87 and SSE: exact results of finite, non-zero operands, then one
 * rounding to a precision and exponent range.
 *
 * <p>An operand is a sign (0 or 1), an unbiased exponent and a significand whose top bit is set:
 * its value is {@code significand / 2^63 * 2^exponent}. A result stands in {@link #sign}, {@link
 * #exponent}, {@link #high} and {@link #low}, the last holding further bits of the significand with
 * everything below them or-ed into its lowest.
 *
 * <p>One object belongs to one processor and is used by its thread alone; it is its own scratch
 * memory, so that no operation allocates.
 */
abstract class SoftFloat {
  /** Smallest exponent of a normal number, by format. */
  static final int MIN16 = -14;

  static final int MIN32 = -126;

  static final int MIN64 = -1022;
  static final int MIN80 = -16382;

  /** Largest exponent of a finite number, by format. */
  static final int MAX16 = 15;

  static final int MAX32 = 127;

  static final int MAX64 = 1023;
  static final int MAX80 = 16383;

  /** Significand bits, the leading one included, by format. */
  static final int BITS16 = 11;

  static final int BITS32 = 24;

  static final int BITS64 = 53;
  static final int BITS80 = 64;

  /** Rounding control, see {@link FloatSpec}. */
  int rounding;

  /** Exceptions that are masked. */
  int masks;

  /** Exceptions raised since it was last cleared. */
  int flags;

  /** Whether the last rounding went away from zero: x87's C1. */
  boolean roundedUp;

  int sign;
  int exponent;
  long high;
  long low;

  /** What {@link #divide128} left over. */
  private long remainder;

  final void zero(int newSign) {
    sign = newSign;
    exponent = 0;
    high = 0;
    low = 0;
  }

  private void shiftRightJam(int by) {
    if (by <= 0) {
      return;
    }
    if (by < 64) {
      long lost = low << (64 - by);
      low = (low >>> by) | (high << (64 - by)) | (lost != 0 ? 1 : 0);
      high >>>= by;
    } else if (by < 128) {
      int more = by - 64;
      boolean lost = (more == 0 ? 0 : high << (64 - more)) != 0 || low != 0;
      low = (high >>> more) | (lost ? 1 : 0);
      high = 0;
    } else {
      low = (high | low) != 0 ? 1 : 0;
      high = 0;
    }
  }

  private void normalize() {
    if (high == 0) {
      high = low;
      low = 0;
      exponent -= 64;
    }
    int by = Long.numberOfLeadingZeros(high);
    if (by != 0) {
      high = (high << by) | (low >>> (64 - by));
      low <<= by;
      exponent -= by;
    }
  }

  /** The sum; an exact zero has {@link #high} zero and the sign that the rounding gives it. */
  final void sum(int aSign, int aExponent, long a, int bSign, int bExponent, long b) {
    sum(aSign, aExponent, a, 0, bSign, bExponent, b);
  }

  /** The sum, of which the first operand has 128 bits of significand. */
  final void sum(int aSign, int aExponent, long a, long aLow, int bSign, int bExponent, long b) {
    int order = Long.compareUnsigned(a, b);
    boolean swap =
        aExponent < bExponent
            || (aExponent == bExponent && (order < 0 || (order == 0 && aLow == 0)));
    long big = swap ? b : a;
    long bigLow = swap ? 0 : aLow;
    int bigExponent = swap ? bExponent : aExponent;
    sign = swap ? bSign : aSign;
    high = swap ? a : b;
    low = swap ? aLow : 0;
    exponent = bigExponent;
    shiftRightJam(Math.abs(aExponent - bExponent));
    if (aSign == bSign) {
      low += bigLow;
      int carryLow = Long.compareUnsigned(low, bigLow) < 0 ? 1 : 0;
      long total = big + high;
      boolean carry = Long.compareUnsigned(total, big) < 0;
      high = total + carryLow;
      if (carry || (carryLow != 0 && high == 0)) {
        shiftRightJam(1);
        high |= Long.MIN_VALUE;
        exponent++;
      }
      return;
    }
    int borrow = Long.compareUnsigned(bigLow, low) < 0 ? 1 : 0;
    low = bigLow - low;
    high = big - high - borrow;
    if ((high | low) == 0) {
      zero(rounding == DOWN ? 1 : 0);
      return;
    }
    normalize();
  }

  final void product(int aSign, int aExponent, long a, int bSign, int bExponent, long b) {
    sign = aSign ^ bSign;
    exponent = aExponent + bExponent + 1;
    high = Math.unsignedMultiplyHigh(a, b);
    low = a * b;
    if (high >= 0) {
      high = (high << 1) | (low >>> 63);
      low <<= 1;
      exponent--;
    }
  }

  final void quotient(int aSign, int aExponent, long a, int bSign, int bExponent, long b) {
    sign = aSign ^ bSign;
    if (Long.compareUnsigned(a, b) < 0) {
      exponent = aExponent - bExponent - 1;
      high = divide128(a, 0, b);
    } else {
      exponent = aExponent - bExponent;
      high = divide128(a >>> 1, a << 63, b);
    }
    low = fraction(remainder, b);
  }

  /** What {@code remainder / divisor} is to a rounding: zero, below, equal to or above a half. */
  private static long fraction(long remainder, long divisor) {
    if (remainder == 0) {
      return 0;
    }
    long rest = divisor - remainder;
    int order = Long.compareUnsigned(remainder, rest);
    return order < 0 ? 1 : order == 0 ? Long.MIN_VALUE : Long.MIN_VALUE | 1;
  }

  /** Divides by a divisor whose top bit is set and which is above {@code top}. */
  private long divide128(long top, long bottom, long divisor) {
    long d1 = divisor >>> 32;
    long d0 = divisor & 0xffff_ffffL;
    long rest = top;
    long result = 0;
    for (int digit = 1; digit >= 0; digit--) {
      long next = (bottom >>> (digit * 32)) & 0xffff_ffffL;
      long q = Long.divideUnsigned(rest, d1);
      long r = rest - q * d1;
      while (q >>> 32 != 0 || Long.compareUnsigned(q * d0, (r << 32) | next) > 0) {
        q--;
        r += d1;
        if (r >>> 32 != 0) {
          break;
        }
      }
      rest = (rest << 32) + next - q * divisor;
      result = (result << 32) | q;
    }
    remainder = rest;
    return result;
  }

  final void root(int aExponent, long a) {
    boolean odd = (aExponent & 1) != 0;
    exponent = aExponent >> 1;
    sign = 0;
    // The root of a 128-bit number of which the first one or two digits are set: digit by digit.
    long nHigh = odd ? a : a >>> 1;
    long nLow = odd ? 0 : a << 63;
    long root = 0;
    long restHigh = 0;
    long restLow = 0;
    for (int i = 0; i < 64; i++) {
      restHigh = (restHigh << 2) | (restLow >>> 62);
      restLow = (restLow << 2) | (nHigh >>> 62);
      nHigh = (nHigh << 2) | (nLow >>> 62);
      nLow <<= 2;
      long trialHigh = root >>> 62;
      long trialLow = (root << 2) | 1;
      root <<= 1;
      if (restHigh > trialHigh
          || (restHigh == trialHigh && Long.compareUnsigned(restLow, trialLow) >= 0)) {
        restHigh -= trialHigh + (Long.compareUnsigned(restLow, trialLow) < 0 ? 1 : 0);
        restLow -= trialLow;
        root |= 1;
      }
    }
    high = root;
    if ((restHigh | restLow) == 0) {
      low = 0;
    } else {
      boolean above = restHigh != 0 || Long.compareUnsigned(restLow, root) > 0;
      low = above ? Long.MIN_VALUE | 1 : 1;
    }
  }

  /**
   * Whether to go to the next larger magnitude.
   *
   * @param rest what is cut off, as a fraction of the last kept bit's weight times 2^64
   */
  final boolean increments(long rest, boolean odd) {
    if (rest == 0) {
      return false;
    }
    return switch (rounding) {
      case NEAREST -> rest < 0 && (rest != Long.MIN_VALUE || odd);
      case DOWN -> sign != 0;
      case UP -> sign == 0;
      default -> false;
    };
  }

  private long rest(int precision) {
    return precision == 64 ? low : (high << precision) | (low != 0 ? 1 : 0);
  }

  /**
   * Rounds a non-zero result in place and raises what there is to raise. Afterwards {@link #high}
   * has its top bit set unless the result is denormal or zero; infinity has the exponent after
   * {@code maximum}.
   *
   * @param precision significand bits
   * @param minimum smallest exponent of a normal number
   * @param maximum largest exponent
   * @param wrap moves the exponent of an unmasked overflow or underflow
   * @param flush whether a masked tiny result becomes zero
   */
  final void round(int precision, int minimum, int maximum, int wrap, boolean flush) {
    long ulp = 1L << (64 - precision);
    long rest = rest(precision);
    boolean up = increments(rest, (high & ulp) != 0);
    long rounded = (high & -ulp) + (up ? ulp : 0);
    int roundedExponent = exponent;
    if (rounded == 0) {
      rounded = Long.MIN_VALUE;
      roundedExponent++;
    }
    if (roundedExponent < minimum) {
      underflow(precision, minimum, wrap, flush, rounded, roundedExponent, rest != 0, up);
      return;
    }
    if (roundedExponent > maximum) {
      if ((masks & OE) == 0) {
        flags |= OE;
        roundedExponent -= wrap;
      } else {
        flags |= OE | PE;
        boolean infinite =
            rounding == NEAREST || (rounding == UP && sign == 0) || (rounding == DOWN && sign != 0);
        high = infinite ? Long.MIN_VALUE : -ulp;
        exponent = infinite ? maximum + 1 : maximum;
        roundedUp = infinite;
        return;
      }
    }
    if (rest != 0) {
      flags |= PE;
    }
    roundedUp = up;
    high = rounded;
    exponent = roundedExponent;
  }

  private void underflow(
      int precision,
      int minimum,
      int wrap,
      boolean flush,
      long rounded,
      int roundedExponent,
      boolean inexact,
      boolean up) {
    if ((masks & UE) == 0) {
      flags |= UE | (inexact ? PE : 0);
      roundedUp = up;
      high = rounded;
      exponent = roundedExponent + wrap;
      return;
    }
    if (flush) {
      flags |= UE | PE;
      high = 0;
      exponent = minimum;
      roundedUp = false;
      return;
    }
    shiftRightJam(minimum - exponent);
    exponent = minimum;
    long ulp = 1L << (64 - precision);
    long rest = rest(precision);
    boolean more = increments(rest, (high & ulp) != 0);
    high = (high & -ulp) + (more ? ulp : 0);
    roundedUp = more;
    if (rest != 0) {
      flags |= UE | PE;
    }
  }

  /**
   * The operand {@code sign, exponent, high} as an integer rounded as the control says; raises
   * nothing but leaves the cut-off part in {@link #low}, non-zero if inexact.
   *
   * @return the magnitude, unsigned; {@link #high} is not zero if it does not fit in 64 bits
   */
  final long integer() {
    int shift = 63 - exponent;
    low = 0;
    if (shift < 0) {
      return 0;
    }
    shiftRightJam(shift);
    long magnitude = high;
    boolean up = increments(low, (magnitude & 1) != 0);
    roundedUp = up;
    high = 0;
    if (up && ++magnitude == 0) {
      high = 1;
    }
    return magnitude;
  }
}
