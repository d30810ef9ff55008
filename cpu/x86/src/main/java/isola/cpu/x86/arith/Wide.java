package isola.cpu.x86.arith;

/**
 * A binary floating-point number with a 128-bit significand, for the inside of the transcendental
 * functions: operations cut off instead of rounding, with an error below 2^-126 of the result.
 * Mutable; each operation replaces the object's own value.
 */
final class Wide {
  /** 0 or 1. */
  int sign;

  /** The value is {@code high:low / 2^127 * 2^exponent}; the top bit is set unless it is zero. */
  int exponent;

  long high;
  long low;

  Wide set(Wide other) {
    return set(other.sign, other.exponent, other.high, other.low);
  }

  Wide set(int newSign, int newExponent, long newHigh, long newLow) {
    sign = newSign;
    exponent = newExponent;
    high = newHigh;
    low = newLow;
    normalize();
    return this;
  }

  /** A small integer. */
  Wide set(int value) {
    return set(value < 0 ? 1 : 0, 63, Math.abs((long) value), 0);
  }

  boolean isZero() {
    return (high | low) == 0;
  }

  Wide negate() {
    sign ^= 1;
    return this;
  }

  /** Multiplies by a power of two. */
  Wide scale(int power) {
    exponent += power;
    return this;
  }

  private void normalize() {
    if (high == 0) {
      high = low;
      low = 0;
      exponent -= 64;
    }
    if (high == 0) {
      exponent = 0;
      return;
    }
    int by = Long.numberOfLeadingZeros(high);
    if (by != 0) {
      high = (high << by) | (low >>> (64 - by));
      low <<= by;
      exponent -= by;
    }
  }

  Wide subtract(Wide other) {
    return add(other, 1);
  }

  Wide add(Wide other) {
    return add(other, 0);
  }

  private Wide add(Wide other, int flip) {
    int otherSign = other.sign ^ flip;
    if (other.isZero()) {
      return this;
    }
    if (isZero()) {
      set(other);
      sign = otherSign;
      return this;
    }
    boolean otherBig =
        exponent != other.exponent
            ? exponent < other.exponent
            : high != other.high
                ? Long.compareUnsigned(high, other.high) < 0
                : Long.compareUnsigned(low, other.low) < 0;
    long bigHigh = otherBig ? other.high : high;
    long bigLow = otherBig ? other.low : low;
    long smallHigh = otherBig ? high : other.high;
    long smallLow = otherBig ? low : other.low;
    int by = Math.abs(exponent - other.exponent);
    boolean lost = false;
    if (by >= 128) {
      lost = true;
      smallHigh = 0;
      smallLow = 0;
    } else {
      if (by >= 64) {
        lost = smallLow != 0;
        smallLow = smallHigh;
        smallHigh = 0;
        by -= 64;
      }
      if (by != 0) {
        lost |= smallLow << (64 - by) != 0;
        smallLow = (smallLow >>> by) | (smallHigh << (64 - by));
        smallHigh >>>= by;
      }
    }
    smallLow |= lost ? 1 : 0;
    boolean subtract = sign != otherSign;
    exponent = otherBig ? other.exponent : exponent;
    sign = otherBig ? otherSign : sign;
    if (subtract) {
      low = bigLow - smallLow;
      high = bigHigh - smallHigh - (Long.compareUnsigned(bigLow, smallLow) < 0 ? 1 : 0);
      normalize();
      return this;
    }
    low = bigLow + smallLow;
    long carryIn = Long.compareUnsigned(low, bigLow) < 0 ? 1 : 0;
    high = bigHigh + smallHigh + carryIn;
    int order = Long.compareUnsigned(high, bigHigh);
    boolean carry = order < 0 || (order == 0 && (smallHigh | carryIn) != 0);
    if (carry) {
      low = (low >>> 1) | (high << 63) | (low & 1);
      high = (high >>> 1) | Long.MIN_VALUE;
      exponent++;
    }
    return this;
  }

  Wide multiply(Wide other) {
    long a = high;
    long b = other.high;
    long cross = Math.unsignedMultiplyHigh(a, other.low);
    long cross2 = Math.unsignedMultiplyHigh(low, b);
    long newHigh = Math.unsignedMultiplyHigh(a, b);
    long newLow = a * b;
    long sum = newLow + cross;
    if (Long.compareUnsigned(sum, newLow) < 0) {
      newHigh++;
    }
    newLow = sum + cross2;
    if (Long.compareUnsigned(newLow, sum) < 0) {
      newHigh++;
    }
    sign ^= other.sign;
    exponent += other.exponent + 1;
    high = newHigh;
    low = newLow;
    normalize();
    return this;
  }

  /** Divides by 1 to 2^31 - 1. */
  Wide divide(int divisor) {
    long rest = Long.remainderUnsigned(high, divisor);
    high = Long.divideUnsigned(high, divisor);
    long upper = (rest << 32) | (low >>> 32);
    long quotient = upper / divisor;
    long lower = ((upper % divisor) << 32) | (low & 0xffff_ffffL);
    low = (quotient << 32) | (lower / divisor);
    normalize();
    return this;
  }

  /** Divides by a value that is not zero, digit by digit. */
  Wide divide(Wide other) {
    long restHigh = high;
    long restLow = low;
    long dHigh = other.high;
    long dLow = other.low;
    boolean carry = false;
    long quotientHigh = 0;
    long quotientLow = 0;
    for (int i = 0; i < 128; i++) {
      quotientHigh = (quotientHigh << 1) | (quotientLow >>> 63);
      quotientLow <<= 1;
      int order = Long.compareUnsigned(restHigh, dHigh);
      if (carry || order > 0 || (order == 0 && Long.compareUnsigned(restLow, dLow) >= 0)) {
        restHigh -= dHigh + (Long.compareUnsigned(restLow, dLow) < 0 ? 1 : 0);
        restLow -= dLow;
        quotientLow |= 1;
      }
      carry = restHigh < 0;
      restHigh = (restHigh << 1) | (restLow >>> 63);
      restLow <<= 1;
    }
    sign ^= other.sign;
    exponent -= other.exponent;
    high = quotientHigh;
    low = quotientLow;
    normalize();
    return this;
  }

  /** The order of the magnitudes. */
  int compareMagnitude(Wide other) {
    if (isZero() || other.isZero()) {
      return Boolean.compare(!isZero(), !other.isZero());
    }
    if (exponent != other.exponent) {
      return Integer.compare(exponent, other.exponent);
    }
    int order = Long.compareUnsigned(high, other.high);
    return order != 0 ? order : Long.compareUnsigned(low, other.low);
  }
}
