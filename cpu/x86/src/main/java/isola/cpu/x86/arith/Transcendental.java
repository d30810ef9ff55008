package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.Float80.DENORMAL;
import static isola.cpu.x86.arith.Float80.INFINITE;
import static isola.cpu.x86.arith.Float80.QNAN;
import static isola.cpu.x86.arith.Float80.ZERO;
import static isola.cpu.x86.arith.FloatSpec.DE;
import static isola.cpu.x86.arith.FloatSpec.ZE;

/**
 * The transcendental functions of x87 (Intel SDM vol. 1, 8.3.6 to 8.3.10), computed by series with
 * some 120 bits and rounded once as the rounding control says: within one unit in the last place,
 * and nearly always the nearest value. Angles are reduced with the 66-bit pi of SDM 8.3.8.
 *
 * <p>One object belongs to one processor, as scratch memory.
 */
public final class Transcendental {
  /** The 66-bit pi in units of 2^-64: its upper 2 and lower 64 bits (SDM vol. 1, 8.3.8). */
  private static final long PI_HIGH = 3;

  private static final long PI_LOW = 0x243f_6a88_85a3_08d3L;

  /** Terms that bring each series below 2^-125 for the arguments it is given. */
  private static final int ANGLE_TERMS = 30;

  private static final int POWER_TERMS = 34;
  private static final int ATAN_TERMS = 18;
  private static final int LOG_TERMS = 27;

  private final Wide one = new Wide().set(1);
  private final Wide ln2;
  private final Wide halfPi;
  private final Wide[] atanOfEighths = new Wide[9];
  private final Wide square = new Wide();
  private final Wide series = new Wide();
  private final Wide term = new Wide();
  private final Wide angle = new Wide();
  private final Wide sine = new Wide();
  private final Wide cosine = new Wide();
  private final Wide left = new Wide();
  private final Wide right = new Wide();
  private int quadrant;

  /** Works out the constants. */
  public Transcendental() {
    Wide third = new Wide().set(1).divide(3);
    ln2 = new Wide().set(third);
    areaTangent(ln2, 45);
    ln2.scale(1);
    for (int i = 0; i < atanOfEighths.length; i++) {
      Wide sum = new Wide();
      // atan(i/8) = atan((i-1)/8) + atan(8 / (64 + i(i-1))).
      if (i > 0) {
        sum.set(8).divide(64 + i * (i - 1));
        arcTangent(sum, 45);
        sum.add(atanOfEighths[i - 1]);
      }
      atanOfEighths[i] = sum;
    }
    halfPi = new Wide().set(atanOfEighths[8]).scale(1);
  }

  /** Replaces z by atan(z), for |z| up to 1/8 with {@link #ATAN_TERMS}. */
  private void arcTangent(Wide z, int terms) {
    square.set(z).multiply(z).negate();
    oddSeries(z, terms);
  }

  /** Replaces z by artanh(z), for |z| up to 0.18 with {@link #LOG_TERMS}. */
  private void areaTangent(Wide z, int terms) {
    square.set(z).multiply(z);
    oddSeries(z, terms);
  }

  /** z (1 + s/3 + s^2/5 + ...) with s in {@link #square}. */
  private void oddSeries(Wide z, int terms) {
    series.set(0);
    for (int n = terms; n >= 1; n--) {
      term.set(1).divide(2 * n + 1);
      series.add(term).multiply(square);
    }
    series.add(one);
    z.multiply(series);
  }

  private static void take(Wide wide, int se, long value) {
    if (value == 0) {
      wide.set(0);
    } else {
      wide.set(Float80.signOf(se), Float80.exponentOf(se, value), Float80.align(value), 0);
    }
  }

  /** Rounds to the result. */
  private static void give(Float80 f, Wide wide, boolean exact) {
    if (!f.delivered()) {
      return;
    }
    f.sign = wide.sign;
    f.exponent = wide.exponent;
    f.high = wide.high;
    f.low = wide.low | (exact ? 0 : 1);
    f.finish(SoftFloat.BITS80);
  }

