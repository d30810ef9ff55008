package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.DE;
import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.PE;
import static isola.cpu.x86.arith.FloatSpec.ZE;

/**
 * SSE arithmetic on one element, 32-bit or 64-bit (Intel SDM vol. 1, 10.2.3, 11.5 and appendix E).
 * Elements are raw bits; a 32-bit one stands in the low half of a long, the upper half zero.
 *
 * <p>The usual case, rounding to nearest with a normal result, runs on the host's own arithmetic
 * and finds out whether it was exact from the error term; everything else is computed in integers.
 */
public final class SseFloat extends SoftFloat {
  /** Operations of {@link #arithmetic}. */
  public static final int ADD = 0;

  public static final int SUB = 1;
  public static final int MUL = 2;
  public static final int DIV = 3;
  public static final int MIN = 4;
  public static final int MAX = 5;

  /** Results of {@link #order}; each one bit. */
  public static final int LESS = 1;

  public static final int EQUAL = 2;
  public static final int GREATER = 4;
  public static final int UNORDERED = 8;

  private static final int K_ZERO = 0;
  private static final int K_DENORMAL = 1;
  private static final int K_NORMAL = 2;
  private static final int K_INFINITE = 3;
  private static final int K_QNAN = 4;
  private static final int K_SNAN = 5;

  /** Biased exponent from which the error term of a 64-bit operation is exact. */
  private static final int SAFE64 = 110;

  private boolean daz;
  private boolean ftz;
  private boolean skipInexact;
  private int control = -1;

  /** An arithmetic unit as after reset. */
  public SseFloat() {
    begin(0x1f80);
  }

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

  private static boolean normalOrZero64(long a) {
    return (a & 0x7ff0_0000_0000_0000L) != 0 || a << 1 == 0;
  }

  private static boolean normalOrZero32(long a) {
    return (a & 0x7f80_0000) != 0 || (int) a << 1 == 0;
  }

  /** Whether a result is so far from overflow and underflow that its error term is exact. */
  private static boolean safe64(long r) {
    int e = (int) (r >>> 52) & 0x7ff;
    return e >= SAFE64 && e < 0x7fe;
  }

  private static boolean safe32(int r) {
    int e = (r >>> 23) & 0xff;
    return e >= 2 && e < 0xfe;
  }

  private static float asFloat(long bits) {
    return Float.intBitsToFloat((int) bits);
  }

  private static double asDouble(long bits) {
    return Double.longBitsToDouble(bits);
  }

  private long done32(int bits, boolean exact) {
    if (!exact) {
      flags |= PE;
    }
    return bits & 0xffff_ffffL;
  }

  private long done64(long bits, boolean exact) {
    if (!exact) {
      flags |= PE;
    }
    return bits;
  }

  /** {@code a op b}; {@code wide} for 64-bit elements. */
  public long arithmetic(int op, long a, long b, boolean wide) {
    return switch (op) {
      case ADD -> wide ? add64(a, b) : add32(a, b);
      case SUB -> wide ? add64(a, subtrahend64(b)) : add32(a, subtrahend32(b));
      case MUL -> wide ? multiply64(a, b) : multiply32(a, b);
      case DIV -> wide ? divide64(a, b) : divide32(a, b);
      default -> extreme(op, a, b, wide);
    };
  }

  /** Changes the sign of all but NaNs, whose payload and sign a subtraction hands on. */
  private static long subtrahend64(long b) {
    return (b & Long.MAX_VALUE) > 0x7ff0_0000_0000_0000L ? b : b ^ Long.MIN_VALUE;
  }

  private static long subtrahend32(long b) {
    return (b & 0x7fff_ffff) > 0x7f80_0000 ? b : b ^ 0x8000_0000L;
  }

  private long add64(long a, long b) {
    if (rounding == FloatSpec.NEAREST && normalOrZero64(a) && normalOrZero64(b)) {
      double x = asDouble(a);
      double y = asDouble(b);
      double r = x + y;
      long bits = Double.doubleToRawLongBits(r);
      if (safe64(bits)) {
        if (skipInexact) {
          return bits;
        }
        double part = r - x;
        return done64(bits, (x - (r - part)) + (y - part) == 0);
      }
      if (bits << 1 == 0) {
        return bits;
      }
    }
    return slow(ADD, a, b, true);
  }

