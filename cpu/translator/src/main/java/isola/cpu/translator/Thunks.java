package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.R12;
import static isola.cpu.translator.HostAssembler.R13;
import static isola.cpu.translator.HostAssembler.R14;
import static isola.cpu.translator.HostAssembler.R15;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RBP;
import static isola.cpu.translator.HostAssembler.RBX;
import static isola.cpu.translator.HostAssembler.RCX;
import static isola.cpu.translator.HostAssembler.RDI;
import static isola.cpu.translator.HostAssembler.RSI;

import isola.cpu.x86.state.CpuState;

/**
 * The code that all translations of one processor share: the way in, the way out, and what hot code
 * leaves to a common place. Written once, at the beginning of the code cache.
 */
final class Thunks {
  /** Registers that a C function must preserve (System V AMD64 ABI 3.2.1). */
  private static final int[] PRESERVED = {RBX, RBP, R12, R13, R14, R15};

  /** VEX.256.66.0F3A, of the moves to and from the upper halves of YMM registers. */
  private static final int UPPER_HALF =
      HostAssembler.L256 | HostAssembler.P66 | 3 << HostAssembler.MAP_SHIFT;

  /** The function {@code exitSite = enter(state, code)}. */
  final long enter;

  /** Leaves to Java; the site's number is stored already. */
  final long exit;

  /** Loads the guest's XMM registers; called, keeps all else. */
  final long loadVectors;

  /** Loads the guest's YMM registers; called, keeps all else. */
  final long loadWide;

  /** Loads the guest's x87 registers; called, keeps all else but RCX. */
  final long loadX87;

  /** See {@link X87Thunks#storeEnvironment} and {@link X87Thunks#loadEnvironment}. */
  final long storeX87Environment;

  final long loadX87Environment;

  private final long saveX87;

  /**
   * Goes on in the middle of a block that works on XMM registers, or YMM registers, or neither, at
   * {@link Layout#RESUME}; three times without and then with x87 registers.
   */
  private final long[] resume = new long[6];

  /** Leaves for a target in TEMPORARY that no block is known for. */
  final long unknown;

  /** Looks for such a target in the second jump cache of a table. */
  private final long[] lookup = new long[Layout.TABLES];

  /** From here on a fault is caught; before, the way in is not through yet. */
  final long guarded;

  /** Where a thread goes on after a fault in generated code: leaves, whatever the registers are. */
  final long faulted;

  /** See {@link ExtendedStateEmitter.Area}. */
  final long saveState;

  final long restoreState;

  /** See {@link PagingEmitter#flush}. */
  final long flush;

  private final WalkThunks walks;

  /** See {@link HostTicks#reader}. */
  final long readTicks;

  /**
   * Writes them.
   *
   * @param state address of the processor's state
   */
  Thunks(HostAssembler a, long state, int lookupSite, int faultSite) {
    enter = a.here();
    guarded = enter(a);
    a.align(16);
    loadX87 = X87Thunks.load(a);
    a.align(16);
    saveX87 = X87Thunks.save(a);
    a.align(16);
    storeX87Environment = X87Thunks.storeEnvironment(a);
    a.align(16);
    loadX87Environment = X87Thunks.loadEnvironment(a);
    a.align(16);
    exit = a.here();
    exit(a);
    a.align(16);
    loadVectors = a.here();
    loadVectors(a);
    a.align(16);
    loadWide = a.here();
    loadWide(a);
    a.align(16);
    for (int i = 0; i < resume.length; i++) {
      resume[i] = resume(a, i % 3, i >= 3);
    }
    unknown = a.here();
    a.store(Layout.TARGET, RCX);
    a.storeImmediate32(Layout.EXIT_SITE, lookupSite);
    a.jump(exit);
    for (int table = 0; table < Layout.TABLES; table++) {
      a.align(16);
      lookup[table] = a.here();
      lookup(a, table);
    }
    a.align(16);
    faulted = a.here();
    faulted(a, state, faultSite);
    walks = new WalkThunks(a, exit);
    ExtendedStateEmitter.Area area = new ExtendedStateEmitter.Area(a, saveVectors(a), saveX87);
    saveState = area.save();
    restoreState = area.restore();
    flush = PagingEmitter.flush(a);
    readTicks = HostTicks.reader(a);
  }

