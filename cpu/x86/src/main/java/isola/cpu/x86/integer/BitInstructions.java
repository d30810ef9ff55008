package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Rflags;

/** Bit tests and scans, byte swaps, population count, CRC32 (Intel SDM vol. 2). */
final class BitInstructions {
  private static final int CRC32C = 0x82f63b78;

  private BitInstructions() {}

  /** BT, BTS, BTR, BTC. */
  static void test(Cpu cpu, Insn insn, int operation) {
    int size = insn.operandSize;
    int bits = size * 8;
    boolean immediate = Operands.shape(insn) == Form.Shape.E_I;
    long position = immediate ? insn.imm : Operands.signed(Operands.reg(cpu, insn, size), size);
    long bit = position & (bits - 1);
    if (insn.rm >= 0) {
      long a = cpu.reg(insn.rm, size, insn.rex);
      long r = Arithmetic.apply(cpu.flags, operation, a, bit, 0);
      if (operation != Arithmetic.BT) {
        cpu.reg(insn.rm, size, insn.rex, r);
      }
      return;
    }
    long offset = cpu.effective(insn);
    if (!immediate) {
      // A bit string: the register reaches beyond the operand, in both directions.
      offset += (position >> (size == 8 ? 6 : size == 4 ? 5 : 4)) * size;
      offset = Operands.unsigned(offset, insn.addressSize);
    }
    if (operation == Arithmetic.BT) {
      long a = cpu.load(insn.segment, offset, size);
      Arithmetic.apply(cpu.flags, operation, a, bit, 0);
    } else {
      Update.memory(cpu, insn.segment, offset, size, insn.locked(), operation, bit);
    }
  }

  /** BSF and BSR: a source of 0 sets ZF and leaves the destination. */
  static void scan(Cpu cpu, Insn insn, boolean reverse) {
    int size = insn.operandSize;
    long a = Operands.rm(cpu, insn, size);
    if (a != 0) {
      long at = reverse ? 63 - Long.numberOfLeadingZeros(a) : Long.numberOfTrailingZeros(a);
      Operands.reg(cpu, insn, size, at);
    }
    cpu.zero(a == 0);
  }

  static void popcnt(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long a = Operands.rm(cpu, insn, size);
    Operands.reg(cpu, insn, size, Long.bitCount(a));
    cpu.statusFlags(a == 0 ? Rflags.ZF : 0);
  }

  static void bswap(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long a = Operands.reg(cpu, insn, size);
    long r =
        switch (size) {
          case 8 -> Long.reverseBytes(a);
          case 4 -> Integer.reverseBytes((int) a);
          // Undefined; processors give 0.
          default -> 0;
        };
    Operands.reg(cpu, insn, size, r);
  }

  static void movbe(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    if (Operands.shape(insn) == Form.Shape.G_E) {
      Operands.reg(cpu, insn, size, reverse(Operands.rm(cpu, insn, size), size));
    } else {
      Operands.rm(cpu, insn, size, reverse(Operands.reg(cpu, insn, size), size));
    }
  }

  private static long reverse(long value, int size) {
    return Long.reverseBytes(value) >>> Operands.unused(size);
  }

  static void crc32(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long data = Operands.rm(cpu, insn, size);
    int crc = (int) cpu.gpr(insn.reg);
    for (int i = 0; i < size; i++) {
      crc ^= (int) (data >>> (i * 8)) & 0xff;
      for (int k = 0; k < 8; k++) {
        crc = crc >>> 1 ^ (CRC32C & -(crc & 1));
      }
    }
    cpu.gpr(insn.reg, crc & 0xffff_ffffL);
  }
}