  /**
   * Takes an angle for the sine and its companions.
   *
   * @return false if its magnitude is 2^63 or more: the instruction sets C2 and does nothing
   */
  private boolean reduce(int se, long value) {
    int e = Float80.exponentOf(se, value);
    quadrant = 0;
    if (e >= 63) {
      return false;
    }
    if (e < -1) {
      take(angle, se, value);
    } else {
      reduceLarge(Float80.signOf(se), e, Float80.align(value));
    }
    square.set(angle).multiply(angle).negate();
    return true;
  }

  private void reduceLarge(int sign, int e, long value) {
    // In units of 2^-65, half pi is PI and the angle has up to 128 bits: divide to the last bit.
    int shift = e + 2;
    long high = shift == 64 ? value : value >>> (64 - shift);
    long low = shift == 64 ? 0 : value << shift;
    int count = 0;
    for (int i = 62; i >= 0; i--) {
      long dHigh = i == 0 ? PI_HIGH : (PI_HIGH << i) | (PI_LOW >>> (64 - i));
      long dLow = PI_LOW << i;
      count <<= 1;
      int order = Long.compareUnsigned(high, dHigh);
      if (order > 0 || (order == 0 && Long.compareUnsigned(low, dLow) >= 0)) {
        high -= dHigh + (Long.compareUnsigned(low, dLow) < 0 ? 1 : 0);
        low -= dLow;
        count |= 1;
      }
    }
    angle.set(sign, 62, high, low);
    left.set(sign, 62, PI_HIGH, PI_LOW);
    if (angle.compareMagnitude(right.set(left).scale(-1)) > 0) {
      angle.subtract(left);
      count++;
    }
    quadrant = sign == 0 ? count & 3 : -count & 3;
  }

  /** The sine of the reduced angle, which is at most pi/4. */
  private void sineSeries() {
    series.set(1);
    for (int n = ANGLE_TERMS; n >= 2; n -= 2) {
      series.multiply(square).divide(n * (n + 1)).add(one);
    }
    sine.set(series).multiply(angle);
  }

  private void cosineSeries() {
    series.set(1);
    for (int n = ANGLE_TERMS - 1; n >= 1; n -= 2) {
      series.multiply(square).divide(n * (n + 1)).add(one);
    }
    cosine.set(series);
  }

  /** Sine for an even, cosine for an odd number of quarter turns to go on. */
  private void giveQuarter(Float80 f, int turns) {
    Wide wide = (turns & 1) == 0 ? sine : cosine;
    if ((turns & 1) == 0) {
      sineSeries();
    } else {
      cosineSeries();
    }
    if ((turns & 2) != 0) {
      wide.negate();
    }
    give(f, wide, false);
  }

  /** What all functions of one angle do with values that are no angle; true if it was one. */
  private static boolean noAngle(Float80 f, int se, long value, int kind) {
    if (kind >= QNAN) {
      f.propagate(se, value, kind);
      return true;
    }
    if (kind == INFINITE) {
      f.invalid();
      return true;
    }
    if (kind == DENORMAL) {
      f.raise(DE);
    }
    return false;
  }

  /** FSIN. False if the angle is out of range. */
  public boolean sine(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    if (noAngle(f, se, value, kind)) {
      return true;
    }
    if (kind == ZERO) {
      f.result(se, value);
      return true;
    }
    if (!reduce(se, value)) {
      return false;
    }
    giveQuarter(f, quadrant);
    return true;
  }

  /** FCOS. False if the angle is out of range. */
  public boolean cosine(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    if (noAngle(f, se, value, kind)) {
      return true;
    }
    if (kind == ZERO) {
      f.result(FloatSpec.BIAS80, Long.MIN_VALUE);
      return true;
    }
    if (!reduce(se, value)) {
      return false;
    }
    giveQuarter(f, quadrant + 1);
    return true;
  }

  /** The tangent of FPTAN, without the 1 that it pushes. False if the angle is out of range. */
  public boolean tangent(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    if (noAngle(f, se, value, kind)) {
      return true;
    }
    if (kind == ZERO) {
      f.result(se, value);
      return true;
    }
    if (!reduce(se, value)) {
      return false;
    }
    sineSeries();
    cosineSeries();
    if ((quadrant & 1) == 0) {
      give(f, sine.divide(cosine), false);
    } else {
      give(f, cosine.divide(sine).negate(), false);
    }
    return true;
  }

