package isola.cpu.x86.system;

import static isola.cpu.x86.spec.MsrSpec.*;

import isola.core.cpu.MsrPort;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * RDMSR and WRMSR (Intel SDM vol. 4). Registers of the core are here; those of the local APIC and
 * the paravirtual clock are behind {@link MsrPort}. What is in neither place is #GP(0), and
 * counted.
 */
public final class Msrs {
  private static final int MTRR_VARIABLE_LAST = MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE - 1;
  private static final int FIXED_64K = CpuState.MTRR + 16 * MTRR_VARIABLE;
  private static final int FIXED_16K = FIXED_64K + 8;
  private static final int FIXED_4K = FIXED_16K + 16;

  private Msrs() {}

  /** RDMSR's register. */
  static long read(Cpu cpu, int index) {
    return switch (index) {
      case TSC -> Tsc.now(cpu);
      case PLATFORM_ID, EBL_CR_POWERON, MCG_CAP, MCG_STATUS, BIOS_UPDT_TRIG -> 0;
      case FEATURE_CONTROL -> FEATURE_CONTROL_LOCK;
      case BIOS_SIGN_ID -> 1L << 32;
      case MTRRCAP -> MTRRCAP_FIXED_WC | MTRR_VARIABLE;
      case EFER -> cpu.efer();
      case FS_BASE -> cpu.base(Segment.FS);
      case GS_BASE -> cpu.base(Segment.GS);
      case XSS -> {
        ExtendedState.requireSupervisorStates(cpu);
        yield cpu.field(CpuState.XSS);
      }
      default -> {
        int kept = stateOffset(index);
        if (kept != 0) {
          yield cpu.field(kept);
        }
        if (index >= LASTBRANCHFROMIP && index <= LASTINTTOIP) {
          yield 0;
        }
        yield outside(cpu, index);
      }
    };
  }

  private static long outside(Cpu cpu, int index) {
    MsrPort port = cpu.wiring.msrs();
    return switch (port.read(index)) {
      case OK -> port.value();
      case FAULT -> throw cpu.gp();
      case ABSENT -> {
        cpu.unknownMsr(index);
        throw cpu.gp();
      }
    };
  }

  /** Where the state keeps a register that reads as it was written, or 0. */
  private static int stateOffset(int index) {
    return switch (index) {
      case TSC_ADJUST -> CpuState.TSC_ADJUST;
      case SYSENTER_CS -> CpuState.SYSENTER_CS;
      case SYSENTER_ESP -> CpuState.SYSENTER_ESP;
      case SYSENTER_EIP -> CpuState.SYSENTER_EIP;
      case MISC_ENABLE -> CpuState.MISC_ENABLE;
      case DEBUGCTL -> CpuState.DEBUGCTL;
      case PAT -> CpuState.PAT;
      case STAR -> CpuState.STAR;
      case LSTAR -> CpuState.LSTAR;
      case CSTAR -> CpuState.CSTAR;
      case FMASK -> CpuState.SFMASK;
      case KERNEL_GS_BASE -> CpuState.KERNEL_GS_BASE;
      case TSC_AUX -> CpuState.TSC_AUX;
      case MTRR_DEF_TYPE -> CpuState.MTRR_DEF_TYPE;
      case MTRR_FIX64K_00000 -> FIXED_64K;
      case MTRR_FIX16K_80000 -> FIXED_16K;
      case MTRR_FIX16K_A0000 -> FIXED_16K + 8;
      default -> {
        if (index >= MTRR_PHYSBASE0 && index <= MTRR_VARIABLE_LAST) {
          yield CpuState.MTRR + 8 * (index - MTRR_PHYSBASE0);
        }
        if (index >= MTRR_FIX4K_C0000 && index <= MTRR_FIX4K_F8000) {
          yield FIXED_4K + 8 * (index - MTRR_FIX4K_C0000);
        }
        yield 0;
      }
    };
  }

