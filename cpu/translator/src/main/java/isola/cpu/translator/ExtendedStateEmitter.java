package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.L256;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.MAP_SHIFT;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.PF3;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.REX;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;

/**
 * XSAVES and XRSTORS as a kernel switches tasks by them: all of x87, SSE and AVX, in the compacted
 * format with room for PKRU, the area aligned and in host memory in one piece, x87 in its initial
 * state. All else is Java's, with nothing changed yet. The guest's registers are put into the state
 * first, so the host's are free to copy with.
 */
final class ExtendedStateEmitter {
  private static final int VECTORS = XsaveSpec.X87 | XsaveSpec.SSE | XsaveSpec.AVX;
  private static final int ALL = VECTORS | XsaveSpec.PKRU;
  private static final int SIZE = XsaveSpec.EXTENDED + XsaveSpec.AVX_SIZE + XsaveSpec.PKRU_SIZE;

  /** Bits of MXCSR that must be as in its initial value for generated code to go on. */
  private static final int MXCSR_FIXED = 0xffff_1f80;

  /** The quadword that begins with FCW, without the reserved byte behind the tags. */
  private static final long CONTROL = 0xffff_00ff_ffff_ffffL;

  private static final int MOVE = MAP_0F | PF3 | L256;
  private static final int LOAD = 0x6f;
  private static final int STORE = 0x7f;

  /** YMM8 collects what was seen; XMM9 is for single words. */
  private static final int SEEN = 8;

  private static final int WORD = 9;

  private final SystemEmitter system;
  private final Emitter e;
  private final HostAssembler a;

  ExtendedStateEmitter(SystemEmitter system, Emitter emitter) {
    this.system = system;
    e = emitter;
    a = emitter.a;
  }

  /** Writes XSAVES or XRSTORS; false, with nothing written, if it is Java's always. */
  boolean emit(Insn insn) {
    if ((e.block.mode & Block.MODE_WIDE) == 0 || insn.operandSize != 8) {
      return false;
    }
    boolean save = insn.op == Op.XSAVES;
    system.saveFlags();
    e.resumeHere();
    compare(0, CpuState.XCR0, ALL);
    compare(W, CpuState.XSS, 0);
    a.register(0, 0x8b, TEMPORARY, RAX);
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32(ALL);
    a.register(0, 0x81, 7, TEMPORARY);
    a.emit32(save ? ALL : VECTORS);
    system.aidIf(CC_NZ);
    unload();
    if (save) {
      requireInitialX87();
    }
    e.address(insn);
    int twoPages = e.probeOrElse(SIZE, save);
    long there = a.here();
    // test r14b, 63
    a.register(REX, 0xf6, 0, ADDRESS);
    a.emit(63);
    system.aidIf(CC_NZ);
    if (save) {
      save();
    } else {
      restore();
    }
    // vzeroupper
    a.vexAlone(MAP_0F, 0x77);
    if (e.code.wide) {
      a.call(e.thunks.loadWide);
    } else if (e.code.vectors) {
      a.call(e.thunks.loadVectors);
    }
    int done = a.jumpForward();
    a.bind(twoPages);
    acrossPages(insn, save);
    a.jump(there);
    a.bind(done);
    return true;
  }

  /** Leaves in ADDRESS where the area is on the host, if both of its pages are side by side. */
  private void acrossPages(Insn insn, boolean save) {
    e.address(insn);
    system.aid(e.probeOrElse(64, save));
    a.store(Layout.SPILL_TO, ADDRESS);
    e.address(insn);
    a.lea(ADDRESS, ADDRESS, SIZE - 8);
    system.aid(e.probeOrElse(8, save));
    a.lea(TEMPORARY, ADDRESS, -(SIZE - 8));
    a.state(W, 0x3b, TEMPORARY, Layout.SPILL_TO);
    system.aidIf(CC_NZ);
    a.mov(ADDRESS, TEMPORARY);
  }

