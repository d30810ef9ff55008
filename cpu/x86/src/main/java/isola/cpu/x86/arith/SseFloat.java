package isola.cpu.x86.arith;

import static isola.cpu.x86.arith.FloatSpec.IE;
import static isola.cpu.x86.arith.FloatSpec.ZE;

/**
 * SSE arithmetic on one element, 32-bit or 64-bit (Intel SDM vol. 1, 10.2.3, 11.5 and appendix E).
 * Elements are raw bits; a 32-bit one stands in the low half of a long, the upper half zero.
 *
 * <p>The usual case, rounding to nearest with a normal result, runs on the host's own arithmetic
 * and finds out whether it was exact from the error term; everything else is computed in integers.
 */
public final class SseFloat extends SseConversions {
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

  /** An arithmetic unit as after reset. */
  public SseFloat() {
    begin(0x1f80);
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

  /**
   * {@code x * y + z} with one rounding (VFMADD and its kin), the product and the addend negated
   * first if asked; a NaN among them is handed on, the first of the three before the others.
   */
  public long fused(
      long x, long y, long z, boolean minusProduct, boolean minusAddend, boolean wide) {
    if (skipInexact && rounding == FloatSpec.NEAREST) {
      long fast = fusedByHost(x, y, z, minusProduct, minusAddend, wide);
      if (fast != 0) {
        return fast;
      }
    }
    int xKind = kind(x, wide);
    int yKind = kind(y, wide);
    int zKind = kind(z, wide);
    boolean indefinite =
        (xKind == K_INFINITE && yKind == K_ZERO) || (xKind == K_ZERO && yKind == K_INFINITE);
    if (xKind >= K_QNAN || yKind >= K_QNAN || zKind >= K_QNAN) {
      if (xKind == K_SNAN || yKind == K_SNAN || zKind == K_SNAN) {
        flags |= IE;
      }
      return xKind >= K_QNAN
          ? quiet(x, xKind, wide)
          : yKind >= K_QNAN ? quiet(y, yKind, wide) : quiet(z, zKind, wide);
    }
    int productSign = signOf(x ^ y, wide) ^ (minusProduct ? 1 : 0);
    int addendSign = signOf(z, wide) ^ (minusAddend ? 1 : 0);
    boolean infinite = xKind == K_INFINITE || yKind == K_INFINITE;
    if (indefinite || (infinite && zKind == K_INFINITE && productSign != addendSign)) {
      return invalid(wide);
    }
    denormal(xKind, yKind);
    denormal(zKind, K_ZERO);
    if (infinite || zKind == K_INFINITE) {
      return infinity(wide) | ((infinite ? productSign : addendSign) != 0 ? signBit(wide) : 0);
    }
    if (xKind == K_ZERO || yKind == K_ZERO) {
      if (zKind == K_ZERO) {
        zero(productSign == addendSign ? productSign : rounding == FloatSpec.DOWN ? 1 : 0);
      } else {
        load(z, wide);
        sign = addendSign;
      }
      return finish(wide);
    }
    product(
        productSign, exponentOf(x, wide), align(x, wide), 0, exponentOf(y, wide), align(y, wide));
    if (zKind != K_ZERO) {
      sum(sign, exponent, high, low, addendSign, exponentOf(z, wide), align(z, wide));
    }
    return finish(wide);
  }

  /** The same where nothing but an inexact result, which shows already, can come; otherwise 0. */
  private static long fusedByHost(
      long x, long y, long z, boolean minusProduct, boolean minusAddend, boolean wide) {
    if (wide) {
      if (!normalOrZero64(x) || !normalOrZero64(y) || !normalOrZero64(z)) {
        return 0;
      }
      double a = asDouble(minusProduct ? x ^ Long.MIN_VALUE : x);
      double c = asDouble(minusAddend ? z ^ Long.MIN_VALUE : z);
      long bits = Double.doubleToRawLongBits(Math.fma(a, asDouble(y), c));
      return safe64(bits) ? bits : 0;
    }
    if (!normalOrZero32(x) || !normalOrZero32(y) || !normalOrZero32(z)) {
      return 0;
    }
    float a = asFloat(minusProduct ? x ^ 0x8000_0000L : x);
    float c = asFloat(minusAddend ? z ^ 0x8000_0000L : z);
    int bits = Float.floatToRawIntBits(Math.fma(a, asFloat(y), c));
    return safe32(bits) ? bits & 0xffff_ffffL : 0;
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
}
