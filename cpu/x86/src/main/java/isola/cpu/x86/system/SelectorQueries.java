package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Rflags;

/**
 * LAR, LSL, VERR, VERW and ARPL: questions about selectors that never fault on a bad one (Intel SDM
 * vol. 2; vol. 3A 5.10).
 */
final class SelectorQueries {
  private static final long NONE = -1;

  private SelectorQueries() {}

  /** LAR: access rights into a register. */
  static void lar(Cpu cpu, Insn insn, int selector) {
    int types =
        cpu.longModeActive()
            ? 1 << DescriptorSpec.CALL_GATE
            : 1 << DescriptorSpec.CALL_GATE
                | 1 << DescriptorSpec.CALL_GATE16
                | 1 << DescriptorSpec.TASK_GATE;
    long address = visible(cpu, selector, types);
    cpu.zero(address != NONE);
    if (address != NONE) {
      long rights = DescriptorTables.read(cpu, address) >>> 32 & 0x00ff_ff00;
      // Bits 19:16 are the limit's and undefined here; processors give them as they stand.
      cpu.reg(insn.reg, insn.operandSize, true, insn.operandSize == 2 ? rights & 0xff00 : rights);
    }
  }

  /** LSL: the limit in bytes into a register. */
  static void lsl(Cpu cpu, Insn insn, int selector) {
    long address = visible(cpu, selector, 0);
    cpu.zero(address != NONE);
    if (address != NONE) {
      long limit = Descriptor.limit(DescriptorTables.read(cpu, address));
      cpu.reg(insn.reg, insn.operandSize, true, limit);
    }
  }

  /** VERR and VERW. */
  static void verify(Cpu cpu, int selector, boolean write) {
    long address = visible(cpu, selector, 0);
    boolean good = false;
    if (address != NONE) {
      long d = DescriptorTables.read(cpu, address);
      good = write ? Descriptor.writableData(d) : Descriptor.readable(d);
    }
    cpu.zero(good);
  }

  /**
   * Address of a descriptor that the program may look at, or {@link #NONE}.
   *
   * @param gates bits of gate types that count too; TSS and LDT always do
   */
  private static long visible(Cpu cpu, int selector, int gates) {
    if (DescriptorTables.isNull(selector)) {
      return NONE;
    }
    long address = DescriptorTables.find(cpu, selector, 8);
    if (address == NONE) {
      return NONE;
    }
    long d = DescriptorTables.read(cpu, address);
    if (Descriptor.system(d)) {
      int types =
          gates
              | 1 << DescriptorSpec.LDT
              | 1 << DescriptorSpec.TSS
              | 1 << DescriptorSpec.TSS_BUSY
              | (cpu.longModeActive()
                  ? 0
                  : 1 << DescriptorSpec.TSS16 | 1 << DescriptorSpec.TSS16_BUSY);
      if ((types >>> Descriptor.type(d) & 1) == 0) {
        return NONE;
      }
    }
    boolean conformingCode = Descriptor.code(d) && Descriptor.conforming(d);
    int privilege = Math.max(cpu.cpl(), selector & DescriptorSpec.RPL);
    return conformingCode || Descriptor.dpl(d) >= privilege ? address : NONE;
  }

  /** ARPL: raises the RPL of a selector in register or memory to that of another. */
  static void arpl(Cpu cpu, Insn insn) {
    long address = insn.rm >= 0 ? 0 : cpu.effective(insn);
    int destination =
        (int) (insn.rm >= 0 ? cpu.reg(insn.rm, 2, true) : cpu.load(insn.segment, address, 2));
    int rpl = (int) cpu.reg(insn.reg, 2, true) & DescriptorSpec.RPL;
    boolean raise = (destination & DescriptorSpec.RPL) < rpl;
    if (raise) {
      long result = (destination & ~DescriptorSpec.RPL) | rpl;
      if (insn.rm >= 0) {
        cpu.reg(insn.rm, 2, true, result);
      } else {
        cpu.store(insn.segment, address, 2, result);
      }
    }
    int flags = cpu.statusFlags() & ~Rflags.ZF;
    cpu.statusFlags(raise ? flags | Rflags.ZF : flags);
  }
}
