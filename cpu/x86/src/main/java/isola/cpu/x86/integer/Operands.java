package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;

/** Operands of integer instructions. */
final class Operands {
  static final int RAX = 0;
  static final int RCX = 1;
  static final int RDX = 2;
  static final int RBX = 3;
  static final int RSP = 4;
  static final int RBP = 5;
  static final int RSI = 6;
  static final int RDI = 7;

  private Operands() {}

  /** Bits above an operand of this many bytes. */
  static int unused(int size) {
    return 64 - size * 8;
  }

  static long signed(long value, int size) {
    int unused = unused(size);
    return value << unused >> unused;
  }

  static long unsigned(long value, int size) {
    int unused = unused(size);
    return value << unused >>> unused;
  }

  /** The operand that ModRM.rm names, zero-extended. */
  static long rm(Cpu cpu, Insn insn, int size) {
    return insn.rm >= 0
        ? cpu.reg(insn.rm, size, insn.rex)
        : cpu.load(insn.segment, cpu.effective(insn), size);
  }

  /** Sets the operand that ModRM.rm names. */
  static void rm(Cpu cpu, Insn insn, int size, long value) {
    if (insn.rm >= 0) {
      cpu.reg(insn.rm, size, insn.rex, value);
    } else {
      cpu.store(insn.segment, cpu.effective(insn), size, value);
    }
  }

  /** ModRM.reg or the opcode's register, zero-extended. */
  static long reg(Cpu cpu, Insn insn, int size) {
    return cpu.reg(insn.reg, size, insn.rex);
  }

  /** Sets ModRM.reg or the opcode's register. */
  static void reg(Cpu cpu, Insn insn, int size, long value) {
    cpu.reg(insn.reg, size, insn.rex, value);
  }

  static Form.Shape shape(Insn insn) {
    Form form = insn.form;
    return form == null ? Form.Shape.OTHER : form.shape();
  }

  /** The source of a two-operand form, sign-extended from {@code size}. */
  static long source(Cpu cpu, Insn insn, int size) {
    return signed(
        switch (shape(insn)) {
          case E_G -> reg(cpu, insn, size);
          case G_E -> rm(cpu, insn, size);
          default -> insn.imm;
        },
        size);
  }

  /** Whether the destination is in memory. */
  static boolean toMemory(Insn insn) {
    return insn.rm < 0
        && switch (shape(insn)) {
          case E_G, E_I, E -> true;
          default -> false;
        };
  }

  /** Number of the destination register, if it is one. */
  static int destination(Insn insn) {
    return switch (shape(insn)) {
      case E_G, E_I, E -> insn.rm;
      case A_I, A_O -> RAX;
      default -> insn.reg;
    };
  }
}