  /** F2XM1: 2^x - 1 for x from -1 to 1; outside, where it is undefined, x itself. */
  public void powerMinusOne(Float80 f, int se, long value) {
    int kind = Float80.kind(se, value);
    if (kind >= QNAN) {
      f.propagate(se, value, kind);
      return;
    }
    if (kind == DENORMAL) {
      f.raise(DE);
    }
    if (kind == ZERO) {
      f.result(se, value);
      return;
    }
    if (kind == INFINITE) {
      boolean down = Float80.signOf(se) != 0;
      f.result(down ? 0xbfff : se, Long.MIN_VALUE);
      return;
    }
    int e = Float80.exponentOf(se, value);
    if (e >= 0) {
      if (e > 0 || Float80.align(value) != Long.MIN_VALUE) {
        f.raise(FloatSpec.PE);
        f.result(se, value);
      } else {
        // 1, or -1/2; inexact on hardware all the same.
        f.raise(FloatSpec.PE);
        f.result(Float80.signOf(se) == 0 ? 0x3fff : 0xbffe, Long.MIN_VALUE);
      }
      return;
    }
    take(left, se, value);
    left.multiply(ln2);
    series.set(1);
    for (int n = POWER_TERMS; n >= 2; n--) {
      series.multiply(left).divide(n).add(one);
    }
    give(f, left.multiply(series), false);
  }

  /** FYL2X: y log2(x), with x in ST(0) and y in ST(1). */
  public void logarithm(Float80 f, int xSe, long x, int ySe, long y) {
    int xKind = Float80.kind(xSe, x);
    int yKind = Float80.kind(ySe, y);
    if (xKind >= QNAN || yKind >= QNAN) {
      f.propagate(xSe, x, xKind, ySe, y, yKind);
      return;
    }
    int ySign = Float80.signOf(ySe);
    if (xKind != ZERO && Float80.signOf(xSe) != 0) {
      f.invalid();
      return;
    }
    boolean unit = xSe == FloatSpec.BIAS80 && x == Long.MIN_VALUE;
    if (xKind == ZERO) {
      if (yKind == ZERO) {
        f.invalid();
      } else {
        if (yKind != INFINITE) {
          f.raise(ZE);
        }
        f.result(((ySign ^ 1) << 15) | 0x7fff, Long.MIN_VALUE);
      }
      return;
    }
    if ((xKind == INFINITE && yKind == ZERO) || (yKind == INFINITE && unit)) {
      f.invalid();
      return;
    }
    if (xKind == DENORMAL || yKind == DENORMAL) {
      f.raise(DE);
    }
    int logSign = xKind != INFINITE && Float80.exponentOf(xSe, x) < 0 ? 1 : 0;
    if (xKind == INFINITE || yKind == INFINITE) {
      f.result(((ySign ^ logSign) << 15) | 0x7fff, Long.MIN_VALUE);
      return;
    }
    if (yKind == ZERO || unit) {
      f.result((ySign ^ logSign) << 15, 0);
      return;
    }
    int e = Float80.exponentOf(xSe, x);
    long m = Float80.align(x);
    boolean exact = m == Long.MIN_VALUE;
    // Between the root of one half and the root of two.
    boolean upper = Long.compareUnsigned(m, 0xb504_f333_f9de_6484L) > 0;
    left.set(0, upper ? -1 : 0, m, 0);
    e += upper ? 1 : 0;
    right.set(left).add(one);
    left.subtract(one).divide(right);
    logarithmOfQuotient();
    right.set(e);
    left.add(right);
    take(right, ySe, y);
    give(f, left.multiply(right), exact);
    if (f.delivered()) {
      // Counted as rounded even where it is exact, and so as an underflow where it is tiny.
      boolean tiny = (f.se() & 0x7fff) == 0 && f.significand() != 0;
      f.raise(tiny ? FloatSpec.PE | FloatSpec.UE : FloatSpec.PE);
    }
  }

  /** From z = (m - 1) / (m + 1) in {@link #left} to log2(m). */
  private void logarithmOfQuotient() {
    if (!left.isZero()) {
      areaTangent(left, LOG_TERMS);
      left.scale(1).divide(ln2);
    }
  }

