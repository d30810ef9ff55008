package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;

/** Decimal adjustment (Intel SDM vol. 2, AAA to DAS). */
final class Decimal {
  private Decimal() {}

  private static void result(Cpu cpu, int al, int carry) {
    cpu.reg(Operands.RAX, 1, true, al);
    cpu.flags.logic((byte) al);
    cpu.statusFlags((cpu.statusFlags() & ~(Rflags.CF | Rflags.AF)) | carry);
  }

  /** DAA and DAS. */
  static void packed(Cpu cpu, boolean subtract) {
    int flags = cpu.statusFlags();
    int old = (int) cpu.gpr(Operands.RAX) & 0xff;
    int al = old;
    int set = 0;
    int sign = subtract ? -1 : 1;
    if ((old & 15) > 9 || (flags & Rflags.AF) != 0) {
      al += sign * 6;
      set = Rflags.AF;
      if ((flags & Rflags.CF) != 0 || (al & 0x100) != 0) {
        set |= Rflags.CF;
      }
    }
    if (old > 0x99 || (flags & Rflags.CF) != 0) {
      al += sign * 0x60;
      set |= Rflags.CF;
    } else if (!subtract) {
      set &= ~Rflags.CF;
    }
    result(cpu, al & 0xff, set);
  }

  /** AAA and AAS. */
  static void unpacked(Cpu cpu, boolean subtract) {
    int flags = cpu.statusFlags();
    int ax = (int) cpu.gpr(Operands.RAX) & 0xffff;
    int set = 0;
    if ((ax & 15) > 9 || (flags & Rflags.AF) != 0) {
      ax += subtract ? -0x106 : 0x106;
      set = Rflags.AF | Rflags.CF;
    }
    cpu.reg(Operands.RAX, 2, true, ax & 0xff0f);
    cpu.flags.logic((byte) (ax & 15));
    cpu.statusFlags((cpu.statusFlags() & ~(Rflags.CF | Rflags.AF)) | set);
  }

  static void aam(Cpu cpu, Insn insn) {
    int by = (int) insn.imm & 0xff;
    if (by == 0) {
      throw cpu.fault(Vector.DE);
    }
    int al = (int) cpu.gpr(Operands.RAX) & 0xff;
    cpu.reg(Operands.RAX, 2, true, (al / by) << 8 | al % by);
    cpu.flags.logic((byte) (al % by));
  }

  static void aad(Cpu cpu, Insn insn) {
    int ax = (int) cpu.gpr(Operands.RAX) & 0xffff;
    int al = (ax & 0xff) + (ax >> 8) * ((int) insn.imm & 0xff) & 0xff;
    cpu.reg(Operands.RAX, 2, true, al);
    cpu.flags.logic((byte) al);
  }
}
