package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * Control registers and IA32_EFER, with what may be written when (Intel SDM vol. 3A 2.5, 4.1.2,
 * 4.10.4, 9.8.5; vol. 2B MOV).
 */
public final class ControlRegisters {
  /** CR3 bit 63, and the first operand bit of a write: keep the translations (4.10.4.1). */
  private static final long NO_FLUSH = Long.MIN_VALUE;

  private static final long PCID = 0xfff;

  private static final int CR0_WRITABLE =
      Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG;

  /** CR4 bits that change what translations mean. */
  private static final int CR4_PAGING =
      Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.PCIDE | Cr4.SMEP | Cr4.SMAP | Cr4.PKE | Cr4.LA57;

  private ControlRegisters() {}

  /** MOV from a control register. */
  static long read(Cpu cpu, int number) {
    return switch (number) {
      case 0 -> cpu.cr0();
      case 2 -> cpu.field(CpuState.CR2);
      case 3 -> cpu.cr3();
      case 4 -> cpu.cr4();
      case 8 -> cpu.wiring.interrupts().cr8();
      default -> throw cpu.ud();
    };
  }

  /** MOV to a control register. */
  static void write(Cpu cpu, int number, long value) {
    switch (number) {
      case 0 -> writeCr0(cpu, value);
      case 2 -> cpu.field(CpuState.CR2, value);
      case 3 -> writeCr3(cpu, value);
      case 4 -> writeCr4(cpu, value);
      case 8 -> {
        if ((value & ~15L) != 0) {
          throw cpu.gp();
        }
        cpu.wiring.interrupts().cr8((int) value);
        cpu.checkInterrupts();
      }
      default -> throw cpu.ud();
    }
  }

  /** Writes CR0; ET is always set, undefined bits are ignored. */
  static void writeCr0(Cpu cpu, long value) {
    if (value >>> 32 != 0) {
      throw cpu.gp();
    }
    int fresh = ((int) value & CR0_WRITABLE) | Cr0.ET;
    int old = (int) cpu.cr0();
    boolean paging = (fresh & Cr0.PG) != 0;
    boolean wasPaging = (old & Cr0.PG) != 0;
    if ((paging && (fresh & Cr0.PE) == 0) || (fresh & (Cr0.NW | Cr0.CD)) == Cr0.NW) {
      throw cpu.gp();
    }
    long efer = cpu.efer();
    boolean pae = (cpu.cr4() & Cr4.PAE) != 0;
    if (paging && !wasPaging) {
      if ((efer & Efer.LME) != 0) {
        boolean tss16 =
            (cpu.attributes(Segment.TR) & (Attribute.UNUSABLE | DescriptorSpec.TYPE_32)) == 0;
        if (!pae || (cpu.attributes(Segment.CS) & Attribute.L) != 0 || tss16) {
          throw cpu.gp();
        }
        cpu.field(CpuState.EFER, efer | Efer.LMA);
      } else if (pae && !cpu.mmu.loadPdptes(cpu.cr3())) {
        throw cpu.gp();
      }
    } else if (!paging && wasPaging) {
      if (cpu.is64() || (cpu.cr4() & Cr4.PCIDE) != 0) {
        throw cpu.gp();
      }
      cpu.field(CpuState.EFER, efer & ~(long) Efer.LMA);
    } else if (paging
        && pae
        && (efer & Efer.LMA) == 0
        && ((old ^ fresh) & (Cr0.CD | Cr0.NW)) != 0
        && !cpu.mmu.loadPdptes(cpu.cr3())) {
      throw cpu.gp();
    }
    cpu.field(CpuState.CR0, fresh & 0xffff_ffffL);
    cpu.modeChanged();
    if (((old ^ fresh) & (Cr0.PG | Cr0.WP | Cr0.PE)) != 0) {
      cpu.flushTlb(true);
    }
  }

  private static void writeCr3(Cpu cpu, long value) {
    boolean pcide = (cpu.cr4() & Cr4.PCIDE) != 0;
    long fresh = pcide ? value & ~NO_FLUSH : value;
    boolean paging = (cpu.cr0() & Cr0.PG) != 0;
    if (cpu.longModeActive()) {
      if ((fresh & -(1L << cpu.mmu.physicalBits())) != 0) {
        throw cpu.gp();
      }
    } else {
      fresh &= 0xffff_ffffL;
      if (paging && (cpu.cr4() & Cr4.PAE) != 0 && !cpu.mmu.loadPdptes(fresh)) {
        throw cpu.gp();
      }
    }
    boolean keep = pcide && value < 0 && ((cpu.cr3() ^ fresh) & PCID) == 0;
    cpu.field(CpuState.CR3, fresh);
    if (!keep) {
      cpu.flushTlb(false);
    }
  }