  private long resume(HostAssembler a, int vectors, boolean x87) {
    a.align(16);
    final long at = a.here();
    if (vectors != 0) {
      a.call(vectors == 1 ? loadVectors : loadWide);
    }
    if (x87) {
      a.call(loadX87);
    }
    a.state(0, 0xff, 4, Layout.RESUME);
    return at;
  }

  /** Goes on in the middle of a block, at {@link Layout#RESUME}. */
  long resume(Block block) {
    int vectors = !block.vectors ? 0 : block.wide ? 2 : 1;
    return resume[block.x87 ? vectors + 3 : vectors];
  }

  /** See {@link WalkThunks#miss}. */
  long miss(int table, boolean write) {
    return walks.miss(table, write);
  }

  /** See {@link WalkThunks#fetched}. */
  long fetch(int table) {
    return walks.fetched(table);
  }

  /** Returns from where on all is in place for a way out. */
  private static long enter(HostAssembler a) {
    for (int r : PRESERVED) {
      push(a, r);
    }
    writeGsBase(a, RDI);
    a.store(Layout.HOST_STACK, HostAssembler.RSP);
    long guarded = a.here();
    a.store(Layout.ENTRY, RSI);
    a.storeImmediate(Layout.FP_ABSENT, 1);
    restoreFlags(a);
    for (int guest = 0; guest < 16; guest++) {
      if (Layout.host(guest) >= 0) {
        a.load(Layout.host(guest), Layout.gpr(guest));
      }
    }
    // jmp [ENTRY]
    a.state(0, 0xff, 4, Layout.ENTRY);
    return guarded;
  }

  /** See {@link Layout#secondCache}. */
  private void lookup(HostAssembler a, int table) {
    int at = Layout.secondCache(table, 0);
    a.mov(R14, RCX);
    a.register(HostAssembler.W, 0xc1, 5, R14);
    a.emit(9);
    a.memory(HostAssembler.W, 0x8d, R14, R14, RCX, 2, 0);
    a.register(0, 0x81, 4, R14);
    a.emit32((Layout.SECOND_CACHE_ENTRIES - 1) * 16);
    a.stateIndexed(HostAssembler.W, 0x3b, RCX, R14, HostAssembler.NONE, 0, at);
    a.jump(HostAssembler.CC_NZ, unknown);
    a.stateIndexed(0, 0xff, 4, R14, HostAssembler.NONE, 0, at + 8);
  }

  /** Looks for a target in TEMPORARY that the jump cache of a table does not have. */
  long lookup(int table) {
    return lookup[table];
  }

  private void faulted(HostAssembler a, long state, int site) {
    a.movImmediate(RCX, state);
    writeGsBase(a, RCX);
    a.load(HostAssembler.RSP, Layout.HOST_STACK);
    a.storeImmediate32(Layout.EXIT_SITE, site);
    a.jump(exit);
  }

  private static void writeGsBase(HostAssembler a, int from) {
    a.register(HostAssembler.W | HostAssembler.PF3 | HostAssembler.MAP_0F, 0xae, 3, from);
  }

  private void exit(HostAssembler a) {
    for (int guest = 0; guest < 16; guest++) {
      if (Layout.host(guest) >= 0) {
        a.store(Layout.gpr(guest), Layout.host(guest));
      }
    }
    flagsToRax(a);
    a.state(HostAssembler.P66, 0x89, RAX, Layout.EXIT_FLAGS);
    a.load(RCX, Layout.FP_ABSENT);
    int vectors = a.jumpIfRcxZero();
    long leave = a.here();
    a.call(saveX87);
    a.load32(RAX, Layout.EXIT_SITE);
    for (int i = PRESERVED.length - 1; i >= 0; i--) {
      pop(a, PRESERVED[i]);
    }
    a.emit(0xc3);
    a.bindShort(vectors);
    storeVectors(a);
    a.jump(leave);
  }

