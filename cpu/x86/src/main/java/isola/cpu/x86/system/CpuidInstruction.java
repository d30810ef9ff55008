package isola.cpu.x86.system;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.MsrPort;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.state.CpuState;

/** CPUID (Intel SDM vol. 2A): the table, with the bits that follow the processor's state. */
final class CpuidInstruction {
  /** The highest leaf under IA32_MISC_ENABLE's limit (Intel SDM vol. 4, table 2-2). */
  private static final int LIMIT = 2;

  private static final CpuidTable.Row NOTHING = new CpuidTable.Row(0, 0, 0, 0, 0, 0);

  private CpuidInstruction() {}

  /** A row of the table, or one of zeros. */
  static CpuidTable.Row features(Cpu cpu, int leaf, int subleaf) {
    CpuidTable.Row row = cpu.wiring.cpuid().find(leaf, subleaf);
    return row == null ? NOTHING : row;
  }

  static void cpuid(Cpu cpu) {
    int leaf = (int) cpu.gpr(0);
    int subleaf = (int) cpu.gpr(1);
    CpuidTable.Row row = cpu.wiring.cpuid().find(leaf, subleaf);
    long enabled = cpu.field(CpuState.MISC_ENABLE);
    boolean limited = (enabled & MsrSpec.MISC_ENABLE_LIMIT_CPUID) != 0;
    if (limited && leaf > LIMIT && leaf < CpuidSpec.HYPERVISOR) {
      row = features(cpu, LIMIT, subleaf);
    } else if (row == null) {
      row = missing(cpu, leaf, subleaf);
    }
    int eax = row.eax();
    int ebx = row.ebx();
    int ecx = row.ecx();
    int edx = row.edx();
    if (limited && leaf == 0) {
      eax = LIMIT;
    }
    switch (row.leaf()) {
      case CpuidSpec.FEATURES -> {
        if ((cpu.cr4() & Cr4.OSXSAVE) != 0) {
          ecx |= CpuidSpec.OSXSAVE;
        }
        MsrPort msrs = cpu.wiring.msrs();
        if (msrs.read(MsrSpec.APIC_BASE) == MsrPort.Access.OK
            && (msrs.value() & MsrSpec.APIC_BASE_ENABLE) == 0) {
          edx &= ~CpuidSpec.APIC;
        }
      }
      case CpuidSpec.STRUCTURED -> {
        if ((cpu.cr4() & Cr4.PKE) != 0) {
          ecx |= CpuidSpec.OSPKE;
        }
      }
      case CpuidSpec.XSTATE -> {
        if (subleaf == 0) {
          ebx = ExtendedState.standardSize(cpu.field(CpuState.XCR0));
        } else if (subleaf == 1) {
          ebx = ExtendedState.compactedSize(cpu.field(CpuState.XCR0) | cpu.field(CpuState.XSS));
        }
      }
      case CpuidSpec.EXTENDED_FEATURES -> {
        // Intel processors show SYSCALL where it works: in 64-bit code.
        if (!cpu.is64()) {
          edx &= ~CpuidSpec.SYSCALL;
        }
        if ((enabled & MsrSpec.MISC_ENABLE_XD_DISABLE) != 0) {
          edx &= ~CpuidSpec.NX;
        }
      }
      default -> {}
    }
    cpu.gpr(0, eax & 0xffff_ffffL);
    cpu.gpr(3, ebx & 0xffff_ffffL);
    cpu.gpr(1, ecx & 0xffff_ffffL);
    cpu.gpr(2, edx & 0xffff_ffffL);
  }

  /** A leaf beyond the highest of its range answers as the highest basic one; others are zero. */
  private static CpuidTable.Row missing(Cpu cpu, int leaf, int subleaf) {
    int highest = features(cpu, 0, 0).eax();
    boolean basic = leaf >= 0 && Integer.compareUnsigned(leaf, CpuidSpec.HYPERVISOR) < 0;
    boolean extended = leaf < 0;
    if ((basic && leaf > highest)
        || (extended
            && Integer.compareUnsigned(leaf, features(cpu, CpuidSpec.EXTENDED, 0).eax()) > 0)) {
      return features(cpu, highest, subleaf);
    }
    return NOTHING;
  }
}
