package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Flags;
import isola.cpu.x86.cpu.MemoryOrder;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;

/** Shifts and rotates (Intel SDM vol. 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD). */
public final class Shifts {
  private Shifts() {}

  static void execute(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    int count = count(cpu, insn, size);
    if (insn.rm >= 0) {
      long a = cpu.reg(insn.rm, size, insn.rex);
      if (count == 0) {
        // A 32-bit destination is zero-extended all the same.
        cpu.reg(insn.rm, size, insn.rex, a);
        return;
      }
      cpu.reg(insn.rm, size, insn.rex, apply(cpu.flags, insn.op, a, count, size));
      return;
    }
    long offset = cpu.effective(insn);
    long linear = cpu.linear(insn.segment, offset, size, true);
    long host = cpu.atomicHost(linear, size);
    long a = host != 0 ? MemoryOrder.load(host, size) : cpu.loadCurrent(linear, size);
    if (count == 0) {
      return;
    }
    long r = apply(cpu.flags, insn.op, a, count, size);
    if (host != 0) {
      MemoryOrder.store(host, size, r);
    } else {
      cpu.storeCurrent(linear, size, r);
    }
  }

  private static int count(Cpu cpu, Insn insn, int size) {
    int raw =
        switch (insn.form == null ? "" : insn.form.operand(1)) {
          case "Ib" -> (int) insn.imm;
          case "CL" -> (int) cpu.gpr(Operands.RCX);
          default -> 1;
        };
    return raw & (size == 8 ? 63 : 31);
  }

  /** Result of a shift or rotate of a zero-extended value by 1 to 63; sets the flags. */
  public static long apply(Flags flags, Op op, long a, int count, int size) {
    int bits = size * 8;
    return switch (op) {
      case SHL -> {
        long cf = count <= bits ? a >>> (bits - count) & 1 : 0;
        long r = Operands.signed(count < 64 ? a << count : 0, size);
        flags.shifted(r, cf, (r >>> 63) ^ cf);
        yield r;
      }
      case SHR -> {
        long cf = a >>> (count - 1) & 1;
        long r = a >>> count;
        long of = count == 1 ? a >>> (bits - 1) & 1 : 0;
        flags.shifted(Operands.signed(r, size), cf, of);
        yield r;
      }
      case SAR -> {
        long s = Operands.signed(a, size);
        long r = s >> count;
        flags.shifted(r, s >> (count - 1) & 1, 0);
        yield r;
      }
      case ROL -> {
        int n = count % bits;
        long r = n == 0 ? a : Operands.unsigned(a << n | a >>> (bits - n), size);
        long cf = r & 1;
        flags.carryAndOverflow(cf, (r >>> (bits - 1) & 1) ^ cf);
        yield r;
      }
      case ROR -> {
        int n = count % bits;
        long r = n == 0 ? a : Operands.unsigned(a >>> n | a << (bits - n), size);
        long cf = r >>> (bits - 1) & 1;
        flags.carryAndOverflow(cf, cf ^ (r >>> (bits - 2) & 1));
        yield r;
      }
      case RCL -> throughCarry(flags, a, count % (bits + 1), bits, true);
      default -> throughCarry(flags, a, count % (bits + 1), bits, false);
    };
  }

  private static long throughCarry(Flags flags, long a, int count, int bits, boolean left) {
    long r = a;
    long cf = flags.carry >>> 63;
    for (int i = 0; i < count; i++) {
      if (left) {
        long out = r >>> (bits - 1) & 1;
        r = r << 1 | cf;
        if (bits < 64) {
          r &= (1L << bits) - 1;
        }
        cf = out;
      } else {
        long out = r & 1;
        r = r >>> 1 | cf << (bits - 1);
        cf = out;
      }
    }
    if (count != 0) {
      long top = r >>> (bits - 1) & 1;
      flags.carryAndOverflow(cf, left ? top ^ cf : top ^ (r >>> (bits - 2) & 1));
    }
    return r;
  }

  /** SHLD and SHRD. */
  static void pair(Cpu cpu, Insn insn, boolean left) {
    int size = insn.operandSize;
    int bits = size * 8;
    boolean immediate = insn.form != null && insn.form.operand(2).equals("Ib");
    int raw = immediate ? (int) insn.imm : (int) cpu.gpr(Operands.RCX);
    int count = raw & (size == 8 ? 63 : 31);
    long source = Operands.reg(cpu, insn, size);
    long linear = 0;
    long host = 0;
    long a;
    if (insn.rm >= 0) {
      a = cpu.reg(insn.rm, size, insn.rex);
    } else {
      linear = cpu.linear(insn.segment, cpu.effective(insn), size, true);
      host = cpu.atomicHost(linear, size);
      a = host != 0 ? MemoryOrder.load(host, size) : cpu.loadCurrent(linear, size);
    }
    long r = a;
    if (count != 0) {
      r = shiftPair(cpu.flags, a, source, count, bits, left, size);
    }
    if (insn.rm >= 0) {
      cpu.reg(insn.rm, size, insn.rex, r);
    } else if (count != 0) {
      if (host != 0) {
        MemoryOrder.store(host, size, r);
      } else {
        cpu.storeCurrent(linear, size, r);
      }
    }
  }

  private static long shiftPair(
      Flags flags, long a, long source, int count, int bits, boolean left, int size) {
    long r;
    long cf;
    if (count > bits) {
      // Only 16-bit operands come here; the bits rotate in from destination and source again.
      int n = count - bits;
      r = left ? source << n | a >>> (bits - n) : source >>> n | a << (bits - n);
      cf = left ? source >>> (bits - n) & 1 : source >>> (n - 1) & 1;
    } else if (left) {
      r = count == bits ? source : a << count | source >>> (bits - count);
      cf = a >>> (bits - count) & 1;
    } else {
      r = count == bits ? source : a >>> count | source << (bits - count);
      cf = a >>> (count - 1) & 1;
    }
    long s = Operands.signed(r, size);
    flags.shifted(s, cf, (s ^ Operands.signed(a, size)) >>> 63);
    return Operands.unsigned(r, size);
  }
}
