package isola.cpu.x86.state;

/**
 * Offsets of a processor's state from its base address, in bytes. Little-endian; 8-byte values
 * unless stated. General registers are in encoding order (RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
 * R8 to R15).
 */
public final class CpuState {
  public static final int GPR = 0x000;
  public static final int RIP = 0x080;
  public static final int RFLAGS = 0x088;
  public static final int CR0 = 0x090;
  public static final int CR2 = 0x098;
  public static final int CR3 = 0x0a0;
  public static final int CR4 = 0x0a8;
  public static final int XCR0 = 0x0b0;
  public static final int EFER = 0x0b8;

  /** DR0 to DR3. */
  public static final int DR = 0x0c0;

  public static final int DR6 = 0x0e0;
  public static final int DR7 = 0x0e8;

  /** Protection keys rights, 4 bytes. */
  public static final int PKRU = 0x0f0;

  public static final int XSS = 0x0f8;

  /** Eight segment registers of {@link #SEGMENT_SIZE} bytes: ES, CS, SS, DS, FS, GS, LDTR, TR. */
  public static final int SEGMENTS = 0x100;

  public static final int SEGMENT_SIZE = 32;

  /** Inside a segment register: selector, 4 bytes. */
  public static final int SEGMENT_SELECTOR = 0;

  /**
   * Inside a segment register: access rights, 4 bytes, in the format of Intel SDM vol. 3C 25.4.1,
   * table 25-2 (type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16).
   */
  public static final int SEGMENT_ATTRIBUTES = 4;

  /** Inside a segment register: linear base. */
  public static final int SEGMENT_BASE = 8;

  /** Inside a segment register: limit in bytes, 0 to 0xffffffff, granularity applied. */
  public static final int SEGMENT_LIMIT = 16;

  public static final int GDTR_BASE = 0x200;
  public static final int GDTR_LIMIT = 0x208;
  public static final int IDTR_BASE = 0x210;
  public static final int IDTR_LIMIT = 0x218;
  public static final int STAR = 0x220;
  public static final int LSTAR = 0x228;
  public static final int CSTAR = 0x230;
  public static final int SFMASK = 0x238;
  public static final int KERNEL_GS_BASE = 0x240;
  public static final int SYSENTER_CS = 0x248;
  public static final int SYSENTER_ESP = 0x250;
  public static final int SYSENTER_EIP = 0x258;
  public static final int TSC_AUX = 0x260;

  /** Added to the clock's count to give the time-stamp counter. */
  public static final int TSC_OFFSET = 0x268;

  public static final int PAT = 0x270;
  public static final int MISC_ENABLE = 0x278;
  public static final int DEBUGCTL = 0x280;
  public static final int TSC_ADJUST = 0x288;

  /** Retired instructions since power-on. */
  public static final int INSTRUCTIONS = 0x290;

  /**
   * Retired instructions at which {@code run()} leaves with a kick, exactly; {@link Long#MAX_VALUE}
   * to count them all and never leave so; 0, the usual, to let an engine count as far as it costs
   * nothing. While it is a limit, interrupts that the processor's own doing raises wait until
   * {@code run()} is called anew or IF is set, so that every engine takes them after the same
   * instruction. Set before {@code run()}.
   */
  public static final int INSTRUCTION_LIMIT = 0x298;

  /**
   * An event whose delivery was begun and must be gone through with before the next instruction, 4
   * bytes, in the format of Intel SDM vol. 3C 25.8.3, table 25-17 (vector 7:0, type 10:8, error
   * code to push 11, valid 31); 0 for none. RIP is that of the instruction that raised it.
   */
  public static final int EVENT = 0x2a0;

  /** The error code that goes with it, 4 bytes. */
  public static final int EVENT_ERROR = 0x2a4;

  /** Current privilege level, 4 bytes, 0 to 3. */
  public static final int CPL = 0x2c0;

  /**
   * Events that wait for the next instruction boundary, 4 bytes, see {@link Attention}. Written by
   * any thread with atomic operations.
   */
  public static final int ATTENTION = 0x2c4;

  /**
   * 4 bytes: 1 while the instruction after STI, 2 while the one after MOV SS or POP SS runs; 0
   * otherwise.
   */
  public static final int INTERRUPT_SHADOW = 0x2c8;

  /** 4 bytes, see {@link Activity}. */
  public static final int ACTIVITY = 0x2cc;

  /** 4 bytes: 1 from the delivery of an NMI to the next IRET. */
  public static final int NMI_BLOCKED = 0x2d0;