  private static void storeVectors(HostAssembler a) {
    a.load(RCX, Layout.UPPER_ABSENT);
    int upper = a.jumpIfRcxZero();
    int lower = a.jumpForward();
    a.bindShort(upper);
    for (int r = 0; r < 16; r++) {
      // vextractf128 [YMM_HIGH + r * 16], ymm, 1
      a.vexState(UPPER_HALF, 0x19, r, 0, CpuState.YMM_HIGH + r * 16);
      a.emit(1);
    }
    // vzeroupper: the JVM's SSE code would wait for the upper halves
    a.vexAlone(HostAssembler.MAP_0F, 0x77);
    a.storeImmediate(Layout.UPPER_ABSENT, 1);
    a.bind(lower);
    for (int r = 0; r < 16; r++) {
      // movups [XMM + r * 16], xmm
      a.state(HostAssembler.MAP_0F, 0x11, r, CpuState.XMM + r * 16);
    }
    // stmxcsr, ldmxcsr
    a.state(HostAssembler.MAP_0F, 0xae, 3, CpuState.MXCSR);
    a.state(HostAssembler.MAP_0F, 0xae, 2, Layout.HOST_MXCSR);
  }

  /** The function that brings vector registers to the state if they are loaded; uses RCX. */
  private static long saveVectors(HostAssembler a) {
    a.align(16);
    final long at = a.here();
    a.load(RCX, Layout.FP_ABSENT);
    int loaded = a.jumpIfRcxZero();
    a.emit(0xc3);
    a.bindShort(loaded);
    storeVectors(a);
    a.storeImmediate(Layout.FP_ABSENT, 1);
    a.emit(0xc3);
    return at;
  }

  private void loadWide(HostAssembler a) {
    a.load(RCX, Layout.FP_ABSENT);
    int there = a.jumpIfRcxZero();
    a.call(loadVectors);
    a.bindShort(there);
    for (int r = 0; r < 16; r++) {
      // vinsertf128 ymm, ymm, [YMM_HIGH + r * 16], 1
      a.vexState(UPPER_HALF, 0x18, r, r, CpuState.YMM_HIGH + r * 16);
      a.emit(1);
    }
    a.storeImmediate(Layout.UPPER_ABSENT, 0);
    a.emit(0xc3);
  }

  private static void loadVectors(HostAssembler a) {
    for (int r = 0; r < 16; r++) {
      a.state(HostAssembler.MAP_0F, 0x10, r, CpuState.XMM + r * 16);
    }
    a.state(HostAssembler.MAP_0F, 0xae, 3, Layout.HOST_MXCSR);
    a.state(HostAssembler.MAP_0F, 0xae, 2, CpuState.MXCSR);
    a.storeImmediate(Layout.FP_ABSENT, 0);
    a.emit(0xc3);
  }

  /** LAHF and SETO: RAX holds the status flags in the form of {@link Layout#FLAGS}. */
  private static void flagsToRax(HostAssembler a) {
    a.emit(0x9f);
    a.register(HostAssembler.MAP_0F, 0x90, 0, RAX);
  }

  /** Stores the host's status flags to {@link Layout#FLAGS}; changes RCX alone. */
  static void saveFlags(HostAssembler a) {
    a.mov(RCX, RAX);
    flagsToRax(a);
    a.state(HostAssembler.P66, 0x89, RAX, Layout.FLAGS);
    a.mov(RAX, RCX);
  }

  /** Loads the host's status flags from {@link Layout#FLAGS}; changes RCX alone. */
  static void restoreFlags(HostAssembler a) {
    a.mov(RCX, RAX);
    // movzx eax, word [FLAGS]
    a.state(HostAssembler.MAP_0F, 0xb7, RAX, Layout.FLAGS);
    // add al, 127: overflows if OF was 1; then SAHF
    a.emit(0x04);
    a.emit(127);
    a.emit(0x9e);
    a.mov(RAX, RCX);
  }

  private static void push(HostAssembler a, int r) {
    if (r >= 8) {
      a.emit(0x41);
    }
    a.emit(0x50 | r & 7);
  }

  private static void pop(HostAssembler a, int r) {
    if (r >= 8) {
      a.emit(0x41);
    }
    a.emit(0x58 | r & 7);
  }
}
