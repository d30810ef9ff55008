package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/** State after power-on, INIT and a start-up IPI (Intel SDM vol. 3A 9.1.1, table 9-1; 8.4). */
public final class PowerOn {
  /** Address of the first instruction: CS base and IP. */
  private static final long RESET_BASE = 0xffff_0000L;

  private static final long RESET_IP = 0xfff0;
  private static final int DATA =
      Attribute.P | Attribute.S | Attribute.WRITABLE | Attribute.ACCESSED;

  private PowerOn() {}

  /** Power-on or RESET. */
  public static void reset(Cpu cpu) {
    cpu.field(CpuState.TSC_OFFSET, 0);
    cpu.field(CpuState.TSC_ADJUST, 0);
    cpu.field(CpuState.INSTRUCTIONS, 0);
    cpu.field(CpuState.CR0, Cr0.CD | Cr0.NW | Cr0.ET);
    for (int at = CpuState.STAR; at <= CpuState.TSC_AUX; at += 8) {
      cpu.field(at, 0);
    }
    cpu.field(CpuState.PAT, MsrSpec.PAT_RESET);
    cpu.field(
        CpuState.MISC_ENABLE,
        MsrSpec.MISC_ENABLE_FAST_STRINGS
            | MsrSpec.MISC_ENABLE_BTS_UNAVAILABLE
            | MsrSpec.MISC_ENABLE_PEBS_UNAVAILABLE);
    for (int at = CpuState.MTRR; at <= CpuState.MTRR_DEF_TYPE; at += 8) {
      cpu.field(at, 0);
    }
    for (int at = 0; at < XsaveSpec.AVX_OFFSET + XsaveSpec.AVX_SIZE; at += 8) {
      cpu.field(CpuState.XSAVE + at, 0);
    }
    // RESET leaves the FPU as FNINIT does, but for FCW and the tags.
    cpu.intField(CpuState.FCW, 0x40);
    cpu.intField(CpuState.FTW, 0xff);
    cpu.intField(CpuState.MXCSR, XsaveSpec.MXCSR_INIT);
    cpu.field(CpuState.XCR0, XsaveSpec.X87);
    cpu.field(CpuState.XSS, 0);
    cpu.intField(CpuState.PKRU, 0);
    cpu.intField(CpuState.ACTIVITY, Activity.ACTIVE);
    common(cpu);
  }

  /** INIT: as RESET, but FPU and SSE state, MSRs, and the cache bits of CR0 stay. */
  public static void init(Cpu cpu) {
    cpu.field(CpuState.CR0, (cpu.cr0() & (Cr0.CD | Cr0.NW)) | Cr0.ET);
    common(cpu);
  }

  /** INIT of a processor that then waits for its start-up IPI. */
  public static void initAndWait(Cpu cpu) {
    init(cpu);
    cpu.intField(CpuState.ACTIVITY, Activity.WAIT_FOR_SIPI);
  }

  /** Start-up IPI for a processor that waits for it: real mode at {@code vector << 12}. */
  public static void startup(Cpu cpu, int vector) {
    cpu.segment(Segment.CS, (vector & 0xff) << 8, DATA, (long) (vector & 0xff) << 12, 0xffff);
    cpu.rip(0);
    cpu.nextRip(0);
    cpu.intField(CpuState.ACTIVITY, Activity.ACTIVE);
    cpu.modeChanged();
  }

  private static void common(Cpu cpu) {
    cpu.intField(CpuState.EVENT, 0);
    cpu.field(CpuState.PDPTE_CR3, 0);
    cpu.intField(CpuState.DEBUG_TRAPS, 0);
    for (int r = 0; r < 16; r++) {
      cpu.gpr(r, 0);
    }
    cpu.gpr(2, CpuidInstruction.features(cpu, CpuidSpec.FEATURES, 0).eax() & 0xffff_ffffL);
    cpu.field(CpuState.CR2, 0);
    cpu.field(CpuState.CR3, 0);
    cpu.field(CpuState.CR4, 0);
    cpu.field(CpuState.EFER, 0);
    for (int n = 0; n < 4; n++) {
      cpu.field(CpuState.DR + 8 * n, 0);
    }
    cpu.field(CpuState.DR6, DebugSpec.DR6_FIXED & 0xffff_ffffL);
    cpu.field(CpuState.DR7, DebugSpec.DR7_FIXED);
    cpu.field(CpuState.DEBUGCTL, 0);
    cpu.field(CpuState.GDTR_BASE, 0);
    cpu.field(CpuState.GDTR_LIMIT, 0xffff);
    cpu.field(CpuState.IDTR_BASE, 0);
    cpu.field(CpuState.IDTR_LIMIT, 0xffff);
    cpu.intField(CpuState.INTERRUPT_SHADOW, 0);
    cpu.intField(CpuState.NMI_BLOCKED, 0);
    cpu.cpl(0);
    cpu.rflags(Rflags.RESERVED_1);
    for (int seg = Segment.ES; seg <= Segment.GS; seg++) {
      cpu.segment(seg, 0, DATA, 0, 0xffff);
    }
    cpu.segment(Segment.CS, 0xf000, DATA, RESET_BASE, 0xffff);
    cpu.segment(Segment.LDTR, 0, Attribute.P | DescriptorSpec.LDT, 0, 0xffff);
    cpu.segment(Segment.TR, 0, Attribute.P | DescriptorSpec.TSS_BUSY, 0, 0xffff);
    cpu.rip(RESET_IP);
    cpu.nextRip(RESET_IP);
    cpu.modeChanged();
    cpu.flushTlb(true);
    cpu.attention(Attention.FLUSH);
  }

  /** x87 state as FNINIT leaves it (XRSTOR of a component in its initial state). */
  static void initializeX87(Cpu cpu) {
    cpu.field(CpuState.FCW, XsaveSpec.FCW_INIT);
    cpu.field(CpuState.FIP, 0);
    cpu.field(CpuState.FDP, 0);
    for (int at = 0; at < XsaveSpec.ST_BYTES; at += 8) {
      cpu.field(CpuState.ST + at, 0);
    }
  }
}
