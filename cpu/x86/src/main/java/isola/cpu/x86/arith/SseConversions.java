package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.PE;

/**
 * Conversions of SSE elements, rounding to integers and approximations (Intel SDM vol. 1, 11.5).
 */
public abstract sealed class SseConversions extends SseFormat permits SseFloat {
  SseConversions() {}

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

  /**
   * VCVTPH2PS: from 16 to 32 bits, always exact; denormals count as they are, whatever MXCSR says.
   */
  public long widenHalf(long a) {
    long signed = (a & 0x8000) << 16;
    int e = (int) (a >>> 10) & 31;
    long part = a & 0x3ff;
    if (e == 31) {
      if (part == 0) {
        return signed | 0x7f80_0000L;
      }
      if ((part & 0x200) == 0) {
        flags |= IE;
      }
      return signed | 0x7fc0_0000L | part << 13;
    }
    if (e == 0) {
      float value = part * 0x1p-24f;
      return signed | Float.floatToRawIntBits(value) & 0xffff_ffffL;
    }
    return signed | (long) (e + 127 - 15) << 23 | part << 13;
  }

  /**
   * VCVTPS2PH: from 32 to 16 bits; immediate bits 1:0 the rounding mode, 2 MXCSR's. Tiny results
   * are never flushed.
   */
  public long narrowHalf(long a, int imm) {
    int kind = kind(a, false);
    long signed = (a >>> 16) & 0x8000L;
    if (kind == K_ZERO) {
      return signed;
    }
    if (kind >= K_INFINITE) {
      long bits = kind == K_INFINITE ? a : quiet(a, kind, false);
      return signed | 0x7c00L | (bits >>> 13 & 0x3ff);
    }
    denormal(kind, K_ZERO);
    load(a, false);
    int saved = rounding;
    rounding = (imm & 4) != 0 ? rounding : imm & 3;
    round(BITS16, MIN16, MAX16, 0, false);
    rounding = saved;
    long part = (high >>> 53) & 0x3ff;
    return signed | (high < 0 ? (long) (exponent + 15) << 10 : 0) | part;
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
