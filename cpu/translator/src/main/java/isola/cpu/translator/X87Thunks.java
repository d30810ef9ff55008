package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RCX;
import static isola.cpu.translator.HostAssembler.W;

import isola.cpu.x86.state.CpuState;

/**
 * Moves the guest's x87 registers to the host's and back. They go by FRSTOR and FXSAVE, which need
 * fewer cycles than XRSTOR and XSAVE of x87 alone. What the host notes of the last x87 instruction
 * and its operand are host addresses and stays behind: the state has the guest's.
 */
final class X87Thunks {
  /** What FXSAVE writes; behind it, what FRSTOR reads (Intel SDM vol. 1, figure 8-9). */
  private static final int SAVED = Layout.X87_IMAGE;

  private static final int IMAGE = Layout.X87_IMAGE + 512;
  private static final int IMAGE_FSW = IMAGE + 4;
  private static final int IMAGE_FTW = IMAGE + 8;
  private static final int IMAGE_ST = IMAGE + 28;

  private X87Thunks() {}

  /** Writes the function that loads them; it keeps all but RCX. */
  static long load(HostAssembler a) {
    final long at = a.here();
    a.store(Layout.SPILL, RAX);
    // lahf, seto al
    a.emit(0x9f);
    a.register(MAP_0F, 0x90, 0, RAX);
    a.store(Layout.SPILL_TO, RAX);
    // fnstcw
    a.state(0, 0xd9, 7, Layout.HOST_FCW);
    a.load32(RAX, CpuState.FCW);
    a.state(0, 0x89, RAX, IMAGE);
    shift(a, 5, RAX, 16);
    a.state(0, 0x89, RAX, IMAGE_FSW);
    // One bit for each register in use becomes two that are set for each empty one.
    a.state(MAP_0F, 0xb6, RAX, CpuState.FTW);
    a.register(0, 0x81, 6, RAX);
    a.emit32(0xff);
    spread(a, 4, 0x0f0f);
    spread(a, 2, 0x3333);
    spread(a, 1, 0x5555);
    a.memory(0, 0x8d, RAX, RAX, RAX, 1, 0);
    a.state(0, 0x89, RAX, IMAGE_FTW);
    for (int i = 0; i < 8; i++) {
      a.load(RCX, CpuState.ST + i * 16);
      a.store(IMAGE_ST + i * 10, RCX);
      a.load32(RCX, CpuState.ST + i * 16 + 8);
      a.state(P66, 0x89, RCX, IMAGE_ST + i * 10 + 8);
    }
    // frstor
    a.state(0, 0xdd, 4, IMAGE);
    a.load(RAX, Layout.SPILL_TO);
    // add al, 127; sahf
    a.emit(0x04);
    a.emit(127);
    a.emit(0x9e);
    a.load(RAX, Layout.SPILL);
    a.storeImmediate(Layout.X87_ABSENT, 0);
    a.emit(0xc3);
    return at;
  }

  private static void shift(HostAssembler a, int operation, int register, int by) {
    a.register(0, 0xc1, operation, register);
    a.emit(by);
  }

  private static void spread(HostAssembler a, int by, int mask) {
    a.mov32(RCX, RAX);
    shift(a, 4, RCX, by);
    a.register(0, 0x0b, RAX, RCX);
    a.register(0, 0x81, 4, RAX);
    a.emit32(mask);
  }

  /**
   * Writes the function that brings them to the state if they are loaded, and gives the host's back
   * as the JVM had them; it changes RCX and XMM0, and keeps the flags.
   */
  static long save(HostAssembler a) {
    final long at = a.here();
    a.load(RCX, Layout.X87_ABSENT);
    final int loaded = a.jumpIfRcxZero();
    a.emit(0xc3);
    a.bindShort(loaded);
    // fxsave64, fninit, fldcw
    a.state(W | MAP_0F, 0xae, 0, SAVED);
    initialize(a);
    a.state(0, 0xd9, 5, Layout.HOST_FCW);
    a.load32(RCX, SAVED);
    a.state(0, 0x89, RCX, CpuState.FCW);
    a.state(MAP_0F, 0xb6, RCX, SAVED + 4);
    a.state(0, 0x88, RCX, CpuState.FTW);
    for (int i = 0; i < 128; i += 16) {
      a.state(MAP_0F, 0x10, 0, SAVED + 32 + i);
      a.state(MAP_0F, 0x11, 0, CpuState.ST + i);
    }
    a.storeImmediate(Layout.X87_ABSENT, 1);
    a.emit(0xc3);
    return at;
  }

  /** FNINIT. */
  static void initialize(HostAssembler a) {
    a.emit(0xdb);
    a.emit(0xe3);
  }
}
