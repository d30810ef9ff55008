package isola.cpu.translator;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.state.CpuState;

/**
 * What the translator keeps behind a processor's state, as offsets from the state's address (which
 * is the host's GS base while generated code runs), and which host register stands for which guest
 * register.
 */
final class Layout {
  private static final int BASE = Cpu.STATE_SIZE;

  /**
   * Guest status flags outside the host's: OF as 0 or 1 in byte 0, what LAHF gives in byte 1; or,
   * if {@link #FLAGS_REAL} is clear in these 4 bytes, {@link #promise} of what they follow from;
   * its bit 31 is set if it is older than the last indirect jump.
   */
  static final int FLAGS = BASE;

  /** The same, of the host's flags at the last exit. */
  static final int EXIT_FLAGS = BASE + 4;

  /** Number of the {@link Sites site} that was left through, 4 bytes. */
  static final int EXIT_SITE = BASE + 8;

  /** 0 while the guest's XMM registers and MXCSR are in the host's, else 1; 8 bytes. */
  static final int FP_ABSENT = BASE + 16;

  /** Linear address of the access that missed. */
  static final int EXIT_LINEAR = BASE + 24;

  /** Where an indirect branch went. */
  static final int TARGET = BASE + 32;

  /** The JVM's MXCSR while the guest's is loaded. */
  static final int HOST_MXCSR = BASE + 40;

  /** Host address at which generated code is entered. */
  static final int ENTRY = BASE + 48;

  /** A place for a register while a stub needs one more. */
  static final int SPILL = BASE + 56;

  /** Where to go on in the middle of a block. */
  static final int RESUME = BASE + 64;

  /** RFLAGS without the status flags, 4 bytes. */
  static final int SYSTEM_FLAGS = BASE + 72;

  /** Operands of {@link FlagSource} that are in no register. */
  static final int FLAGS_LEFT = BASE + 112;

  static final int FLAGS_RIGHT = BASE + 120;

  /** Bit 1 of what LAHF gives, in {@link #FLAGS}: always set. */
  static final int FLAGS_REAL = 1 << 9;

  /** Entries into {@link SelfCheck checking} blocks until one gets ordinary code, 4 bytes. */
  static final int CHECKED_RUNS = BASE + 88;

  /**
   * 0 while the upper halves of the guest's YMM registers are in the host's as well as the XMM
   * registers, else 1; 8 bytes.
   */
  static final int UPPER_ABSENT = BASE + 96;

  /** 0 while the guest's x87 registers are in the host's, else 1; 8 bytes. */
  static final int X87_ABSENT = BASE + 80;

  /** The JVM's x87 control word while the guest's is loaded, 2 bytes. */
  static final int HOST_FCW = BASE + 104;

  /** Index, mask and result of a gathering instruction, 32 bytes each. */
  static final int GATHER_INDEX = BASE + 128;

  static final int GATHER_MASK = BASE + 160;
  static final int GATHER = BASE + 192;

  /** What {@link WalkThunks} keeps, 256 bytes. */
  static final int WALK = BASE + 1024;

  /** What {@link SystemEmitter} and {@link StringEmitter} keep. */
  private static final int SYSTEM = BASE + 1280;

  /** Not 0 if {@link SystemEmitter} changed what {@link Cpu} remembers; 4 bytes. */
  static final int AHEAD = SYSTEM;

  /** A place for another register. */
  static final int SPILL_TO = SYSTEM + 8;

  /** What IRET pops, 40 bytes. */
  static final int FRAME = SYSTEM + 16;

  /** Selectors of the last return to user code, 4 bytes each; the first is -1 for none. */
  static final int USER_CS = SYSTEM + 56;

  static final int USER_SS = SYSTEM + 60;

  /** Their access rights. */
  static final int USER_CS_ATTRIBUTES = SYSTEM + 64;

  static final int USER_SS_ATTRIBUTES = SYSTEM + 68;

  /** Their descriptors, and the kernel's. */
  static final int USER_CS_DESCRIPTOR = SYSTEM + 72;

  static final int USER_SS_DESCRIPTOR = SYSTEM + 80;
  static final int KERNEL_CS_DESCRIPTOR = SYSTEM + 88;

  /** What {@link PageFaultThunks} keeps, 256 bytes. */
  static final int PAGE_FAULT = BASE + 1600;

  /** The host's stack pointer inside generated code; from here on what proof and repair need. */
  static final int HOST_STACK = BASE + 2048;