  /** 4 bytes: vector of a start-up IPI that waits while {@link Attention#STARTUP} is set. */
  public static final int STARTUP_VECTOR = 0x2d4;

  /**
   * 4 bytes: 1 if an interrupt may have been passed over while RFLAGS.IF was 0, so that whoever
   * sets IF must ask for it.
   */
  public static final int INTERRUPT_DEFERRED = 0x2d8;

  /**
   * 4 bytes, written by any thread: 1 if the next HLT, or the one that lasts, is to end at once.
   */
  public static final int UNHALTED = 0x2dc;

  /** 4 bytes: debug traps that wait for the next instruction boundary, as DR6 has them. */
  public static final int DEBUG_TRAPS = 0x3e0;

  /** The four page-directory-pointer-table registers of PAE paging (4.4.1), 8 bytes each. */
  public static final int PDPTE = 0x300;

  /**
   * The CR3 with whose loading those registers were filled, plus {@link #PDPTE_VALID}. While it is
   * CR3's value, {@code push()} under PAE paging takes them as they are, else from the tables in
   * memory, which may differ.
   */
  public static final int PDPTE_CR3 = 0x320;

  /** Bit of {@link #PDPTE_CR3}. */
  public static final long PDPTE_VALID = 1L << 63;

  /** Always 0: stands in for a base or index register that an address does not have. */
  public static final int ZERO = 0x3f8;

  /**
   * XSAVE area, 64-byte aligned, standard format (Intel SDM vol. 1, 13.4): x87 and SSE state in
   * FXSAVE64 layout, then the XSAVE header, then AVX state. ST(0) is the first register of the x87
   * part, as FXSAVE stores it.
   */
  public static final int XSAVE = 0x400;

  public static final int FCW = XSAVE;
  public static final int FSW = XSAVE + 2;

  /** Abridged tag word, 1 byte: bit i is 1 if physical register i is in use. */
  public static final int FTW = XSAVE + 4;

  public static final int FOP = XSAVE + 6;
  public static final int FIP = XSAVE + 8;
  public static final int FDP = XSAVE + 16;
  public static final int MXCSR = XSAVE + 24;

  /** ST(0) to ST(7), 16 bytes each, of which 10 count. */
  public static final int ST = XSAVE + 32;

  /** XMM0 to XMM15, 16 bytes each. */
  public static final int XMM = XSAVE + 160;

  public static final int XSAVE_HEADER = XSAVE + 512;

  /** Upper halves of YMM0 to YMM15, 16 bytes each. */
  public static final int YMM_HIGH = XSAVE + 576;

  /** 64 bytes that mean nothing between instructions. */
  public static final int SCRATCH = 0xfc0;

  /** 32 of them, for a source that stood in guest memory. */
  public static final int SCRATCH_SOURCE = SCRATCH + 32;

  /**
   * Memory type range registers: eight base and mask pairs, then the eleven fixed ranges in order
   * of address.
   */
  public static final int MTRR = 0x800;

  /** IA32_MTRR_DEF_TYPE, right after them. */
  public static final int MTRR_DEF_TYPE = MTRR + 27 * 8;

  /**
   * IA32_APIC_BASE where the engine keeps the local APIC inside itself; otherwise 0, and {@link
   * #LOCAL_APIC} means nothing.
   */
  public static final int APIC_BASE = 0x900;

  /** IA32_TSC_DEADLINE of that local APIC. */
  public static final int TSC_DEADLINE = 0x908;

  /**
   * MSR_KVM_WALL_CLOCK_NEW and, right after it, MSR_KVM_SYSTEM_TIME_NEW where the engine keeps the
   * paravirtual clock inside itself, as it does the local APIC.
   */
  public static final int KVM_WALL_CLOCK = 0x980;

  public static final int KVM_SYSTEM_TIME = 0x988;

  /**
   * The registers of that local APIC, {@link #LOCAL_APIC_SIZE} bytes, each at its offset in the
   * memory window (Intel SDM vol. 3A 10.4.1, table 10-1). In x2APIC mode the identification stands
   * where xAPIC mode has it, in the high byte.
   */
  public static final int LOCAL_APIC = 0xa00;

  public static final int LOCAL_APIC_SIZE = 0x400;

  /**
   * First byte after the architectural part; the software TLB and what engines keep for themselves
   * follow, page-aligned.
   */
  public static final int ARCHITECTURAL_SIZE = 0x1000;

  private CpuState() {}
}