  /** Leaves to Java unless a field of the state is what it should be. */
  private void compare(int wide, int offset, int value) {
    a.state(wide, 0x81, 7, offset);
    a.emit32(value);
    system.aidIf(CC_NZ);
  }

  private void unload() {
    a.load(TEMPORARY, Layout.FP_ABSENT);
    int there = a.jumpIfRcxZero();
    int absent = a.jumpForwardShort();
    a.bindShort(there);
    a.call(e.thunks.unloadVectors);
    a.bindShort(absent);
  }

  private void requireInitialX87() {
    a.load(TEMPORARY, CpuState.FCW);
    a.movImmediate(ADDRESS, CONTROL);
    a.register(W, 0x23, TEMPORARY, ADDRESS);
    a.register(W, 0x81, 7, TEMPORARY);
    a.emit32(XsaveSpec.FCW_INIT);
    system.aidIf(CC_NZ);
    a.load(TEMPORARY, CpuState.FIP);
    a.state(W, 0x0b, TEMPORARY, CpuState.FDP);
    system.aidIf(CC_NZ);
    fromState(CpuState.ST, XsaveSpec.ST_BYTES);
    seen(XsaveSpec.ST_BYTES);
    system.aidIf(CC_NZ);
  }

  /** Loads YMM0 and those that follow from the state. */
  private void fromState(int offset, int bytes) {
    for (int i = 0; i < bytes; i += 32) {
      a.vexState(MOVE, LOAD, i / 32, 0, offset + i);
    }
  }

  /** Sets ZF if they are all zero. */
  private void seen(int bytes) {
    for (int i = 32; i < bytes; i += 32) {
      a.vexRegister(MAP_0F | P66 | L256, 0xeb, SEEN, i == 32 ? 0 : SEEN, i / 32);
    }
    a.vexRegister(2 << MAP_SHIFT | P66 | L256, 0x17, SEEN, 0, SEEN);
  }