  /** WRMSR's register. */
  static void write(Cpu cpu, int index, long value) {
    switch (index) {
      case TSC -> Tsc.write(cpu, value);
      case TSC_ADJUST -> Tsc.adjust(cpu, value);
      case EFER -> ControlRegisters.writeEfer(cpu, value);
      case FS_BASE -> writeBase(cpu, Segment.FS, value);
      case GS_BASE -> writeBase(cpu, Segment.GS, value);
      case BIOS_UPDT_TRIG, BIOS_SIGN_ID, EBL_CR_POWERON -> {
        // A microcode update has nothing to update; software clears the signature before CPUID.
      }
      case PLATFORM_ID, FEATURE_CONTROL, MTRRCAP, MCG_CAP -> throw cpu.gp();
      case MCG_STATUS -> allow(cpu, value == 0);
      case SYSENTER_CS -> cpu.field(CpuState.SYSENTER_CS, value & 0xffff_ffffL);
      case SYSENTER_ESP, SYSENTER_EIP, LSTAR, CSTAR, KERNEL_GS_BASE -> {
        Canonical.requireBase(cpu, value);
        cpu.field(stateOffset(index), value);
      }
      case STAR -> cpu.field(CpuState.STAR, value);
      case FMASK, TSC_AUX -> {
        allow(cpu, value >>> 32 == 0);
        cpu.field(stateOffset(index), value);
      }
      case MISC_ENABLE -> {
        long fixed = MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE;
        long old = cpu.field(CpuState.MISC_ENABLE);
        cpu.field(CpuState.MISC_ENABLE, (value & MISC_ENABLE_WRITABLE) | fixed);
        if (((old ^ value) & MISC_ENABLE_XD_DISABLE) != 0) {
          cpu.modeChanged();
          cpu.flushTlb(true);
        }
      }
      case DEBUGCTL -> {
        allow(cpu, (value & ~(long) (DEBUGCTL_LBR | DEBUGCTL_BTF)) == 0);
        cpu.field(CpuState.DEBUGCTL, value);
        cpu.modeChanged();
      }
      case PAT -> {
        allow(cpu, types(value, true));
        cpu.field(CpuState.PAT, value);
      }
      case MTRR_DEF_TYPE -> {
        allow(cpu, (value & ~(long) MTRR_DEF_TYPE_VALID) == 0 && type((int) value & 0xff, false));
        cpu.field(CpuState.MTRR_DEF_TYPE, value);
      }
      case XSS -> {
        ExtendedState.requireSupervisorStates(cpu);
        allow(cpu, value == 0);
      }
      default -> writeOther(cpu, index, value);
    }
  }

  private static void writeOther(Cpu cpu, int index, long value) {
    int kept = stateOffset(index);
    if (kept != 0) {
      boolean variable = index <= MTRR_VARIABLE_LAST;
      allow(cpu, variable ? validPair(cpu, index, value) : types(value, false));
      cpu.field(kept, value);
      return;
    }
    switch (cpu.wiring.msrs().write(index, value)) {
      case OK -> cpu.checkInterrupts();
      case FAULT -> throw cpu.gp();
      case ABSENT -> {
        cpu.unknownMsr(index);
        throw cpu.gp();
      }
    }
  }

  private static void allow(Cpu cpu, boolean allowed) {
    if (!allowed) {
      throw cpu.gp();
    }
  }

  private static void writeBase(Cpu cpu, int seg, long value) {
    Canonical.requireBase(cpu, value);
    cpu.segment(seg, cpu.selector(seg), cpu.attributes(seg), value, cpu.limit(seg));
  }

  /** Whether eight memory types are valid; UC- (7) is known to PAT alone. */
  private static boolean types(long value, boolean pat) {
    for (int i = 0; i < 64; i += 8) {
      if (!type((int) (value >>> i) & 0xff, pat)) {
        return false;
      }
    }
    return true;
  }

  /** UC, WC, WT, WP, WB (Intel SDM vol. 3A 11.11, table 11-8). */
  private static boolean type(int type, boolean pat) {
    return type == 0 || type == 1 || (type >= 4 && type <= 6) || (pat && type == 7);
  }

  private static boolean validPair(Cpu cpu, int index, long value) {
    long reserved = -(1L << cpu.mmu.physicalBits());
    boolean base = (index & 1) == 0;
    return base
        ? (value & (reserved | 0xf00)) == 0 && type((int) value & 0xff, false)
        : (value & (reserved | 0x7ff)) == 0;
  }
}
