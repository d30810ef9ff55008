package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.Float80.DENORMAL;
import static isola.cpu.x86.arith.Float80.INFINITE;
import static isola.cpu.x86.arith.Float80.QNAN;
import static isola.cpu.x86.arith.Float80.SNAN;
import static isola.cpu.x86.arith.Float80.UNSUPPORTED;
import static isola.cpu.x86.arith.Float80.ZERO;
import static isola.cpu.x86.arith.FloatSpec.BIAS80;
import static isola.cpu.x86.arith.FloatSpec.DE;
import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.PE;

/**
 * Between the 80-bit format and the others that x87 loads and stores (Intel SDM vol. 1, 4.2, 4.7
 * and 8.2). Any thread; the state is in the {@link Float80} passed in.
 */
public final class Float80Convert {
  /** What a store of an integer that does not fit writes, before truncation to its size. */
  public static final long INTEGER_INDEFINITE = Long.MIN_VALUE;

  /** The packed decimal indefinite: upper 16 bits and lower 64 bits. */
  public static final int DECIMAL_INDEFINITE_HIGH = 0xffff;

  public static final long DECIMAL_INDEFINITE_LOW = 0xc000_0000_0000_0000L;

  private static final long DECIMAL_LIMIT = 1_000_000_000_000_000_000L;

  private Float80Convert() {}

  /** Loads a 32-bit float as an operand; what it is raises when it is used. */
  public static void fromFloat(Float80 f, int bits) {
    fromBinary(f, bits & 0xffff_ffffL, 8, 23);
  }

  /** Loads a 64-bit float as an operand; what it is raises when it is used. */
  public static void fromDouble(Float80 f, long bits) {
    fromBinary(f, bits, 11, 52);
  }

  private static void fromBinary(Float80 f, long bits, int exponentBits, int fractionBits) {
    int sign = (int) (bits >>> (exponentBits + fractionBits)) & 1;
    int top = (1 << exponentBits) - 1;
    int e = (int) (bits >>> fractionBits) & top;
    long fraction = bits << (64 - fractionBits);
    if (e == top) {
      f.result((sign << 15) | 0x7fff, Long.MIN_VALUE | (fraction >>> 1));
    } else if (e != 0) {
      f.result((sign << 15) | (e - (top >>> 1) + BIAS80), Long.MIN_VALUE | (fraction >>> 1));
    } else if (fraction == 0) {
      f.result(sign << 15, 0);
    } else {
      f.denormalOperand();
      int lead = Long.numberOfLeadingZeros(fraction);
      f.result((sign << 15) | (BIAS80 - (top >>> 1) - lead), fraction << lead);
    }
  }

  /** Loads a signed integer; always exact. */
  public static void fromLong(Float80 f, long value) {
    if (value == 0) {
      f.result(0, 0);
      return;
    }
    long magnitude = Math.abs(value);
    int lead = Long.numberOfLeadingZeros(magnitude);
    f.result((value < 0 ? 0x8000 : 0) | (BIAS80 + 63 - lead), magnitude << lead);
  }

  /** Loads 18 packed decimal digits and a sign (FBLD). Digits above 9 count as they are. */
  public static void fromDecimal(Float80 f, int high, long low) {
    long magnitude = 0;
    for (int i = 1; i >= 0; i--) {
      magnitude = magnitude * 10 + ((high >>> (i * 4)) & 0xf);
    }
    for (int i = 15; i >= 0; i--) {
      magnitude = magnitude * 10 + ((low >>> (i * 4)) & 0xf);
    }
    fromLong(f, magnitude);
    f.result(f.se() | (high & 0x8000), f.significand());
  }

  /** The nearest 32-bit float as the rounding control says; raises IE, OE, UE and PE. */
  public static int toFloat(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    int sign = (se & 0x8000) << 16;
    if (kind >= QNAN) {
      f.propagate(se, value, kind);
      int fraction = (int) (f.significand() >>> 40) & 0x7f_ffff;
      return ((f.se() & 0x8000) << 16) | 0x7f80_0000 | fraction;
    }
    if (kind == ZERO) {
      return sign;
    }
    if (kind == INFINITE) {
      return sign | 0x7f80_0000;
    }
    f.load(Float80.signOf(se), se, value);
    f.round(SoftFloat.BITS32, SoftFloat.MIN32, SoftFloat.MAX32, 192, false);
    int fraction = (int) (f.high >>> 40) & 0x7f_ffff;
    return sign | (f.high < 0 ? (f.exponent + 127) << 23 : 0) | fraction;
  }