  private long add32(long a, long b) {
    if (rounding == FloatSpec.NEAREST && normalOrZero32(a) && normalOrZero32(b)) {
      float x = asFloat(a);
      float y = asFloat(b);
      float r = x + y;
      int bits = Float.floatToRawIntBits(r);
      if (safe32(bits)) {
        if (skipInexact) {
          return bits & 0xffff_ffffL;
        }
        float part = r - x;
        return done32(bits, (x - (r - part)) + (y - part) == 0);
      }
      if (bits << 1 == 0) {
        return bits & 0xffff_ffffL;
      }
    }
    return slow(ADD, a, b, false);
  }

  private long multiply64(long a, long b) {
    if (rounding == FloatSpec.NEAREST && normalOrZero64(a) && normalOrZero64(b)) {
      double x = asDouble(a);
      double y = asDouble(b);
      double r = x * y;
      long bits = Double.doubleToRawLongBits(r);
      if (safe64(bits)) {
        return done64(bits, skipInexact || Math.fma(x, y, -r) == 0);
      }
      if (bits << 1 == 0 && (x == 0 || y == 0)) {
        return bits;
      }
    }
    return slow(MUL, a, b, true);
  }

  private long multiply32(long a, long b) {
    if (rounding == FloatSpec.NEAREST && normalOrZero32(a) && normalOrZero32(b)) {
      double product = (double) asFloat(a) * asFloat(b);
      float r = (float) product;
      int bits = Float.floatToRawIntBits(r);
      if (safe32(bits)) {
        return done32(bits, r == product);
      }
      if (product == 0) {
        return bits & 0xffff_ffffL;
      }
    }
    return slow(MUL, a, b, false);
  }

  private long divide64(long a, long b) {
    if (rounding == FloatSpec.NEAREST && safe64(a) && normalOrZero64(b)) {
      double x = asDouble(a);
      double y = asDouble(b);
      double r = x / y;
      long bits = Double.doubleToRawLongBits(r);
      if (safe64(bits)) {
        return done64(bits, skipInexact || Math.fma(-r, y, x) == 0);
      }
    }
    return slow(DIV, a, b, true);
  }

  private long divide32(long a, long b) {
    if (rounding == FloatSpec.NEAREST && normalOrZero32(a) && normalOrZero32(b)) {
      float x = asFloat(a);
      float y = asFloat(b);
      float r = x / y;
      int bits = Float.floatToRawIntBits(r);
      if (safe32(bits)) {
        return done32(bits, (double) r * y == x);
      }
    }
    return slow(DIV, a, b, false);
  }

  /** The square root. */
  public long squareRoot(long a, boolean wide) {
    if (rounding == FloatSpec.NEAREST) {
      if (wide ? a > 0 && safe64(a) : (int) a > 0 && safe32((int) a)) {
        if (wide) {
          double x = asDouble(a);
          double r = Math.sqrt(x);
          return done64(Double.doubleToRawLongBits(r), skipInexact || Math.fma(-r, r, x) == 0);
        }
        float x = asFloat(a);
        float r = (float) Math.sqrt(x);
        return done32(Float.floatToRawIntBits(r), (double) r * r == x);
      }
    }
    int kind = kind(a, wide);
    if (kind >= K_QNAN) {
      return quiet(a, kind, wide);
    }
    if (kind == K_ZERO) {
      return a & signBit(wide);
    }
    if ((a & signBit(wide)) != 0) {
      return invalid(wide);
    }
    if (kind == K_INFINITE) {
      return a;
    }
    denormal(kind, K_ZERO);
    root(exponentOf(a, wide), align(a, wide));
    return finish(wide);
  }

  // What follows works in integers, for both widths.

  private static long signBit(boolean wide) {
    return wide ? Long.MIN_VALUE : 0x8000_0000L;
  }

  private static int fractionBits(boolean wide) {
    return wide ? 52 : 23;
  }

  private static int biasedExponent(long a, boolean wide) {
    return wide ? (int) (a >>> 52) & 0x7ff : (int) (a >>> 23) & 0xff;
  }

  private static long infinity(boolean wide) {
    return wide ? 0x7ff0_0000_0000_0000L : 0x7f80_0000L;
  }

  private static long fraction(long a, boolean wide) {
    return a & ((1L << fractionBits(wide)) - 1);
  }

