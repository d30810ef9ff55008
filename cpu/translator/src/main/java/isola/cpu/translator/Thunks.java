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

  /** Puts the guest's vector registers and MXCSR into the state; called, keeps the rest but RCX. */
  final long unloadVectors;

  /** Loads the guest's YMM registers; called, keeps all else but RCX. */
  final long loadWide;

  /** Goes on in the middle of a block that works on XMM registers, at {@link Layout#RESUME}. */
  final long resumeVectors;

  /** The same with YMM registers. */
  final long resumeWide;

  /** Leaves for a target in TEMPORARY that no block is known for. */
  final long lookup;

  /** From here on a fault is caught; before, the way in is not through yet. */
  final long guarded;

  /** Where a thread goes on after a fault in generated code: leaves, whatever the registers are. */
  final long faulted;

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
    unloadVectors = a.here();
    unloadVectors(a);
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
    resumeVectors = a.here();
    a.call(loadVectors);
    a.state(0, 0xff, 4, Layout.RESUME);
    a.align(16);
    resumeWide = a.here();
    a.call(loadWide);
    a.state(0, 0xff, 4, Layout.RESUME);
    a.align(16);
    lookup = a.here();
    a.store(Layout.TARGET, RCX);
    a.storeImmediate32(Layout.EXIT_SITE, lookupSite);
    a.jump(exit);
    a.align(16);
    faulted = a.here();
    faulted(a, state, faultSite);
    walks = new WalkThunks(a, exit);
    readTicks = HostTicks.reader(a);
  }

  /** See {@link WalkThunks#miss}. */
  long miss(int table, boolean write) {
    return walks.miss(table, write);
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
    a.load32(RAX, Layout.EXIT_SITE);
    for (int i = PRESERVED.length - 1; i >= 0; i--) {
      pop(a, PRESERVED[i]);
    }
    a.emit(0xc3);
    a.bindShort(vectors);
    a.call(unloadVectors);
    a.jump(leave);
  }

  private static void unloadVectors(HostAssembler a) {
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
    a.storeImmediate(Layout.FP_ABSENT, 1);
    a.emit(0xc3);
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