  /**
   * Number of the {@link Sites#JUMP} made last, 0 for a jump of another kind, 4 bytes; one that
   * promises flags stands in {@link #FLAGS} instead.
   */
  static final int JUMP_SITE = BASE + 2312;

  /** Instructions that may still be executed while they are counted. */
  static final int BUDGET = BASE + 2304;

  /** What the signal handler notes of a fault, see {@link isola.host.GuardedCode}. */
  static final int FAULT = BASE + 2056;

  /** Two registers while XSAVES or XRSTORS copies. */
  static final int XSTATE = SYSTEM + 96;

  /** What {@link X87Thunks} keeps, 640 bytes, aligned to 16. */
  static final int X87_IMAGE = BASE + 2560;

  /** What {@link HostTicks} keeps, 32 bytes. */
  static final int TICKS = BASE + 1536;

  /** Sites of page faults, 64 bytes each, see {@link PageFaultThunks}. */
  static final int FAULT_SITES = BASE + 4096;

  static final int FAULT_SITE_COUNT = 1 << 10;

  /**
   * How many tables of the TLB, and so pairs of jump caches, there are that generated code uses.
   */
  static final int TABLES = 3;

  /**
   * Jump caches, one for each TLB table in use and code size: host code by the low 16 bits of the
   * target.
   */
  static final int JUMP_CACHE = FAULT_SITES + FAULT_SITE_COUNT * 64;

  static final int JUMP_CACHE_ENTRIES = 1 << 16;
  static final int JUMP_CACHE_SIZE = JUMP_CACHE_ENTRIES * 8;

  /**
   * What stands behind the jump caches of 64-bit code, each again: pairs of a target and host code,
   * by other bits of the target, so that targets that want the same place there have places of
   * their own here.
   */
  static final int SECOND_CACHE = JUMP_CACHE + 2 * TABLES * JUMP_CACHE_SIZE;

  static final int SECOND_CACHE_ENTRIES = 1 << 12;
  static final int SECOND_CACHE_SIZE = SECOND_CACHE_ENTRIES * 16;

  /** Bytes of a processor's state with all this. */
  static final int SIZE = SECOND_CACHE + TABLES * SECOND_CACHE_SIZE;

  /** The first scratch register: addresses. */
  static final int ADDRESS = HostAssembler.R14;

  /** The second scratch register: indexes, counts, temporaries. */
  static final int TEMPORARY = HostAssembler.RCX;

  /** Host register of a guest register, or NONE for one that stays in the state. */
  private static final int[] HOST = {0, 13, 2, 3, 15, 5, 6, 7, 8, 9, 10, 11, 12, -1, -1, -1};

  /** Where the guest's stack pointer is. */
  static final int STACK = HostAssembler.R15;

  private Layout() {}

  /**
   * The value of {@link #FLAGS} that stands for the flags told by a site. Byte 3 is 0: what notes a
   * site takes 12 bytes of code, so a code cache has less than 1 << 23.
   */
  static int promise(int site) {
    return (site & FLAGS_REAL - 1) | (site & -FLAGS_REAL) << 1;
  }

  /** The site of a {@link #promise}. */
  static int promised(int flags) {
    int number = flags & Integer.MAX_VALUE;
    return (number & FLAGS_REAL - 1) | number >>> 1 & -FLAGS_REAL;
  }

  /** Host register of a guest register, or {@link HostAssembler#NONE}. */
  static int host(int guest) {
    return HOST[guest];
  }

  /** Offset of a general register. */
  static int gpr(int guest) {
    return CpuState.GPR + guest * 8;
  }

  /** Offset of a field of the TLB entry 0 of a table. */
  static int tlb(int table, int field) {
    return Tlb.OFFSET + table * Tlb.TABLE_SIZE + field;
  }

  /** Offset of a field of the TLB entry of a known linear address. */
  static int tlb(int table, long linear, int field) {
    return tlb(table, field) + ((int) (linear >>> 12) & (Tlb.ENTRIES - 1)) * Tlb.ENTRY_SIZE;
  }

  /** Offset of the pair for a target of 64-bit code in the second jump cache of a table. */
  static int secondCache(int table, long target) {
    int index = (int) ((target >>> 9) + target * 4) & (SECOND_CACHE_ENTRIES - 1) * 16;
    return SECOND_CACHE + table * SECOND_CACHE_SIZE + index;
  }

  /** Offset of the jump cache's entry 0 of a table, for 64-bit or 32-bit code. */
  static int jumpCache(int table, boolean code32) {
    return JUMP_CACHE + (code32 ? TABLES + table : table) * JUMP_CACHE_SIZE;
  }
}
