package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.BEFORE;
import static isola.cpu.x86.arith.FloatSpec.BIAS80;
import static isola.cpu.x86.arith.FloatSpec.DE;
import static isola.cpu.x86.arith.FloatSpec.DEFAULT_NAN_SE;
import static isola.cpu.x86.arith.FloatSpec.DEFAULT_NAN_SIGNIFICAND;
import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.PE;
import static isola.cpu.x86.arith.FloatSpec.WRAP80;
import static isola.cpu.x86.arith.FloatSpec.ZE;

/**
 * x87 arithmetic on 80-bit values (Intel SDM vol. 1, chapters 4.8, 4.9 and 8). A value is its upper
 * 16 bits, sign and biased exponent, and its 64-bit significand with explicit leading bit.
 *
 * <p>A result stands in {@link #se()} and {@link #significand()} until the next operation; what it
 * raised in {@link #raised()}. When an exception that is found before computing is not masked,
 * {@link #delivered()} is false and there is no result.
 */
public final class Float80 extends SoftFloat {
  /** Operations of {@link #arithmetic}, as the ModRM digit of D8 encodes them. */
  public static final int ADD = 0;

  public static final int MUL = 1;
  public static final int SUB = 4;
  public static final int SUBR = 5;
  public static final int DIV = 6;
  public static final int DIVR = 7;

  /** Kinds of values; all from {@link #QNAN} on end in a NaN. */
  public static final int ZERO = 0;

  public static final int NORMAL = 1;
  public static final int DENORMAL = 2;
  public static final int INFINITE = 3;
  public static final int QNAN = 4;
  public static final int SNAN = 5;
  public static final int UNSUPPORTED = 6;

  /** Results of {@link #compare}: the condition bits C3, C2 and C0 of the status word. */
  public static final int GREATER = 0;

  public static final int LESS = 0x100;
  public static final int EQUAL = 0x4000;
  public static final int UNORDERED = 0x4500;

  private static final int EXPONENT = 0x7fff;
  private static final long QUIET = 1L << 62;

  private int precision = BITS80;
  private int se;
  private long significand;

  /** Whether the operand that stands as result was a denormal in the format it was loaded from. */
  private boolean denormalOperand;

  /** An arithmetic unit with everything masked, rounding to nearest with 64 bits. */
  public Float80() {
    control(0x37f);
  }

  /** Takes rounding, precision and masks from an x87 control word. */
  public void control(int fcw) {
    rounding = (fcw >>> 10) & 3;
    masks = fcw & FloatSpec.EXCEPTIONS;
    precision =
        switch ((fcw >>> 8) & 3) {
          case 0 -> BITS32;
          case 2 -> BITS64;
          default -> BITS80;
        };
  }

  /** Sign and biased exponent of the last result. */
  public int se() {
    return se;
  }

  /** Significand of the last result. */
  public long significand() {
    return significand;
  }

  /** Exceptions raised since {@link #begin}. */
  public int raised() {
    return flags;
  }

  /** Raises exceptions that the caller found. */
  public void raise(int exceptions) {
    flags |= exceptions;
  }

  /** Whether the last result was rounded away from zero (C1). */
  public boolean roundedUp() {
    return roundedUp;
  }

  /** Starts an instruction: nothing raised. */
  public void begin() {
    flags = 0;
    roundedUp = false;
    denormalOperand = false;
  }

  /** Notes that the operand loaded is a denormal: raised by the operation that looks at it. */
  void denormalOperand() {
    denormalOperand = true;
  }

  /** Makes the operand loaded the result, raising what a load by itself raises. */
  public void accept() {
    if (denormalOperand) {
      flags |= DE;
    }
    if (kind(se, significand) == SNAN) {
      flags |= IE;
      significand |= QUIET;
    }
  }

  /** Whether no exception stands in the way of a result. */
  public boolean delivered() {
    return (flags & ~masks & BEFORE) == 0;
  }

  /** Whether any exception that is not masked was raised. */
  public boolean unmasked() {
    return (flags & ~masks) != 0;
  }