  private void save() {
    // Components that are in use gather in ECX.
    a.movImmediate(TEMPORARY, 0);
    fromState(CpuState.XMM, XsaveSpec.XMM_BYTES);
    seen(XsaveSpec.XMM_BYTES);
    int used = a.jumpForwardShort(CC_NZ);
    a.state(0, 0x81, 7, CpuState.MXCSR);
    a.emit32(XsaveSpec.MXCSR_INIT);
    int unused = a.jumpForward(CC_Z);
    a.bindShort(used);
    component(XsaveSpec.SSE);
    toArea(XsaveSpec.XMM, XsaveSpec.XMM_BYTES);
    a.vexState(MAP_0F | P66, 0x6e, WORD, 0, CpuState.MXCSR);
    a.vexMemory(MAP_0F | P66, 0x7e, WORD, 0, ADDRESS, XsaveSpec.MXCSR);
    a.memory(0, 0xc7, 0, ADDRESS, NONE, 0, XsaveSpec.MXCSR_MASK);
    a.emit32(XsaveSpec.MXCSR_VALID);
    a.bind(unused);
    fromState(CpuState.YMM_HIGH, XsaveSpec.AVX_SIZE);
    seen(XsaveSpec.AVX_SIZE);
    unused = a.jumpForward(CC_Z);
    component(XsaveSpec.AVX);
    toArea(XsaveSpec.EXTENDED, XsaveSpec.AVX_SIZE);
    a.bind(unused);
    a.state(0, 0x83, 7, CpuState.PKRU);
    a.emit(0);
    unused = a.jumpForward(CC_Z);
    component(XsaveSpec.PKRU);
    // vmovd loads, vmovq stores
    a.vexState(MAP_0F | P66, 0x6e, WORD, 0, CpuState.PKRU);
    int keys = XsaveSpec.EXTENDED + XsaveSpec.AVX_SIZE;
    a.vexMemory(MAP_0F | P66, 0xd6, WORD, 0, ADDRESS, keys);
    a.bind(unused);
    a.memory(W, 0x89, TEMPORARY, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
    a.movImmediate(TEMPORARY, XsaveSpec.COMPACTED | ALL);
    a.memory(W, 0x89, TEMPORARY, ADDRESS, NONE, 0, XsaveSpec.XCOMP_BV);
  }

  private void component(int bit) {
    a.register(0, 0x81, 1, TEMPORARY);
    a.emit32(bit);
  }

  private void toArea(int at, int bytes) {
    for (int i = 0; i < bytes; i += 32) {
      a.vexMemory(MOVE, STORE, i / 32, 0, ADDRESS, at + i);
    }
  }

  private void restore() {
    a.movImmediate(TEMPORARY, XsaveSpec.COMPACTED | ALL);
    a.memory(W, 0x3b, TEMPORARY, ADDRESS, NONE, 0, XsaveSpec.XCOMP_BV);
    system.aidIf(CC_NZ);
    // The rest of the header: 48 bytes.
    a.vexMemory(MOVE, LOAD, 0, 0, ADDRESS, XsaveSpec.XCOMP_BV + 8);
    a.vexMemory(MOVE, LOAD, 1, 0, ADDRESS, XsaveSpec.EXTENDED - 32);
    seen(64);
    system.aidIf(CC_NZ);
    a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
    a.register(W, 0xf7, 0, TEMPORARY);
    a.emit32(~(ALL & ~XsaveSpec.X87));
    system.aidIf(CC_NZ);
    control();
    a.storeImmediate(CpuState.FCW, XsaveSpec.FCW_INIT);
    a.storeImmediate(CpuState.FIP, 0);
    a.storeImmediate(CpuState.FDP, 0);
    zero(XsaveSpec.ST_BYTES);
    toState(CpuState.ST, XsaveSpec.ST_BYTES);
    component(XsaveSpec.SSE, XsaveSpec.XMM, CpuState.XMM);
    component(XsaveSpec.AVX, XsaveSpec.EXTENDED, CpuState.YMM_HIGH);
  }

  /** MXCSR: what the area has if it has SSE, and else the initial value. */
  private void control() {
    a.storeImmediate32(Layout.SPILL, XsaveSpec.MXCSR_INIT);
    testComponent(XsaveSpec.SSE);
    int initial = a.jumpForwardShort(CC_Z);
    a.vexMemory(MAP_0F | P66, 0x6e, WORD, 0, ADDRESS, XsaveSpec.MXCSR);
    a.vexState(MAP_0F | P66, 0x7e, WORD, 0, Layout.SPILL);
    a.bindShort(initial);
    a.vexState(MAP_0F | P66, 0x6e, WORD, 0, Layout.SPILL);
    a.state(0, 0x81, 4, Layout.SPILL);
    a.emit32(MXCSR_FIXED);
    compare(0, Layout.SPILL, XsaveSpec.MXCSR_INIT);
    a.vexState(MAP_0F | P66, 0x7e, WORD, 0, CpuState.MXCSR);
  }

  private void testComponent(int bit) {
    a.register(0, 0xf7, 0, TEMPORARY);
    a.emit32(bit);
  }

  private void component(int bit, int from, int to) {
    zero(XsaveSpec.AVX_SIZE);
    testComponent(bit);
    int initial = a.jumpForwardShort(CC_Z);
    for (int i = 0; i < XsaveSpec.AVX_SIZE; i += 32) {
      a.vexMemory(MOVE, LOAD, i / 32, 0, ADDRESS, from + i);
    }
    a.bindShort(initial);
    toState(to, XsaveSpec.AVX_SIZE);
  }

  /** VPXOR of YMM0 and those that follow. */
  private void zero(int bytes) {
    for (int i = 0; i < bytes / 32; i++) {
      a.vexRegister(MAP_0F | P66, 0xef, i, i, i);
    }
  }

  private void toState(int offset, int bytes) {
    for (int i = 0; i < bytes; i += 32) {
      a.vexState(MOVE, STORE, i / 32, 0, offset + i);
    }
  }
}