  private static void writeCr4(Cpu cpu, long value) {
    if ((value & ~(cr4Features(cpu) & 0xffff_ffffL)) != 0) {
      throw cpu.gp();
    }
    int fresh = (int) value;
    int old = (int) cpu.cr4();
    int changed = old ^ fresh;
    boolean longMode = cpu.longModeActive();
    if (longMode && ((fresh & Cr4.PAE) == 0 || (changed & Cr4.LA57) != 0)) {
      throw cpu.gp();
    }
    if ((changed & fresh & Cr4.PCIDE) != 0 && (!longMode || (cpu.cr3() & PCID) != 0)) {
      throw cpu.gp();
    }
    boolean paging = (cpu.cr0() & Cr0.PG) != 0;
    boolean paePaging = paging && !longMode && (fresh & Cr4.PAE) != 0;
    if (paePaging
        && (changed & (Cr4.PAE | Cr4.PGE | Cr4.PSE | Cr4.SMEP)) != 0
        && !cpu.mmu.loadPdptes(cpu.cr3())) {
      throw cpu.gp();
    }
    cpu.field(CpuState.CR4, fresh & 0xffff_ffffL);
    cpu.modeChanged();
    if ((changed & CR4_PAGING) != 0) {
      cpu.flushTlb(true);
    }
  }

  /** CR4 bits that this processor's CPUID allows. */
  private static int cr4Features(Cpu cpu) {
    int edx = CpuidInstruction.features(cpu, CpuidSpec.FEATURES, 0).edx();
    int ecx = CpuidInstruction.features(cpu, CpuidSpec.FEATURES, 0).ecx();
    int ebx7 = CpuidInstruction.features(cpu, CpuidSpec.STRUCTURED, 0).ebx();
    int ecx7 = CpuidInstruction.features(cpu, CpuidSpec.STRUCTURED, 0).ecx();
    return Cr4.PCE
        | when(edx, CpuidSpec.VME, Cr4.VME | Cr4.PVI)
        | when(edx, CpuidSpec.TSC, Cr4.TSD)
        | when(edx, CpuidSpec.DE, Cr4.DE)
        | when(edx, CpuidSpec.PSE, Cr4.PSE)
        | when(edx, CpuidSpec.PAE, Cr4.PAE)
        | when(edx, CpuidSpec.MCE, Cr4.MCE)
        | when(edx, CpuidSpec.PGE, Cr4.PGE)
        | when(edx, CpuidSpec.FXSR, Cr4.OSFXSR)
        | when(edx, CpuidSpec.SSE, Cr4.OSXMMEXCPT)
        | when(ecx, CpuidSpec.PCID, Cr4.PCIDE)
        | when(ecx, CpuidSpec.XSAVE, Cr4.OSXSAVE)
        | when(ebx7, CpuidSpec.FSGSBASE, Cr4.FSGSBASE)
        | when(ebx7, CpuidSpec.SMEP, Cr4.SMEP)
        | when(ebx7, CpuidSpec.SMAP, Cr4.SMAP)
        | when(ecx7, CpuidSpec.UMIP, Cr4.UMIP)
        | when(ecx7, CpuidSpec.PKU, Cr4.PKE)
        | when(ecx7, CpuidSpec.LA57, Cr4.LA57);
  }

  private static int when(int register, int feature, int bits) {
    return (register & feature) != 0 ? bits : 0;
  }

  /** LMSW: PE, MP, EM and TS; PE cannot be cleared. */
  static void lmsw(Cpu cpu, int value) {
    int word = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS;
    long fresh = (cpu.cr0() & ~(long) (word & ~Cr0.PE)) | (value & word);
    writeCr0(cpu, fresh);
  }

  /** CLTS. */
  static void clts(Cpu cpu) {
    cpu.field(CpuState.CR0, cpu.cr0() & ~(long) Cr0.TS);
    cpu.modeChanged();
  }

  /** WRMSR of IA32_EFER: LMA cannot be written, LME not while paging. */
  static void writeEfer(Cpu cpu, long value) {
    long old = cpu.efer();
    boolean executeDisable =
        (cpu.field(CpuState.MISC_ENABLE) & MsrSpec.MISC_ENABLE_XD_DISABLE) == 0;
    long known = Efer.SCE | Efer.LME | Efer.LMA | (executeDisable ? Efer.NXE : 0);
    if ((value & ~known) != 0 || (((value ^ old) & Efer.LME) != 0 && (cpu.cr0() & Cr0.PG) != 0)) {
      throw cpu.gp();
    }
    long fresh = (value & ~(long) Efer.LMA) | (old & Efer.LMA);
    cpu.field(CpuState.EFER, fresh);
    cpu.modeChanged();
    if (((old ^ fresh) & Efer.NXE) != 0) {
      cpu.flushTlb(true);
    }
  }
}