  /** FYL2XP1: y log2(x + 1), with x in ST(0) and y in ST(1). */
  public void logarithmOfOnePlus(Float80 f, int xSe, long x, int ySe, long y) {
    int xKind = Float80.kind(xSe, x);
    int yKind = Float80.kind(ySe, y);
    if (xKind >= QNAN || yKind >= QNAN) {
      f.propagate(xSe, x, xKind, ySe, y, yKind);
      return;
    }
    int newSign = Float80.signOf(xSe ^ ySe);
    boolean negativeInfinity = xKind == INFINITE && Float80.signOf(xSe) != 0;
    if (negativeInfinity
        || (xKind == INFINITE && yKind == ZERO)
        || (yKind == INFINITE && xKind == ZERO)) {
      f.invalid();
      return;
    }
    if (xKind == DENORMAL || yKind == DENORMAL) {
      f.raise(DE);
    }
    if (xKind == INFINITE || yKind == INFINITE) {
      f.result((newSign << 15) | 0x7fff, Long.MIN_VALUE);
      return;
    }
    if (xKind == ZERO || yKind == ZERO) {
      f.result(newSign << 15, 0);
      return;
    }
    take(left, xSe, x);
    right.set(left).add(one);
    if (right.isZero() || right.sign != 0) {
      // Outside the range for which the manual defines a result; an unmasked operand exception
      // comes first.
      if (f.delivered()) {
        f.raise(FloatSpec.PE);
      }
      f.result(xSe, x);
      return;
    }
    if (left.exponent < -2) {
      right.add(one);
      left.divide(right);
      logarithmOfQuotient();
    } else {
      int e = right.exponent;
      left.set(right).scale(-e).subtract(one);
      right.scale(-e).add(one);
      left.divide(right);
      areaTangent(left, 60);
      left.scale(1).divide(ln2);
      right.set(e);
      left.add(right);
    }
    take(right, ySe, y);
    give(f, left.multiply(right), false);
  }

  /** FPATAN: the angle of the point (x, y), with x in ST(0) and y in ST(1). */
  public void arcTangent(Float80 f, int xSe, long x, int ySe, long y) {
    int xKind = Float80.kind(xSe, x);
    int yKind = Float80.kind(ySe, y);
    if (xKind >= QNAN || yKind >= QNAN) {
      f.propagate(xSe, x, xKind, ySe, y, yKind);
      return;
    }
    if (xKind == DENORMAL || yKind == DENORMAL) {
      f.raise(DE);
    }
    boolean leftHalf = Float80.signOf(xSe) != 0;
    int sign = Float80.signOf(ySe);
    if (yKind == ZERO || (xKind == INFINITE && yKind != INFINITE)) {
      if (leftHalf) {
        left.set(halfPi).scale(1);
      } else {
        f.result(sign << 15, 0);
        return;
      }
    } else if (xKind == ZERO || (yKind == INFINITE && xKind != INFINITE)) {
      left.set(halfPi);
    } else if (xKind == INFINITE) {
      left.set(halfPi).scale(-1);
      if (leftHalf) {
        left.add(halfPi);
      }
    } else {
      take(left, ySe, y);
      left.sign = 0;
      take(right, xSe, x);
      right.sign = 0;
      angleOfQuotient(leftHalf);
    }
    left.sign = sign;
    give(f, left, false);
  }

  /** From y in {@link #left} and |x| in {@link #right}, both positive, to the angle. */
  private void angleOfQuotient(boolean leftHalf) {
    boolean steep = left.compareMagnitude(right) > 0;
    if (steep) {
      term.set(left);
      left.set(right);
      right.set(term);
    }
    left.divide(right);
    // left is now at most 1: take off the nearest eighth.
    int eighth = left.exponent < -4 ? 0 : (int) ((left.high >>> (59 - left.exponent)) + 1) >>> 1;
    if (eighth > 0) {
      right.set(eighth).scale(-3);
      term.set(left).multiply(right).add(one);
      left.subtract(right).divide(term);
    }
    if (!left.isZero()) {
      arcTangent(left, ATAN_TERMS);
    }
    left.add(atanOfEighths[eighth]);
    if (steep) {
      left.negate().add(halfPi);
    }
    if (leftHalf) {
      right.set(halfPi).scale(1);
      left.negate().add(right);
    }
  }
}