  /** The nearest 64-bit float as the rounding control says; raises IE, OE, UE and PE. */
  public static long toDouble(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    long sign = (se & 0x8000L) << 48;
    if (kind >= QNAN) {
      f.propagate(se, value, kind);
      long fraction = (f.significand() >>> 11) & 0xf_ffff_ffff_ffffL;
      return ((f.se() & 0x8000L) << 48) | 0x7ff0_0000_0000_0000L | fraction;
    }
    if (kind == ZERO) {
      return sign;
    }
    if (kind == INFINITE) {
      return sign | 0x7ff0_0000_0000_0000L;
    }
    f.load(Float80.signOf(se), se, value);
    f.round(SoftFloat.BITS64, SoftFloat.MIN64, SoftFloat.MAX64, 1536, false);
    long fraction = (f.high >>> 11) & 0xf_ffff_ffff_ffffL;
    return sign | (f.high < 0 ? (long) (f.exponent + 1023) << 52 : 0) | fraction;
  }

  /**
   * The integer of {@code bits} bits (16, 32 or 64), sign-extended; raises IE and gives {@link
   * #INTEGER_INDEFINITE} for what does not fit.
   *
   * @param truncate whether to cut off whatever the rounding control says (FISTTP)
   */
  public static long toInteger(Float80 f, int se, long value, int bits, boolean truncate) {
    int kind = Float80.kind(se, value);
    if (kind == ZERO) {
      return 0;
    }
    long indefinite = -1L << (bits - 1);
    if (kind >= INFINITE || Float80.exponentOf(se, value) > 63) {
      f.raise(IE);
      return indefinite;
    }
    long magnitude = magnitude(f, se, value, truncate);
    boolean inexact = f.low != 0;
    boolean negative = f.sign != 0;
    long limit = 1L << (bits - 1);
    if (f.high != 0
        || Long.compareUnsigned(magnitude, limit) > 0
        || (magnitude == limit && !negative)) {
      f.roundedUp = false;
      f.raise(IE);
      return indefinite;
    }
    if (inexact) {
      f.raise(PE);
    }
    return negative ? -magnitude : magnitude;
  }

  private static long magnitude(Float80 f, int se, long value, boolean truncate) {
    f.load(Float80.signOf(se), se, value);
    int rounding = f.rounding;
    if (truncate) {
      f.rounding = FloatSpec.TRUNCATE;
    }
    long magnitude = f.integer();
    f.rounding = rounding;
    return magnitude;
  }

  /**
   * The packed decimal of up to 18 digits as the result of {@code f}: its upper 16 bits as {@link
   * Float80#se}, the others as {@link Float80#significand}. Raises IE for what does not fit.
   */
  public static void toDecimal(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    if (kind == ZERO) {
      f.result(se & 0x8000, 0);
      return;
    }
    long magnitude = DECIMAL_LIMIT;
    if (kind < INFINITE && Float80.exponentOf(se, value) < 63) {
      magnitude = magnitude(f, se, value, false);
    }
    if (Long.compareUnsigned(magnitude, DECIMAL_LIMIT) >= 0) {
      f.roundedUp = false;
      f.raise(IE);
      f.result(DECIMAL_INDEFINITE_HIGH, DECIMAL_INDEFINITE_LOW);
      return;
    }
    if (f.low != 0) {
      f.raise(PE);
    }
    long low = 0;
    for (int i = 0; i < 64; i += 4) {
      low |= (magnitude % 10) << i;
      magnitude /= 10;
    }
    long high = (magnitude % 10) | (magnitude / 10) << 4;
    f.result((se & 0x8000) | (int) high, low);
  }

  /**
   * The exponent as an 80-bit value (FXTRACT); raises ZE for zero, DE for a denormal, IE for what
   * is no number.
   */
  public static void extractExponent(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    switch (kind) {
      case ZERO -> {
        f.raise(FloatSpec.ZE);
        f.result(0xffff, Long.MIN_VALUE);
      }
      case INFINITE -> f.result(0x7fff, Long.MIN_VALUE);
      case QNAN, SNAN, UNSUPPORTED -> f.propagate(se, value, kind);
      default -> {
        if (kind == DENORMAL) {
          f.raise(DE);
        }
        fromLong(f, Float80.exponentOf(se, value));
      }
    }
  }

  /** The significand in [1, 2) with the sign of the value (FXTRACT). */
  public static void extractSignificand(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    switch (kind) {
      case ZERO, INFINITE -> f.result(se, value);
      case QNAN, SNAN, UNSUPPORTED -> f.propagate(se, value, kind);
      default -> f.result((se & 0x8000) | BIAS80, Float80.align(value));
    }
  }
}
