package isola.cpu.x86.cpu;

import isola.cpu.x86.spec.Rflags;

/**
 * The six status flags in a form that costs arithmetic little: what they follow from is kept, and
 * they are worked out when something asks. Owner thread only.
 *
 * <p>ZF is set if {@link #result} is 0; SF is the sign and PF the parity of the low byte of {@code
 * result ^ delta}; CF is the sign of {@link #carry} and AF its bit 3; OF is the sign of {@link
 * #overflow}. The arithmetic below takes operands sign-extended to 64 bits and {@code unused}, the
 * number of bits above the operand size, and gives results sign-extended alike: so one body serves
 * all sizes.
 */
public final class Flags {
  /** The last result, sign-extended. */
  public long result;

  /** What sign and parity differ from the result's; 0 but for flags that were set by hand. */
  public long delta;

  /** Carries or borrows out of each bit. */
  public long carry;

  /** Sign: OF. */
  public long overflow;

  Flags() {}

  /** Addition. */
  public long add(long a, long b, int unused) {
    long r = (a + b) << unused >> unused;
    result = r;
    delta = 0;
    carry = (a & b) | ((a | b) & ~r);
    overflow = (a ^ r) & (b ^ r);
    return r;
  }

  /** Addition with CF. */
  public long adc(long a, long b, int unused) {
    long r = (a + b + (carry >>> 63)) << unused >> unused;
    result = r;
    delta = 0;
    carry = (a & b) | ((a | b) & ~r);
    overflow = (a ^ r) & (b ^ r);
    return r;
  }

  /** Subtraction; also comparison and, from 0, negation. */
  public long sub(long a, long b, int unused) {
    long r = (a - b) << unused >> unused;
    result = r;
    delta = 0;
    carry = (~a & b) | ((~a | b) & r);
    overflow = (a ^ b) & (a ^ r);
    return r;
  }

  /** Subtraction with borrow. */
  public long sbb(long a, long b, int unused) {
    long r = (a - b - (carry >>> 63)) << unused >> unused;
    result = r;
    delta = 0;
    carry = (~a & b) | ((~a | b) & r);
    overflow = (a ^ b) & (a ^ r);
    return r;
  }

  /** Flags of a logical operation's sign-extended result. */
  public long logic(long r) {
    result = r;
    delta = 0;
    carry = 0;
    overflow = 0;
    return r;
  }

  /** Increment: CF stays. */
  public long inc(long a, int unused) {
    long r = (a + 1) << unused >> unused;
    result = r;
    delta = 0;
    carry = (carry & Long.MIN_VALUE) | (a & ~r & 8);
    overflow = (a ^ r) & r;
    return r;
  }

  /** Decrement: CF stays. */
  public long dec(long a, int unused) {
    long r = (a - 1) << unused >> unused;
    result = r;
    delta = 0;
    carry = (carry & Long.MIN_VALUE) | (~a & r & 8);
    overflow = a & (a ^ r);
    return r;
  }

  /** Flags of a shift: by result, CF and OF given as the low bits. */
  public void shifted(long r, long cf, long of) {
    result = r;
    delta = 0;
    carry = cf << 63;
    overflow = of << 63;
  }

  /** Sets CF and OF from low bits, leaves the others. */
  public void carryAndOverflow(long cf, long of) {
    carry = (cf << 63) | (carry & Long.MAX_VALUE);
    overflow = of << 63;
  }

  /** Sets CF, leaves the others. */
  public void carry(boolean set) {
    carry = set ? carry | Long.MIN_VALUE : carry & Long.MAX_VALUE;
  }

  /** A condition by its number in the opcode (Intel SDM vol. 1 appendix B). */
  public boolean condition(int number) {
    boolean met =
        switch (number >> 1) {
          case 0 -> overflow < 0;
          case 1 -> carry < 0;
          case 2 -> result == 0;
          case 3 -> carry < 0 || result == 0;
          case 4 -> (result ^ delta) < 0;
          case 5 -> parity();
          case 6 -> less();
          default -> less() || result == 0;
        };
    return met != ((number & 1) != 0);
  }

  /** SF differs from OF. */
  public boolean less() {
    return (result ^ delta ^ overflow) < 0;
  }

  /** PF. */
  public boolean parity() {
    return (Integer.bitCount((int) (result ^ delta) & 0xff) & 1) == 0;
  }

  /** The flags as they stand in RFLAGS. */
  public int value() {
    return (int) (carry >>> 63)
        | (parity() ? Rflags.PF : 0)
        | ((int) (carry & 8) << 1)
        | (result == 0 ? Rflags.ZF : 0)
        | ((result ^ delta) < 0 ? Rflags.SF : 0)
        | (overflow < 0 ? Rflags.OF : 0);
  }

  /** Sets all six from RFLAGS. */
  public void value(int flags) {
    carry = ((long) (flags & Rflags.CF) << 63) | ((flags & Rflags.AF) >> 1);
    overflow = (long) (flags & Rflags.OF) << 52;
    // A result that gives ZF; what sign and parity should be goes into the difference.
    result = (flags & Rflags.ZF) != 0 ? 0 : 1L << 32;
    delta = ((long) (flags & Rflags.SF) << 56) | ((flags & Rflags.PF) != 0 ? 0 : 1);
  }
}