  /** What kind of value it is, denormals being zeros under DAZ. */
  private int kind(long a, boolean wide) {
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

  private static long align(long a, boolean wide) {
    long part = fraction(a, wide);
    if (biasedExponent(a, wide) != 0) {
      return Long.MIN_VALUE | part << (63 - fractionBits(wide));
    }
    return part << Long.numberOfLeadingZeros(part);
  }

  private static int exponentOf(long a, boolean wide) {
    int e = biasedExponent(a, wide);
    int bias = wide ? 1023 : 127;
    if (e != 0) {
      return e - bias;
    }
    return 1 - bias + (63 - fractionBits(wide)) - Long.numberOfLeadingZeros(fraction(a, wide));
  }

  private static int signOf(long a, boolean wide) {
    return (a & signBit(wide)) != 0 ? 1 : 0;
  }

  private void denormal(int aKind, int bKind) {
    if (aKind == K_DENORMAL || bKind == K_DENORMAL) {
      flags |= DE;
    }
  }

  private long invalid(boolean wide) {
    flags |= IE;
    return wide ? FloatSpec.DEFAULT_NAN64 : FloatSpec.DEFAULT_NAN32 & 0xffff_ffffL;
  }

  private long quiet(long a, int kind, boolean wide) {
    if (kind == K_SNAN) {
      flags |= IE;
    }
    return a | 1L << (fractionBits(wide) - 1);
  }

  private long finish(boolean wide) {
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

  private long slow(int op, long a, long b, boolean wide) {
    int aKind = kind(a, wide);
    int bKind = kind(b, wide);
    if (aKind >= K_QNAN || bKind >= K_QNAN) {
      if (bKind == K_SNAN) {
        flags |= IE;
      }
      return aKind >= K_QNAN ? quiet(a, aKind, wide) : quiet(b, bKind, wide);
    }
    return switch (op) {
      case ADD -> slowAdd(a, aKind, b, bKind, wide);
      case MUL -> slowMultiply(a, aKind, b, bKind, wide);
      default -> slowDivide(a, aKind, b, bKind, wide);
    };
  }

  private long slowAdd(long a, int aKind, long b, int bKind, boolean wide) {
    int aSign = signOf(a, wide);
    int bSign = signOf(b, wide);
    if (aKind == K_INFINITE && bKind == K_INFINITE && aSign != bSign) {
      return invalid(wide);
    }
    denormal(aKind, bKind);
    if (aKind == K_INFINITE) {
      return a;
    }
    if (bKind == K_INFINITE) {
      return b;
    }
    if (aKind == K_ZERO && bKind == K_ZERO) {
      zero(aSign == bSign ? aSign : rounding == FloatSpec.DOWN ? 1 : 0);
    } else if (aKind == K_ZERO) {
      load(b, wide);
    } else if (bKind == K_ZERO) {
      load(a, wide);
    } else {
      sum(aSign, exponentOf(a, wide), align(a, wide), bSign, exponentOf(b, wide), align(b, wide));
    }
    return finish(wide);
  }

  private void load(long a, boolean wide) {
    sign = signOf(a, wide);
    exponent = exponentOf(a, wide);
    high = align(a, wide);
    low = 0;
  }

  private long slowMultiply(long a, int aKind, long b, int bKind, boolean wide) {
    long signed = (a ^ b) & signBit(wide);
    boolean infinite = aKind == K_INFINITE || bKind == K_INFINITE;
    boolean zero = aKind == K_ZERO || bKind == K_ZERO;
    if (infinite && zero) {
      return invalid(wide);
    }
    denormal(aKind, bKind);
    if (infinite) {
      return signed | infinity(wide);
    }
    if (zero) {
      return signed;
    }
    product(
        signOf(a, wide),
        exponentOf(a, wide),
        align(a, wide),
        signOf(b, wide),
        exponentOf(b, wide),
        align(b, wide));
    return finish(wide);
  }

  private long slowDivide(long a, int aKind, long b, int bKind, boolean wide) {
    long signed = (a ^ b) & signBit(wide);
    if (aKind == bKind && (aKind == K_INFINITE || aKind == K_ZERO)) {
      return invalid(wide);
    }
    if (bKind == K_ZERO && aKind != K_INFINITE) {
      flags |= ZE;
      return signed | infinity(wide);
    }
    denormal(aKind, bKind);
    if (aKind == K_INFINITE) {
      return signed | infinity(wide);
    }
    if (bKind == K_INFINITE || aKind == K_ZERO) {
      return signed;
    }
    quotient(
        signOf(a, wide),
        exponentOf(a, wide),
        align(a, wide),
        signOf(b, wide),
        exponentOf(b, wide),
        align(b, wide));
    return finish(wide);
  }

  /** MIN and MAX: the second operand unless the first is strictly beyond it. */
  private long extreme(int op, long a, long b, boolean wide) {
    int order = order(a, b, wide, true);
    boolean first = order == (op == MIN ? LESS : GREATER);
    long chosen = first ? a : b;
    return daz && kind(chosen, wide) == K_ZERO ? chosen & signBit(wide) : chosen;
  }

  /**
   * The order of two values: {@link #LESS}, {@link #EQUAL}, {@link #GREATER} or {@link #UNORDERED}.
   *
   * @param signalling whether a quiet NaN too is an invalid operation
   */
  public int order(long a, long b, boolean wide, boolean signalling) {
    int aKind = kind(a, wide);
    int bKind = kind(b, wide);
    if (aKind >= K_QNAN || bKind >= K_QNAN) {
      if (signalling || aKind == K_SNAN || bKind == K_SNAN) {
        flags |= IE;
      }
      return UNORDERED;
    }
    denormal(aKind, bKind);
    long x = aKind == K_ZERO ? 0 : signedMagnitude(a, wide);
    long y = bKind == K_ZERO ? 0 : signedMagnitude(b, wide);
    return x < y ? LESS : x == y ? EQUAL : GREATER;
  }

  private static long signedMagnitude(long a, boolean wide) {
    long magnitude = a & ~signBit(wide);
    return (a & signBit(wide)) != 0 ? -magnitude : magnitude;
  }

  /** Whether CMPPS and its kin find predicate {@code imm} (0 to 31) true. */
  public boolean predicate(int imm, long a, long b, boolean wide) {
    boolean signalling = ((imm & 3) == 1 || (imm & 3) == 2) ^ (imm & 16) != 0;
    int order = order(a, b, wide, signalling);
    int truth =
        switch (imm & 15) {
          case 0 -> EQUAL;
          case 1 -> LESS;
          case 2 -> LESS | EQUAL;
          case 3 -> UNORDERED;
          case 4 -> LESS | GREATER | UNORDERED;
          case 5 -> EQUAL | GREATER | UNORDERED;
          case 6 -> GREATER | UNORDERED;
          case 7 -> LESS | EQUAL | GREATER;
          case 8 -> EQUAL | UNORDERED;
          case 9 -> LESS | UNORDERED;
          case 10 -> LESS | EQUAL | UNORDERED;
          case 11 -> 0;
          case 12 -> LESS | GREATER;
          case 13 -> EQUAL | GREATER;
          case 14 -> GREATER;
          default -> LESS | EQUAL | GREATER | UNORDERED;
        };
    return (truth & order) != 0;
  }

  /** From 32 to 64 bits. */
  public long widen(long a) {
    if ((a & 0x7f80_0000) != 0x7f80_0000 && normalOrZero32(a)) {
      return Double.doubleToRawLongBits(asFloat(a));
    }
    int kind = kind(a, false);
    long signed = (a & 0x8000_0000L) << 32;
    if (kind == K_ZERO) {
      return signed;
    }
    if (kind >= K_INFINITE) {
      long bits = kind == K_INFINITE ? a : quiet(a, kind, false);
      return signed | 0x7ff0_0000_0000_0000L | (bits & 0x7f_ffff) << 29;
    }
    denormal(kind, K_ZERO);
    load(a, false);
    return finish(true);
  }

  /** From 64 to 32 bits. */
  public long narrow(long a) {
    if (rounding == FloatSpec.NEAREST) {
      double x = asDouble(a);
      float r = (float) x;
      int bits = Float.floatToRawIntBits(r);
      if (safe32(bits) || a << 1 == 0) {
        return done32(bits, r == x);
      }
    }
    int kind = kind(a, true);
    long signed = (a >>> 32) & 0x8000_0000L;
    if (kind == K_ZERO) {
      return signed;
    }
    if (kind >= K_INFINITE) {
      long bits = kind == K_INFINITE ? a : quiet(a, kind, true);
      return signed | 0x7f80_0000L | ((bits >>> 29) & 0x7f_ffff);
    }
    denormal(kind, K_ZERO);
    load(a, true);
    return finish(false);
  }

  /** A signed integer as an element, rounded. */
  public long fromInteger(long value, boolean wide) {
    if (value == 0) {
      return 0;
    }
    long magnitude = Math.abs(value);
    int lead = Long.numberOfLeadingZeros(magnitude);
    if (lead >= 63 - fractionBits(wide)) {
      return wide
          ? Double.doubleToRawLongBits((double) value)
          : Float.floatToRawIntBits((float) value) & 0xffff_ffffL;
    }
    sign = value < 0 ? 1 : 0;
    exponent = 63 - lead;
    high = magnitude << lead;
    low = 0;
    return finish(wide);
  }

  /**
   * A signed integer of 32 or 64 bits, sign-extended; what does not fit gives the smallest and is
   * invalid.
   */
  public long toInteger(long a, boolean wide, int bits, boolean truncate) {
    if (truncate && (wide ? normalOrZero64(a) : normalOrZero32(a))) {
      double x = wide ? asDouble(a) : asFloat(a);
      long whole = bits == 32 ? (int) x : (long) x;
      // The largest magnitudes are left to the slow way, as are NaN and infinity.
      if (Math.abs(x) < (bits == 32 ? 0x1p31 : 0x1p62)) {
        if (whole != x) {
          flags |= PE;
        }
        return whole;
      }
    }
    long indefinite = -1L << (bits - 1);
    int kind = kind(a, wide);
    if (kind == K_ZERO) {
      return 0;
    }
    if (kind >= K_INFINITE || exponentOf(a, wide) > 63) {
      flags |= IE;
      return indefinite;
    }
    long magnitude = whole(a, wide, truncate ? FloatSpec.TRUNCATE : rounding);
    long limit = 1L << (bits - 1);
    if (high != 0
        || Long.compareUnsigned(magnitude, limit) > 0
        || (magnitude == limit && sign == 0)) {
      flags |= IE;
      return indefinite;
    }
    if (low != 0) {
      flags |= PE;
    }
    return sign != 0 ? -magnitude : magnitude;
  }

  private long whole(long a, boolean wide, int mode) {
    load(a, wide);
    int saved = rounding;
    rounding = mode;
    long magnitude = integer();
    rounding = saved;
    return magnitude;
  }

  /** ROUNDPS and its kin (SDM vol. 2B): immediate bits 1:0 mode, 2 MXCSR's mode, 3 no PE. */
  public long roundToInteger(long a, int imm, boolean wide) {
    int kind = kind(a, wide);
    if (kind >= K_QNAN) {
      return quiet(a, kind, wide);
    }
    if (kind == K_ZERO) {
      return a & signBit(wide);
    }
    if (kind == K_INFINITE || exponentOf(a, wide) >= fractionBits(wide)) {
      return a;
    }
    long magnitude = whole(a, wide, (imm & 4) != 0 ? rounding : imm & 3);
    if (low != 0 && (imm & 8) == 0) {
      flags |= PE;
    }
    long signed = a & signBit(wide);
    return signed
        | (wide
            ? Double.doubleToRawLongBits((double) magnitude)
            : Float.floatToRawIntBits((float) magnitude));
  }

  /**
   * RCPSS: an approximation of 1/a with a relative error below 1.5 * 2^-12; raises nothing. It is
   * the nearest value of 12 significant bits.
   */
  public static long reciprocal(long a) {
    long signed = a & 0x8000_0000L;
    int e = (int) (a >>> 23) & 0xff;
    if (e == 0) {
      return signed | 0x7f80_0000L;
    }
    if (e == 0xff) {
      return (a & 0x7f_ffff) != 0 ? a | 0x40_0000 : signed;
    }
    return twelveBits(1.0 / asFloat(a));
  }

  /** RSQRTSS: an approximation of the reciprocal of the square root, as {@link #reciprocal}. */
  public static long reciprocalRoot(long a) {
    long signed = a & 0x8000_0000L;
    int e = (int) (a >>> 23) & 0xff;
    if (e == 0) {
      return signed | 0x7f80_0000L;
    }
    if (e == 0xff && (a & 0x7f_ffff) != 0) {
      return a | 0x40_0000;
    }
    if (signed != 0) {
      return FloatSpec.DEFAULT_NAN32 & 0xffff_ffffL;
    }
    return e == 0xff ? 0 : twelveBits(1.0 / Math.sqrt(asFloat(a)));
  }

  /** Rounds to 12 significant bits; a denormal result is zero. */
  private static long twelveBits(double value) {
    int bits = Float.floatToRawIntBits((float) value);
    if ((bits & 0x7f80_0000) == 0) {
      return bits & 0x8000_0000L;
    }
    return (bits + 0x400 & ~0x7ff) & 0xffff_ffffL;
  }
}
