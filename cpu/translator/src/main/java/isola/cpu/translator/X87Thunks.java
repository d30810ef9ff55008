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

  /** Bytes of an environment in its 32-bit format, the only one that is written here. */
  static final int ENVIRONMENT = 28;

  // Where in it the pointers to instruction and operand are, each before its selector, which is 0;
  // beside the first selector is the opcode.
  private static final int ENVIRONMENT_FIP = 12;
  private static final int ENVIRONMENT_FCS = 16;
  private static final int ENVIRONMENT_FDP = 20;
  private static final int ENVIRONMENT_FDS = 24;

  /** Bits of the control word that can be set, and the one that always is. */
  static final int FCW_VALID = 0x1f3f;

  static final int FCW_ONE = 0x40;

  /** Bits of the status word that do not follow from others. */
  private static final int FSW_VALID = 0x7f7f;

  private static final int FOP_VALID = 0x7ff;

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

  /**
   * Writes the function that stores the environment to the host address in {@link Layout#ADDRESS};
   * the state has the guest's pointers. It changes RCX and keeps the flags.
   */
  static long storeEnvironment(HostAssembler a) {
    final long at = a.here();
    // fnstenv
    a.state(0, 0xd9, 6, IMAGE);
    for (int i = 0; i < ENVIRONMENT_FIP; i += 4) {
      a.load32(RCX, IMAGE + i);
      constant(a, i, -1);
      a.memory(P66, 0x89, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, i);
    }
    a.load32(RCX, CpuState.FIP);
    a.memory(0, 0x89, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, ENVIRONMENT_FIP);
    a.state(MAP_0F, 0xb7, RCX, CpuState.FOP);
    constant(a, ENVIRONMENT_FCS, 0);
    a.memory(P66, 0x89, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, ENVIRONMENT_FCS + 2);
    a.load32(RCX, CpuState.FDP);
    a.memory(0, 0x89, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, ENVIRONMENT_FDP);
    constant(a, ENVIRONMENT_FDS, 0xffff_0000);
    a.emit(0xc3);
    return at;
  }

  private static void constant(HostAssembler a, int at, int value) {
    a.memory(0, 0xc7, 0, Layout.ADDRESS, HostAssembler.NONE, 0, at);
    a.emit32(value);
  }

  /**
   * Writes the function that loads an environment from the host address in {@link Layout#ADDRESS};
   * its control word was seen to mask all exceptions. It changes RCX and the flags.
   */
  static long loadEnvironment(HostAssembler a) {
    final long at = a.here();
    word(a, 0, FCW_VALID);
    // Another processor may have written since.
    a.register(0, 0x83, 1, RCX);
    a.emit(Translation.FCW_MASKS | FCW_ONE);
    a.state(P66, 0x89, RCX, CpuState.FCW);
    a.state(0, 0x89, RCX, IMAGE);
    word(a, IMAGE_FSW - IMAGE, FSW_VALID);
    a.state(0, 0x89, RCX, IMAGE_FSW);
    word(a, IMAGE_FTW - IMAGE, 0xffff);
    a.state(0, 0x89, RCX, IMAGE_FTW);
    // fldenv
    a.state(0, 0xd9, 4, IMAGE);
    a.memory(0, 0x8b, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, ENVIRONMENT_FIP);
    a.store(CpuState.FIP, RCX);
    word(a, ENVIRONMENT_FCS + 2, FOP_VALID);
    a.state(P66, 0x89, RCX, CpuState.FOP);
    a.memory(0, 0x8b, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, ENVIRONMENT_FDP);
    a.store(CpuState.FDP, RCX);
    a.emit(0xc3);
    return at;
  }

  /** Loads 16 bits of the environment and keeps those that can be set. */
  private static void word(HostAssembler a, int at, int valid) {
    a.memory(MAP_0F, 0xb7, RCX, Layout.ADDRESS, HostAssembler.NONE, 0, at);
    a.register(0, 0x81, 4, RCX);
    a.emit32(valid);
  }

  /** FNINIT. */
  static void initialize(HostAssembler a) {
    a.emit(0xdb);
    a.emit(0xe3);
  }
}
