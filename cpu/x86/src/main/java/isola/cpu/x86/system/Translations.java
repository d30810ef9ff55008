package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;

/** INVLPG and INVPCID (Intel SDM vol. 2A; vol. 3A 4.10.4). */
final class Translations {
  private static final int INDIVIDUAL = 0;
  private static final int CONTEXT = 1;
  private static final int ALL_WITH_GLOBAL = 2;

  private Translations() {}

  static void invlpg(Cpu cpu, Insn insn) {
    long linear = cpu.effectiveBase(insn.segment) + cpu.effective(insn);
    if (cpu.is64()) {
      if (Canonical.isBase(cpu, linear)) {
        cpu.invalidatePage(linear);
      }
    } else {
      cpu.invalidatePage(linear & 0xffff_ffffL);
    }
  }

  static void invpcid(Cpu cpu, Insn insn) {
    SegmentLoads.requirePrivileged(cpu);
    long type = cpu.reg(insn.reg, cpu.is64() ? 8 : 4, true);
    long at = cpu.effective(insn);
    cpu.checkLoad(insn.segment, at, 16);
    long pcid = cpu.load(insn.segment, at, 8);
    long linear = cpu.load(insn.segment, at + 8, 8);
    boolean one = type == INDIVIDUAL || type == CONTEXT;
    if (Long.compareUnsigned(type, 3) > 0
        || pcid >>> 12 != 0
        || (one && pcid != 0 && (cpu.cr4() & Cr4.PCIDE) == 0)
        || (type == INDIVIDUAL && !Canonical.isBase(cpu, linear))) {
      throw cpu.gp();
    }
    if (type == INDIVIDUAL) {
      if ((cpu.cr3() & 0xfff) == pcid || (cpu.cr4() & Cr4.PCIDE) == 0) {
        cpu.invalidatePage(linear);
      }
    } else if (type == CONTEXT) {
      cpu.flushPcid((int) pcid);
    } else {
      cpu.flushTlb(type == ALL_WITH_GLOBAL);
    }
  }
}