  /** Whether an overflow or underflow that is not masked was raised. */
  public boolean unmaskedRange() {
    return (flags & ~masks & (FloatSpec.OE | FloatSpec.UE)) != 0;
  }

  /** Takes back that a result was inexact, as there is none. */
  public void withoutResult() {
    flags &= ~PE;
    roundedUp = false;
  }

  /** Whether an invalid operation that is not masked was raised. */
  public boolean unmaskedInvalid() {
    return (flags & ~masks & IE) != 0;
  }

  /** Sets the result. */
  public void result(int newSe, long newSignificand) {
    se = newSe;
    significand = newSignificand;
  }

  /** Raises the invalid-operation exception; the result is the default NaN. */
  public void invalid() {
    flags |= IE;
    result(DEFAULT_NAN_SE, DEFAULT_NAN_SIGNIFICAND);
  }

  /** What kind of value it is. */
  public static int kind(int valueSe, long value) {
    int e = valueSe & EXPONENT;
    if (e == 0) {
      return value == 0 ? ZERO : DENORMAL;
    }
    if (value >= 0) {
      return UNSUPPORTED;
    }
    if (e != EXPONENT) {
      return NORMAL;
    }
    if (value == Long.MIN_VALUE) {
      return INFINITE;
    }
    return (value & QUIET) != 0 ? QNAN : SNAN;
  }

  /** The unbiased exponent of a finite non-zero value whose significand {@link #align} shifts. */
  static int exponentOf(int valueSe, long value) {
    int e = valueSe & EXPONENT;
    return (e == 0 ? 1 : e) - BIAS80 - Long.numberOfLeadingZeros(value);
  }

  static long align(long value) {
    return value << Long.numberOfLeadingZeros(value);
  }

  static int signOf(int valueSe) {
    return (valueSe >>> 15) & 1;
  }

  /** Makes the 80-bit value of the rounded {@link #sign}, {@link #exponent} and {@link #high}. */
  private void pack() {
    if (high >= 0) {
      result(sign << 15, high);
      return;
    }
    int biased = exponent + BIAS80;
    if (biased <= 0 || biased > EXPONENT) {
      // Beyond even the wrapped range of an unmasked exception.
      boolean under = biased <= 0;
      flags |= PE;
      roundedUp = !under;
      result((sign << 15) | (under ? 0 : EXPONENT), under ? 0 : Long.MIN_VALUE);
      return;
    }
    result((sign << 15) | biased, high);
  }

  /** Rounds what an operation left and makes it the result. */
  void finish(int bits) {
    if (!delivered()) {
      return;
    }
    if (high == 0) {
      result(sign << 15, 0);
      return;
    }
    round(bits, MIN80, MAX80, WRAP80, false);
    pack();
  }

  /** The result of an operation with a NaN or an unsupported operand. */
  public void propagate(int aSe, long a, int aKind, int bSe, long b, int bKind) {
    if (aKind == UNSUPPORTED || bKind == UNSUPPORTED) {
      invalid();
      return;
    }
    if (aKind == SNAN || bKind == SNAN) {
      flags |= IE;
    }
    boolean takeA;
    if (aKind < QNAN) {
      takeA = false;
    } else if (bKind < QNAN) {
      takeA = true;
    } else if (aKind != bKind) {
      takeA = aKind == QNAN;
    } else {
      int order = Long.compareUnsigned(a, b);
      takeA = order > 0 || (order == 0 && signOf(aSe) == 0);
    }
    result(takeA ? aSe : bSe, (takeA ? a : b) | QUIET);
  }

  /** As {@link #propagate} for one operand. */
  void propagate(int aSe, long a, int aKind) {
    propagate(aSe, a, aKind, 0, 0, ZERO);
  }

  private void denormals(int aKind, int bKind) {
    if (aKind == DENORMAL || bKind == DENORMAL || denormalOperand) {
      flags |= DE;
    }
  }

  /** {@code a op b}, or {@code b op a} for the reversed operations. */
  public void arithmetic(int op, int aSe, long a, int bSe, long b) {
    switch (op) {
      case ADD -> add(aSe, a, bSe, b, 0);
      case SUB -> add(aSe, a, bSe, b, 1);
      case SUBR -> add(bSe, b, aSe, a, 1);
      case MUL -> multiply(aSe, a, bSe, b);
      case DIV -> divide(aSe, a, bSe, b);
      case DIVR -> divide(bSe, b, aSe, a);
      default -> throw new IllegalArgumentException("x87 operation " + op);
    }
  }

