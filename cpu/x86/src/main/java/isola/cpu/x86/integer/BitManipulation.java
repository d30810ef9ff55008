package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Rflags;

/** BMI1, BMI2 and LZCNT (Intel SDM vol. 1, 5.19). Undefined status flags become 0. */
final class BitManipulation {
  private BitManipulation() {}

  /** TZCNT, and LZCNT for {@code leading}: a source of 0 gives the operand size and CF. */
  static void count(Cpu cpu, Insn insn, boolean leading) {
    int size = insn.operandSize;
    long a = Operands.rm(cpu, insn, size);
    int unused = Operands.unused(size);
    int zeros =
        leading
            ? Long.numberOfLeadingZeros(a) - unused
            : Math.min(Long.numberOfTrailingZeros(a), size * 8);
    Operands.reg(cpu, insn, size, zeros);
    cpu.statusFlags((a == 0 ? Rflags.CF : 0) | (zeros == 0 ? Rflags.ZF : 0));
  }

  /** Executes an instruction that VEX encodes. */
  static void execute(Cpu cpu, Insn insn) {
    if (!cpu.protectedMode() || cpu.v86()) {
      throw cpu.ud();
    }
    int size = insn.operandSize;
    long a = Operands.rm(cpu, insn, size);
    long b = insn.vvvv < 0 ? 0 : cpu.reg(insn.vvvv, size, true);
    int bits = size * 8;
    switch (insn.op) {
      case ANDN -> logic(cpu, insn, insn.reg, ~b & a, false);
      case BLSR -> logic(cpu, insn, insn.vvvv, a & (a - 1), a == 0);
      case BLSMSK -> logic(cpu, insn, insn.vvvv, a ^ (a - 1), a == 0);
      case BLSI -> logic(cpu, insn, insn.vvvv, a & -a, a != 0);
      case BEXTR -> {
        int start = (int) b & 0xff;
        int length = (int) (b >>> 8) & 0xff;
        long field = start >= bits ? 0 : a >>> start;
        logic(cpu, insn, insn.reg, low(field, length), false);
      }
      case BZHI -> {
        int index = (int) b & 0xff;
        logic(cpu, insn, insn.reg, low(a, index), index >= bits);
      }
      case PDEP -> cpu.reg(insn.reg, size, true, Long.expand(b, a));
      case PEXT -> cpu.reg(insn.reg, size, true, Long.compress(b, a));
      case MULX -> {
        long x = cpu.reg(Operands.RDX, size, true);
        long high = size == 8 ? Math.unsignedMultiplyHigh(x, a) : x * a >>> 32;
        // The upper half last: it stays where both go to one register.
        cpu.reg(insn.vvvv, size, true, x * a);
        cpu.reg(insn.reg, size, true, high);
      }
      case RORX -> {
        int by = (int) insn.imm & (bits - 1);
        long rotated = size == 8 ? Long.rotateRight(a, by) : Integer.rotateRight((int) a, by);
        cpu.reg(insn.reg, size, true, rotated);
      }
      case SHLX -> cpu.reg(insn.reg, size, true, a << (b & (bits - 1)));
      case SHRX -> cpu.reg(insn.reg, size, true, a >>> (b & (bits - 1)));
      default -> cpu.reg(insn.reg, size, true, Operands.signed(a, size) >> (b & (bits - 1)));
    }
  }

  /** The lowest {@code count} bits. */
  private static long low(long value, int count) {
    return count >= 64 ? value : value & ((1L << count) - 1);
  }

  private static void logic(Cpu cpu, Insn insn, int register, long result, boolean carry) {
    int size = insn.operandSize;
    long signed = Operands.signed(result, size);
    cpu.reg(register, size, true, result);
    cpu.statusFlags(
        (carry ? Rflags.CF : 0) | (signed == 0 ? Rflags.ZF : 0) | (signed < 0 ? Rflags.SF : 0));
  }
}
