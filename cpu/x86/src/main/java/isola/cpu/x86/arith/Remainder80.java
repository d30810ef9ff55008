package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.Float80.DENORMAL;
import static isola.cpu.x86.arith.Float80.INFINITE;
import static isola.cpu.x86.arith.Float80.QNAN;
import static isola.cpu.x86.arith.Float80.ZERO;

/**
 * The partial remainder (Intel SDM vol. 2A, FPREM and FPREM1). Any thread; the state is in the
 * {@link Float80} passed in.
 */
public final class Remainder80 {
  private static final int C0 = 0x100;
  private static final int C1 = 0x200;
  private static final int C2 = 0x400;
  private static final int C3 = 0x4000;

  /** Instead of condition bits: an operand was no number. */
  public static final int NO_QUOTIENT = -1;

  private Remainder80() {}

  /**
   * Makes {@code a rem b} the result of {@code f}, or a value nearer to it when the exponents are
   * 64 or more apart.
   *
   * @param nearest whether the quotient is rounded to the nearest integer (FPREM1) or cut off
   * @return condition bits of the status word: C2 while incomplete, else the quotient's low bits in
   *     C0, C3 and C1; or {@link #NO_QUOTIENT}
   */
  public static int remainder(Float80 f, int aSe, long a, int bSe, long b, boolean nearest) {
    int aKind = Float80.kind(aSe, a);
    int bKind = Float80.kind(bSe, b);
    if (aKind >= QNAN || bKind >= QNAN) {
      f.propagate(aSe, a, aKind, bSe, b, bKind);
      return NO_QUOTIENT;
    }
    if (aKind == INFINITE || bKind == ZERO) {
      f.invalid();
      return NO_QUOTIENT;
    }
    if (aKind == DENORMAL || bKind == DENORMAL) {
      f.raise(FloatSpec.DE);
      if (!f.delivered()) {
        return 0;
      }
    }
    if (aKind == ZERO || bKind == INFINITE) {
      f.result(aSe, a);
      if (aKind == DENORMAL) {
        f.exact(Float80.signOf(aSe), Float80.exponentOf(aSe, a), Float80.align(a));
      }
      return 0;
    }
    int aExponent = Float80.exponentOf(aSe, a);
    int bExponent = Float80.exponentOf(bSe, b);
    return finite(f, aSe, aExponent, Float80.align(a), bExponent, Float80.align(b), nearest);
  }

  private static int finite(
      Float80 f, int aSe, int aExponent, long a, int bExponent, long b, boolean nearest) {
    int distance = aExponent - bExponent;
    int sign = Float80.signOf(aSe);
    if (distance < -1 || (distance < 0 && !nearest)) {
      f.exact(sign, aExponent, a);
      return 0;
    }
    // Steps of the long division that are done now: all, or so many that a later run can go on.
    int steps = distance < 64 ? distance : 32 + (distance & 31);
    long rest = a;
    long quotient = 0;
    boolean carry = false;
    if (distance < 0) {
      // a is below b; whether it is above half of b decides.
      int order = Long.compareUnsigned(a, b);
      if (order <= 0) {
        f.exact(sign, aExponent, a);
        return 0;
      }
      // b - a with both at b's scale, times two to stay exact: 2b - a in a's unit.
      f.sum(sign ^ 1, bExponent, b, sign, aExponent, a);
      f.exact(sign ^ 1, f.exponent, f.high);
      return C1;
    }
    for (int i = 0; ; i++) {
      if (carry || Long.compareUnsigned(rest, b) >= 0) {
        rest -= b;
        quotient |= 1;
      }
      if (i == steps) {
        break;
      }
      carry = rest < 0;
      rest <<= 1;
      quotient <<= 1;
    }
    if (distance >= 64) {
      f.exact(sign, aExponent - steps, rest);
      return C2;
    }
    if (nearest && rest != 0) {
      long other = b - rest;
      int order = Long.compareUnsigned(rest, other);
      if (order > 0 || (order == 0 && (quotient & 1) != 0)) {
        rest = other;
        sign ^= 1;
        quotient++;
      }
    }
    f.exact(sign, bExponent, rest);
    return ((quotient & 1) != 0 ? C1 : 0)
        | ((quotient & 2) != 0 ? C3 : 0)
        | ((quotient & 4) != 0 ? C0 : 0);
  }
}