  private void add(int aSe, long a, int bSe, long b, int negate) {
    int aKind = kind(aSe, a);
    int bKind = kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      propagate(aSe, a, aKind, bSe, b, bKind);
      return;
    }
    int aSign = signOf(aSe);
    int bSign = signOf(bSe) ^ negate;
    if (aKind == INFINITE && bKind == INFINITE && aSign != bSign) {
      invalid();
      return;
    }
    denormals(aKind, bKind);
    if (aKind == INFINITE) {
      result(aSe, a);
    } else if (bKind == INFINITE) {
      result((bSign << 15) | EXPONENT, b);
    } else if (aKind == ZERO && bKind == ZERO) {
      int zeroSign = aSign == bSign ? aSign : rounding == FloatSpec.DOWN ? 1 : 0;
      result(zeroSign << 15, 0);
    } else {
      if (aKind == ZERO) {
        load(bSign, bSe, b);
      } else if (bKind == ZERO) {
        load(aSign, aSe, a);
      } else {
        sum(aSign, exponentOf(aSe, a), align(a), bSign, exponentOf(bSe, b), align(b));
      }
      finish(precision);
    }
  }

  /** Makes a finite non-zero value what is to be rounded. */
  void load(int newSign, int valueSe, long value) {
    sign = newSign;
    exponent = exponentOf(valueSe, value);
    high = align(value);
    low = 0;
  }

  private void multiply(int aSe, long a, int bSe, long b) {
    int aKind = kind(aSe, a);
    int bKind = kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      propagate(aSe, a, aKind, bSe, b, bKind);
      return;
    }
    int newSign = signOf(aSe ^ bSe);
    boolean infinite = aKind == INFINITE || bKind == INFINITE;
    boolean zero = aKind == ZERO || bKind == ZERO;
    if (infinite && zero) {
      invalid();
      return;
    }
    denormals(aKind, bKind);
    if (infinite) {
      result((newSign << 15) | EXPONENT, Long.MIN_VALUE);
    } else if (zero) {
      result(newSign << 15, 0);
    } else {
      product(signOf(aSe), exponentOf(aSe, a), align(a), signOf(bSe), exponentOf(bSe, b), align(b));
      finish(precision);
    }
  }

  private void divide(int aSe, long a, int bSe, long b) {
    int aKind = kind(aSe, a);
    int bKind = kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      propagate(aSe, a, aKind, bSe, b, bKind);
      return;
    }
    int newSign = signOf(aSe ^ bSe);
    if (aKind == bKind && (aKind == INFINITE || aKind == ZERO)) {
      invalid();
      return;
    }
    if (bKind == ZERO && aKind != INFINITE) {
      flags |= ZE;
      result((newSign << 15) | EXPONENT, Long.MIN_VALUE);
      return;
    }
    denormals(aKind, bKind);
    if (aKind == INFINITE) {
      result((newSign << 15) | EXPONENT, Long.MIN_VALUE);
    } else if (bKind == INFINITE || aKind == ZERO) {
      result(newSign << 15, 0);
    } else {
      quotient(
          signOf(aSe), exponentOf(aSe, a), align(a), signOf(bSe), exponentOf(bSe, b), align(b));
      finish(precision);
    }
  }

  /** The square root. */
  public void squareRoot(int aSe, long a) {
    int aKind = kind(aSe, a);
    if (aKind >= QNAN) {
      propagate(aSe, a, aKind);
    } else if (aKind == ZERO) {
      result(aSe, a);
    } else if (signOf(aSe) != 0) {
      invalid();
    } else {
      denormals(aKind, ZERO);
      if (aKind == INFINITE) {
        result(aSe, a);
      } else {
        root(exponentOf(aSe, a), align(a));
        finish(precision);
      }
    }
  }

  /** Rounds to an integer (FRNDINT). */
  public void roundToInteger(int aSe, long a) {
    int aKind = kind(aSe, a);
    if (aKind >= QNAN) {
      propagate(aSe, a, aKind);
      return;
    }
    denormals(aKind, ZERO);
    if (aKind == ZERO || aKind == INFINITE || exponentOf(aSe, a) >= 63) {
      result(aSe, a);
      return;
    }
    if (!delivered()) {
      return;
    }
    load(signOf(aSe), aSe, a);
    long magnitude = integer();
    if (low != 0) {
      flags |= PE;
    }
    if (magnitude == 0) {
      result(sign << 15, 0);
    } else {
      int lead = Long.numberOfLeadingZeros(magnitude);
      result((sign << 15) | (BIAS80 + 63 - lead), magnitude << lead);
    }
  }

  /**
   * {@code a} times two to the integer part of {@code b} (FSCALE; SDM vol. 2A, table 3-30 of its
   * special cases).
   */
  public void scale(int aSe, long a, int bSe, long b) {
    int aKind = kind(aSe, a);
    int bKind = kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      propagate(aSe, a, aKind, bSe, b, bKind);
      return;
    }
    boolean down = signOf(bSe) != 0;
    if (bKind == INFINITE) {
      if (aKind == INFINITE ? down : aKind == ZERO && !down) {
        invalid();
        return;
      }
      denormals(aKind, bKind);
      if (aKind == INFINITE || (aKind == ZERO)) {
        result(aSe, a);
      } else {
        result((aSe & 0x8000) | (down ? 0 : EXPONENT), down ? 0 : Long.MIN_VALUE);
      }
      return;
    }
    denormals(aKind, bKind);
    if (aKind == INFINITE || aKind == ZERO) {
      result(aSe, a);
      return;
    }
    int by = 0;
    if (bKind != ZERO) {
      int e = exponentOf(bSe, b);
      // Beyond 2^17 any value over- or underflows whatever the rest.
      by = e < 0 ? 0 : e > 16 ? 1 << 17 : (int) (align(b) >>> (63 - e));
    }
    load(signOf(aSe), aSe, a);
    exponent += down ? -by : by;
    finish(BITS80);
  }

  /**
   * Whether a magnitude comparison is possible; else raises as the instruction does.
   *
   * @param quiet whether a quiet NaN raises nothing (FUCOM)
   * @return {@link #GREATER}, {@link #LESS}, {@link #EQUAL} or {@link #UNORDERED}
   */
  public int compare(int aSe, long a, int bSe, long b, boolean quiet) {
    int aKind = kind(aSe, a);
    int bKind = kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      if (!quiet || aKind > QNAN || bKind > QNAN) {
        flags |= IE;
      }
      return UNORDERED;
    }
    denormals(aKind, bKind);
    if (aKind == ZERO && bKind == ZERO) {
      return EQUAL;
    }
    int aSign = signOf(aSe);
    if (aKind == ZERO || bKind == ZERO || aSign != signOf(bSe)) {
      boolean less = aKind == ZERO ? signOf(bSe) == 0 : aSign != 0;
      return less ? LESS : GREATER;
    }
    int order = Integer.compare(magnitude(aSe, aKind, a), magnitude(bSe, bKind, b));
    if (order == 0) {
      order = Long.compareUnsigned(align(a), align(b));
    }
    if (order == 0) {
      return EQUAL;
    }
    return order < 0 ^ aSign != 0 ? LESS : GREATER;
  }

  private static int magnitude(int valueSe, int valueKind, long value) {
    return valueKind == INFINITE ? Integer.MAX_VALUE : exponentOf(valueSe, value);
  }

  /** The precision that the control word sets, in bits. */
  int precision() {
    return precision;
  }

  /** The remainder's exact value: rounds nothing, but may be denormal. */
  void exact(int newSign, int newExponent, long newHigh) {
    if (newHigh == 0) {
      result(newSign << 15, 0);
      return;
    }
    int lead = Long.numberOfLeadingZeros(newHigh);
    sign = newSign;
    exponent = newExponent - lead;
    high = newHigh << lead;
    low = 0;
    finish(BITS80);
  }
}
