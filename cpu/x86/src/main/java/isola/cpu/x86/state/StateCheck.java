package isola.cpu.x86.state;

import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.XsaveSpec;

/**
 * Whether a processor's state that came from outside can be one at all. Engines load parts of the
 * state into the host's own registers, where a value that no processor ever has would end the JVM,
 * and rely on modes that go together. What the guest alone suffers from is not looked at. Any
 * thread.
 */
public final class StateCheck {
  private static final long RFLAGS = Rflags.DEFINED | Rflags.RESERVED_1;
  private static final long CR0 =
      0xffff_ffffL
          & (Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD
              | Cr0.PG);
  private static final long CR4 =
      Cr4.VME
          | Cr4.PVI
          | Cr4.TSD
          | Cr4.DE
          | Cr4.PSE
          | Cr4.PAE
          | Cr4.MCE
          | Cr4.PGE
          | Cr4.PCE
          | Cr4.OSFXSR
          | Cr4.OSXMMEXCPT
          | Cr4.UMIP
          | Cr4.LA57
          | Cr4.FSGSBASE
          | Cr4.PCIDE
          | Cr4.OSXSAVE
          | Cr4.SMEP
          | Cr4.SMAP
          | Cr4.PKE;
  private static final long EFER = Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE;
  private static final long XCR0 = XsaveSpec.X87 | XsaveSpec.SSE | XsaveSpec.AVX | XsaveSpec.PKRU;
  private static final int ATTRIBUTES =
      0xff | Attribute.AVL | Attribute.L | Attribute.DB | Attribute.G | Attribute.UNUSABLE;
  private static final int WAITING =
      Attention.INTERRUPT
          | Attention.NMI
          | Attention.NMI_AGAIN
          | Attention.INIT
          | Attention.STARTUP
          | Attention.BOUNDARY;
  private static final int SEGMENTS = 8;

  // Page attribute types, Intel SDM vol. 3A 12.12.2, table 12-10: 2 and 3 are reserved.
  private static final int PAT_TYPES = 0b1111_0011;

  private final long state;

  private StateCheck(long state) {
    this.state = state;
  }

  /**
   * Clears what means nothing between two runs, and checks the rest.
   *
   * @param state host address of {@link CpuState#ARCHITECTURAL_SIZE} bytes
   * @throws IllegalArgumentException if no processor can be in this state; the message says what is
   *     wrong, to go after "processor 0: "
   */
  public static void take(long state) {
    StateCheck check = new StateCheck(state);
    check.clear();
    check.modes();
    check.tables();
    check.extended();
    check.rest();
  }

  private long field(int offset) {
    return RawMemory.getLong(state + offset);
  }

  private int intField(int offset) {
    return RawMemory.getInt(state + offset);
  }

  private static void require(boolean right, String what) {
    if (!right) {
      throw new IllegalArgumentException(what + " cannot be so");
    }
  }

  private void only(int offset, long bits, String what) {
    require((field(offset) & ~bits) == 0, what);
  }

  private void atMost(int offset, int most, String what) {
    require(Integer.compareUnsigned(intField(offset), most) <= 0, what);
  }

  /** 57 bits, whatever the model: bases are compared with memory, not looked up with. */
  private void canonical(int offset, String what) {
    require(field(offset) << 7 >> 7 == field(offset), what);
  }

  private void clear() {
    RawMemory.putLong(state + CpuState.ZERO, 0);
    RawMemory.putLong(state + CpuState.INSTRUCTION_LIMIT, 0);
    RawMemory.putInt(
        state + CpuState.ATTENTION,
        (intField(CpuState.ATTENTION) & WAITING) | Attention.INTERRUPT | Attention.BOUNDARY);
    RawMemory.fill(state + CpuState.XSAVE_HEADER, XsaveSpec.HEADER_SIZE, (byte) 0);
    RawMemory.fill(
        state + CpuState.SCRATCH, CpuState.ARCHITECTURAL_SIZE - CpuState.SCRATCH, (byte) 0);
  }

