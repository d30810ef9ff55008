package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Flags;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Vector;

/** MUL, IMUL, DIV, IDIV (Intel SDM vol. 2). */
public final class MultiplyDivide {
  private MultiplyDivide() {}

  /** IMUL of two operands: sign-extended product of sign-extended factors, with flags. */
  public static long imul(Flags flags, long a, long b, int unused) {
    long product = a * b;
    long r = product << unused >> unused;
    boolean lost = unused == 0 ? Math.multiplyHigh(a, b) != r >> 63 : r != product;
    flags.logic(r);
    flags.carryAndOverflow(lost ? 1 : 0, lost ? 1 : 0);
    return r;
  }

  /** IMUL Gv,Ev and IMUL Gv,Ev,I. */
  static void imul(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long a = Operands.signed(Operands.rm(cpu, insn, size), size);
    boolean three = insn.form != null && insn.form.operands().size() == 3;
    long b = three ? insn.imm : Operands.signed(Operands.reg(cpu, insn, size), size);
    Operands.reg(cpu, insn, size, imul(cpu.flags, a, b, Operands.unused(size)));
  }

  /** MUL and one-operand IMUL: the product is twice as wide as the factors. */
  static void wide(Cpu cpu, Insn insn, boolean signed) {
    int size = insn.operandSize;
    long e = Operands.rm(cpu, insn, size);
    long acc = cpu.reg(Operands.RAX, size, true);
    long low;
    long high;
    if (size == 8) {
      low = acc * e;
      high = signed ? Math.multiplyHigh(acc, e) : Math.unsignedMultiplyHigh(acc, e);
    } else {
      long product = signed ? Operands.signed(acc, size) * Operands.signed(e, size) : acc * e;
      low = Operands.unsigned(product, size);
      high = Operands.unsigned(product >>> (size * 8), size);
    }
    if (size == 1) {
      cpu.reg(Operands.RAX, 2, true, high << 8 | low);
    } else {
      cpu.reg(Operands.RAX, size, true, low);
      cpu.reg(Operands.RDX, size, true, high);
    }
    long s = Operands.signed(low, size);
    boolean lost = signed ? Operands.signed(high, size) != s >> 63 : high != 0;
    cpu.flags.logic(s);
    cpu.flags.carryAndOverflow(lost ? 1 : 0, lost ? 1 : 0);
  }

  /** DIV and IDIV; flags are undefined and stay. */
  static void divide(Cpu cpu, Insn insn, boolean signed) {
    int size = insn.operandSize;
    long divisor = Operands.rm(cpu, insn, size);
    if (divisor == 0) {
      throw cpu.fault(Vector.DE);
    }
    if (size == 8) {
      divideLong(cpu, divisor, signed);
      return;
    }
    int bits = size * 8;
    long dividend =
        size == 1
            ? cpu.reg(Operands.RAX, 2, true)
            : cpu.reg(Operands.RDX, size, true) << bits | cpu.reg(Operands.RAX, size, true);
    long quotient;
    long remainder;
    if (signed) {
      long d = Operands.signed(dividend, size * 2);
      long by = Operands.signed(divisor, size);
      if (d == Long.MIN_VALUE && by == -1) {
        throw cpu.fault(Vector.DE);
      }
      quotient = d / by;
      remainder = d % by;
      if (Operands.signed(quotient, size) != quotient) {
        throw cpu.fault(Vector.DE);
      }
    } else {
      quotient = Long.divideUnsigned(dividend, divisor);
      remainder = Long.remainderUnsigned(dividend, divisor);
      if (quotient >>> bits != 0) {
        throw cpu.fault(Vector.DE);
      }
    }
    if (size == 1) {
      cpu.reg(Operands.RAX, 2, true, (remainder & 0xff) << 8 | (quotient & 0xff));
    } else {
      cpu.reg(Operands.RAX, size, true, quotient);
      cpu.reg(Operands.RDX, size, true, remainder);
    }
  }

  private static void divideLong(Cpu cpu, long divisor, boolean signed) {
    long high = cpu.gpr(Operands.RDX);
    long low = cpu.gpr(Operands.RAX);
    boolean negative = signed && high < 0;
    boolean flipped = signed && divisor < 0;
    if (negative) {
      low = -low;
      high = ~high + (low == 0 ? 1 : 0);
    }
    long by = flipped ? -divisor : divisor;
    if (Long.compareUnsigned(high, by) >= 0) {
      throw cpu.fault(Vector.DE);
    }
    long quotient = divideUnsigned(high, low, by);
    long remainder = low - quotient * by;
    if (signed) {
      boolean minus = negative != flipped;
      // The one quotient with the top bit set that fits is the most negative number.
      if (quotient < 0 && !(minus && quotient == Long.MIN_VALUE)) {
        throw cpu.fault(Vector.DE);
      }
      quotient = minus ? -quotient : quotient;
      remainder = negative ? -remainder : remainder;
    }
    cpu.gpr(Operands.RAX, quotient);
    cpu.gpr(Operands.RDX, remainder);
  }

  /** Quotient of a 128-bit number by a larger-than-its-high-half divisor, all unsigned. */
  static long divideUnsigned(long high, long low, long divisor) {
    if (high == 0) {
      return Long.divideUnsigned(low, divisor);
    }
    long r = high;
    long q = low;
    for (int i = 0; i < 64; i++) {
      boolean carry = r < 0;
      r = r << 1 | q >>> 63;
      q <<= 1;
      if (carry || Long.compareUnsigned(r, divisor) >= 0) {
        r -= divisor;
        q |= 1;
      }
    }
    return q;
  }
}
