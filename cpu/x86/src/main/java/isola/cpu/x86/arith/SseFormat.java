package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.DE;
import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.PE;

/**
 * The 32-bit and 64-bit formats of SSE under MXCSR (Intel SDM vol. 1, 10.2.3): what an element is,
 * and how a result becomes one. Elements are raw bits; a 32-bit one stands in the low half of a
 * long, the upper half zero.
 */
public abstract sealed class SseFormat extends SoftFloat permits SseConversions {
  static final int K_ZERO = 0;
  static final int K_DENORMAL = 1;
  static final int K_NORMAL = 2;
  static final int K_INFINITE = 3;
  static final int K_QNAN = 4;
  static final int K_SNAN = 5;

  /** Biased exponent from which the error term of a 64-bit operation is exact. */
  private static final int SAFE64 = 110;

  boolean daz;
  boolean ftz;
  boolean skipInexact;
  private int control = -1;

  SseFormat() {}

  /** Starts an instruction under this MXCSR: nothing raised. */
  public void begin(int mxcsr) {
    flags = 0;
    if (mxcsr != control) {
      control = mxcsr;
      rounding = (mxcsr >>> FloatSpec.MXCSR_RC_SHIFT) & 3;
      masks = (mxcsr >>> FloatSpec.MXCSR_MASK_SHIFT) & FloatSpec.EXCEPTIONS;
      daz = (mxcsr & FloatSpec.MXCSR_DAZ) != 0;
      ftz = (mxcsr & FloatSpec.MXCSR_FTZ) != 0;
      skipInexact = (mxcsr & PE) != 0 && (masks & PE) != 0;
    }
  }

  /** Exceptions raised since {@link #begin}, those left out that MXCSR already shows. */
  public int raised() {
    return flags;
  }

  /** Whether an exception that is not masked was raised. */
  public boolean unmasked() {
    return (flags & ~masks) != 0;
  }

  /** Whether one was raised that keeps the other elements of a packed operation from computing. */
  public boolean unmaskedBefore() {
    return (flags & ~masks & FloatSpec.BEFORE) != 0;
  }

  /** Takes back exceptions. */
  public void keep(int exceptions) {
    flags &= exceptions;
  }

  static boolean normalOrZero64(long a) {
    return (a & 0x7ff0_0000_0000_0000L) != 0 || a << 1 == 0;
  }

  static boolean normalOrZero32(long a) {
    return (a & 0x7f80_0000) != 0 || (int) a << 1 == 0;
  }

  /** Whether a result is so far from overflow and underflow that its error term is exact. */
  static boolean safe64(long r) {
    int e = (int) (r >>> 52) & 0x7ff;
    return e >= SAFE64 && e < 0x7fe;
  }

  static boolean safe32(int r) {
    int e = (r >>> 23) & 0xff;
    return e >= 2 && e < 0xfe;
  }

  static float asFloat(long bits) {
    return Float.intBitsToFloat((int) bits);
  }

  static double asDouble(long bits) {
    return Double.longBitsToDouble(bits);
  }

  long done32(int bits, boolean exact) {
    if (!exact) {
      flags |= PE;
    }
    return bits & 0xffff_ffffL;
  }

  long done64(long bits, boolean exact) {
    if (!exact) {
      flags |= PE;
    }
    return bits;
  }

  // What follows works in integers, for both widths.

  static long signBit(boolean wide) {
    return wide ? Long.MIN_VALUE : 0x8000_0000L;
  }

  static int fractionBits(boolean wide) {
    return wide ? 52 : 23;
  }

  static int biasedExponent(long a, boolean wide) {
    return wide ? (int) (a >>> 52) & 0x7ff : (int) (a >>> 23) & 0xff;
  }

  static long infinity(boolean wide) {
    return wide ? 0x7ff0_0000_0000_0000L : 0x7f80_0000L;
  }

  static long fraction(long a, boolean wide) {
    return a & ((1L << fractionBits(wide)) - 1);
  }

  /** What kind of value it is, denormals being zeros under DAZ. */
  int kind(long a, boolean wide) {
    int e = biasedExponent(a, wide);
    long part = fraction(a, wide);
    if (e == 0) {
      return part == 0 || daz ? K_ZERO : K_DENORMAL;
    }
    if (e != (wide ? 0x7ff : 0xff)) {
      return K_NORMAL;
    }
    if (part == 0) {
      return K_INFINITE;
    }
    return (part >>> (fractionBits(wide) - 1)) != 0 ? K_QNAN : K_SNAN;
  }

  static long align(long a, boolean wide) {
    long part = fraction(a, wide);
    if (biasedExponent(a, wide) != 0) {
      return Long.MIN_VALUE | part << (63 - fractionBits(wide));
    }
    return part << Long.numberOfLeadingZeros(part);
  }

  static int exponentOf(long a, boolean wide) {
    int e = biasedExponent(a, wide);
    int bias = wide ? 1023 : 127;
    if (e != 0) {
      return e - bias;
    }
    return 1 - bias + (63 - fractionBits(wide)) - Long.numberOfLeadingZeros(fraction(a, wide));
  }

  static int signOf(long a, boolean wide) {
    return (a & signBit(wide)) != 0 ? 1 : 0;
  }

  void denormal(int aKind, int bKind) {
    if (aKind == K_DENORMAL || bKind == K_DENORMAL) {
      flags |= DE;
    }
  }

  long invalid(boolean wide) {
    flags |= IE;
    return wide ? FloatSpec.DEFAULT_NAN64 : FloatSpec.DEFAULT_NAN32 & 0xffff_ffffL;
  }

  long quiet(long a, int kind, boolean wide) {
    if (kind == K_SNAN) {
      flags |= IE;
    }
    return a | 1L << (fractionBits(wide) - 1);
  }

  long finish(boolean wide) {
    long signed = sign != 0 ? signBit(wide) : 0;
    if (high == 0) {
      return signed;
    }
    if (wide) {
      round(BITS64, MIN64, MAX64, 0, ftz);
    } else {
      round(BITS32, MIN32, MAX32, 0, ftz);
    }
    int bits = fractionBits(wide);
    long part = (high >>> (63 - bits)) & ((1L << bits) - 1);
    int bias = wide ? 1023 : 127;
    return signed | (high < 0 ? (long) (exponent + bias) << bits : 0) | part;
  }

  void load(long a, boolean wide) {
    sign = signOf(a, wide);
    exponent = exponentOf(a, wide);
    high = align(a, wide);
    low = 0;
  }
}