  private void modes() {
    long cr0 = field(CpuState.CR0);
    long cr4 = field(CpuState.CR4);
    long efer = field(CpuState.EFER);
    long rflags = field(CpuState.RFLAGS);
    int cpl = intField(CpuState.CPL);
    boolean protectedMode = (cr0 & Cr0.PE) != 0;
    boolean paging = (cr0 & CR0 & Cr0.PG) != 0;
    boolean longMode = (efer & Efer.LMA) != 0;
    boolean virtual8086 = (rflags & Rflags.VM) != 0;
    only(CpuState.RFLAGS, RFLAGS, "RFLAGS");
    require((rflags & Rflags.RESERVED_1) != 0, "RFLAGS");
    only(CpuState.CR0, CR0, "CR0");
    require(protectedMode || !paging, "CR0");
    require((cr0 & Cr0.CD) != 0 || (cr0 & Cr0.NW) == 0, "CR0");
    only(CpuState.CR4, CR4, "CR4");
    require((cr4 & Cr4.PCIDE) == 0 || longMode, "CR4");
    only(CpuState.EFER, EFER, "EFER");
    require(longMode == (paging && (efer & Efer.LME) != 0), "EFER");
    require(!longMode || (cr4 & Cr4.PAE) != 0, "CR4");
    only(CpuState.CR3, (1L << 52) - 1, "CR3");
    require(cpl >= 0 && cpl <= 3, "the privilege level");
    require(protectedMode || (cpl == 0 && !virtual8086), "the privilege level");
    require(!virtual8086 || (cpl == 3 && !codeIs64(longMode)), "virtual-8086 mode");
    require(codeIs64(longMode) || field(CpuState.RIP) >>> 32 == 0, "RIP");
    canonical(CpuState.RIP, "RIP");
  }

  private boolean codeIs64(boolean longMode) {
    int attributes =
        intField(CpuState.SEGMENTS + CpuState.SEGMENT_SIZE + CpuState.SEGMENT_ATTRIBUTES);
    return longMode && (attributes & Attribute.L) != 0;
  }

  private void tables() {
    for (int i = 0; i < SEGMENTS; i++) {
      int segment = CpuState.SEGMENTS + i * CpuState.SEGMENT_SIZE;
      atMost(segment + CpuState.SEGMENT_SELECTOR, 0xffff, "a selector");
      require(
          (intField(segment + CpuState.SEGMENT_ATTRIBUTES) & ~ATTRIBUTES) == 0,
          "a segment's attributes");
      only(segment + CpuState.SEGMENT_LIMIT, 0xffff_ffffL, "a segment's limit");
      canonical(segment + CpuState.SEGMENT_BASE, "a segment's base");
    }
    only(CpuState.GDTR_LIMIT, 0xffff, "GDTR");
    only(CpuState.IDTR_LIMIT, 0xffff, "IDTR");
    canonical(CpuState.GDTR_BASE, "GDTR");
    canonical(CpuState.IDTR_BASE, "IDTR");
    canonical(CpuState.LSTAR, "LSTAR");
    canonical(CpuState.CSTAR, "CSTAR");
    canonical(CpuState.KERNEL_GS_BASE, "KERNEL_GS_BASE");
    canonical(CpuState.SYSENTER_ESP, "SYSENTER_ESP");
    canonical(CpuState.SYSENTER_EIP, "SYSENTER_EIP");
  }

  private void extended() {
    long xcr0 = field(CpuState.XCR0);
    only(CpuState.XCR0, XCR0, "XCR0");
    require((xcr0 & XsaveSpec.X87) != 0, "XCR0");
    require((xcr0 & XsaveSpec.AVX) == 0 || (xcr0 & XsaveSpec.SSE) != 0, "XCR0");
    require(field(CpuState.XSS) == 0, "IA32_XSS");
    // LDMXCSR of such a value raises #GP.
    require((intField(CpuState.MXCSR) & ~XsaveSpec.MXCSR_VALID) == 0, "MXCSR");
  }

  private void rest() {
    only(CpuState.DR6, 0xffff_ffffL, "DR6");
    only(CpuState.DR7, DebugSpec.DR7_WRITABLE & 0xffff_ffffL | DebugSpec.DR7_FIXED, "DR7");
    long pat = field(CpuState.PAT);
    for (int i = 0; i < 8; i++) {
      int type = (int) (pat >>> (8 * i)) & 0xff;
      require(type < 8 && (PAT_TYPES >> type & 1) != 0, "IA32_PAT");
    }
    atMost(CpuState.INTERRUPT_SHADOW, 2, "the interrupt shadow");
    atMost(CpuState.ACTIVITY, Activity.WAIT_FOR_SIPI, "the activity");
    atMost(CpuState.NMI_BLOCKED, 1, "the blocking of NMIs");
    atMost(CpuState.STARTUP_VECTOR, 0xff, "the start-up vector");
    atMost(CpuState.INTERRUPT_DEFERRED, 1, "the deferred interrupt");
    atMost(CpuState.UNHALTED, 1, "the end of a halt");
    require((intField(CpuState.DEBUG_TRAPS) & ~DebugSpec.DR6_WRITABLE) == 0, "a debug trap");
    int event = intField(CpuState.EVENT);
    int known = BegunEvent.VALID | BegunEvent.HAS_ERROR | BegunEvent.TYPE | BegunEvent.VECTOR;
    require((event & ~known) == 0, "the event");
    require(event == 0 || (event & BegunEvent.VALID) != 0, "the event");
    require(field(CpuState.INSTRUCTIONS) >= 0, "the number of instructions");
  }
}
