package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;

/** Data movement but for the stack (Intel SDM vol. 2). */
final class Moves {
  private Moves() {}

  static void mov(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    switch (Operands.shape(insn)) {
      case E_G -> Operands.rm(cpu, insn, size, Operands.reg(cpu, insn, size));
      case G_E -> Operands.reg(cpu, insn, size, Operands.rm(cpu, insn, size));
      case E_I -> Operands.rm(cpu, insn, size, insn.imm);
      case Z_I -> Operands.reg(cpu, insn, size, insn.imm);
      case A_O ->
          cpu.reg(Operands.RAX, size, true, cpu.load(insn.segment, insn.displacement, size));
      case O_A ->
          cpu.store(insn.segment, insn.displacement, size, cpu.reg(Operands.RAX, size, true));
      default -> {
        // From a segment register: 16 bits in memory, zero-extended in a register.
        int to = insn.rm >= 0 ? size : 2;
        Operands.rm(cpu, insn, to, cpu.selector(insn.reg) & 0xffff);
      }
    }
  }

  /** MOVZX, MOVSX and MOVSXD. */
  static void extend(Cpu cpu, Insn insn, boolean signed) {
    int from =
        switch (insn.form == null ? "" : insn.form.operand(1)) {
          case "Eb" -> 1;
          case "Ew" -> 2;
          default -> Math.min(insn.operandSize, 4);
        };
    long value = Operands.rm(cpu, insn, from);
    Operands.reg(cpu, insn, insn.operandSize, signed ? Operands.signed(value, from) : value);
  }

  static void cmov(Cpu cpu, Insn insn, int condition) {
    int size = insn.operandSize;
    long value = Operands.rm(cpu, insn, size);
    if (!cpu.flags.condition(condition)) {
      // The upper half is cleared all the same.
      value = Operands.reg(cpu, insn, size);
    }
    Operands.reg(cpu, insn, size, value);
  }

  static void xlat(Cpu cpu, Insn insn) {
    long offset = cpu.gpr(Operands.RBX) + (cpu.gpr(Operands.RAX) & 0xff);
    offset = Operands.unsigned(offset, insn.addressSize);
    cpu.reg(Operands.RAX, 1, true, cpu.load(insn.segment, offset, 1));
  }

  /** CBW, CWDE, CDQE. */
  static void widenAccumulator(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long half = Operands.signed(cpu.gpr(Operands.RAX), size / 2);
    cpu.reg(Operands.RAX, size, true, half);
  }

  /** CWD, CDQ, CQO. */
  static void signToData(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    cpu.reg(Operands.RDX, size, true, Operands.signed(cpu.gpr(Operands.RAX), size) >> 63);
  }

  static void lahf(Cpu cpu) {
    cpu.reg(4, 1, false, (cpu.statusFlags() & 0xff) | Rflags.RESERVED_1);
  }

  static void sahf(Cpu cpu) {
    int ah = (int) cpu.reg(4, 1, false);
    cpu.statusFlags((ah & Rflags.STATUS) | (cpu.statusFlags() & Rflags.OF));
  }

  /** BOUND: signed limits in memory, lower then upper. */
  static void bound(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long offset = cpu.effective(insn);
    long at = Operands.signed(Operands.reg(cpu, insn, size), size);
    long lower = Operands.signed(cpu.load(insn.segment, offset, size), size);
    long second = Operands.unsigned(offset + size, insn.addressSize);
    long upper = Operands.signed(cpu.load(insn.segment, second, size), size);
    if (at < lower || at > upper) {
      throw cpu.fault(Vector.BR);
    }
  }
}
