package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_AE;
import static isola.cpu.translator.HostAssembler.CC_BE;
import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RBX;
import static isola.cpu.translator.HostAssembler.RCX;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;

import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;

/**
 * XSAVES and XRSTORS in generated code (Intel SDM vol. 1, 13.11 and 13.12), as kernels switch
 * between programs with them: x87 and SSE asked for, AVX and PKRU perhaps. The registers of vectors
 * are brought to the processor's state first, so that it is a matter of copying.
 */
final class ExtendedStateEmitter {
  private static final int ALWAYS = XsaveSpec.X87 | XsaveSpec.SSE;
  private static final int KNOWN = ALWAYS | XsaveSpec.AVX | XsaveSpec.PKRU;

  /** Where PKRU is in the compacted format behind AVX, and the first byte after all. */
  private static final int PKRU_LAST = XsaveSpec.EXTENDED + XsaveSpec.AVX_SIZE;

  /** Bits of FCW, FSW without its summaries, FTW, a reserved byte and FOP that can be set. */
  private static final long X87_WORDS = 0x07ff_00ff_7f7f_1f7fL;

  private static final int END = PKRU_LAST + XsaveSpec.PKRU_SIZE;

  private final SystemEmitter system;
  private final Emitter e;
  private final HostAssembler a;

  ExtendedStateEmitter(SystemEmitter system, Emitter emitter) {
    this.system = system;
    e = emitter;
    a = emitter.a;
  }

  /** Writes an instruction; false, with nothing written, if it is Java's. */
  boolean emit(Insn insn) {
    if ((e.block.mode & Block.MODE_VECTORS) == 0
        || insn.operandSize != 8
        || insn.addressSize != 8
        || !insn.memory()) {
      return false;
    }
    boolean write = insn.op == Op.XSAVES;
    system.saveFlags();
    e.useAddress();
    a.state(0, 0xf7, 0, CpuState.CR4);
    a.emit32(Cr4.OSXSAVE);
    system.aidIf(CC_Z);
    e.address(insn);
    a.register(0, 0xf7, 0, ADDRESS);
    a.emit32(63);
    system.aidIf(CC_NZ);
    // What is in the second page, if any, must be seen to be there: not what may not be wanted.
    a.register(0, 0x81, 4, ADDRESS);
    a.emit32(4095);
    a.lea(ADDRESS, ADDRESS, END - 1 - 4096);
    a.register(W, 0x81, 7, ADDRESS);
    a.emit32(END - 1 - XsaveSpec.EXTENDED);
    system.aidIf(CC_BE);
    e.resumeHere();
    e.address(insn);
    e.probe(64, write, false);
    a.store(Layout.SPILL_TO, ADDRESS);
    e.resumeHere();
    e.address(insn);
    a.lea(ADDRESS, ADDRESS, XsaveSpec.EXTENDED - 8);
    e.probe(8, write, false);
    // Side by side on the host too.
    a.state(W, 0x2b, ADDRESS, Layout.SPILL_TO);
    a.register(W, 0x81, 7, ADDRESS);
    a.emit32(XsaveSpec.EXTENDED - 8);
    system.aidIf(CC_NZ);
    a.load(ADDRESS, Layout.SPILL_TO);
    a.call(write ? e.thunks.saveState : e.thunks.restoreState);
    system.aidIf(CC_NZ);
    if (e.block.vectors) {
      a.call(e.block.wide ? e.thunks.loadWide : e.thunks.loadVectors);
    }
    if (e.block.x87) {
      a.call(e.thunks.loadX87);
    }
    return true;
  }

  /**
   * Writes the functions that save to and restore from the area at ADDRESS on the host; components
   * are in the guest's EAX. ZF says that it is done, otherwise nothing was.
   */
  static final class Area {
    private final HostAssembler a;
    private final long saveVectors;
    private final long saveX87;
    private final List<Integer> rare = new ArrayList<>();

    Area(HostAssembler assembler, long saveVectors, long saveX87) {
      a = assembler;
      this.saveVectors = saveVectors;
      this.saveX87 = saveX87;
    }

    private void rareIf(int condition) {
      rare.add(a.jumpForward(condition));
    }

    private void test(int register, int bits) {
      a.register(0, 0xf7, 0, register);
      a.emit32(bits);
    }

    private void compare(int offset, int value) {
      a.state(0, 0x81, 7, offset);
      a.emit32(value);
    }

    private void set(int register, int bit) {
      a.register(0, 0x81, 1, register);
      a.emit32(bit);
    }

    /** Leaves what is both asked for and enabled in RBX. */
    private long begin() {
      rare.clear();
      a.align(16);
      final long at = a.here();
      a.store(Layout.XSTATE, RDX);
      a.store(Layout.XSTATE + 8, RBX);
      a.mov32(RBX, RAX);
      a.state(0, 0x23, RBX, CpuState.XCR0);
      a.mov32(RCX, RBX);
      a.register(0, 0x81, 4, RCX);
      a.emit32(~(KNOWN & ~ALWAYS));
      a.register(0, 0x81, 7, RCX);
      a.emit32(ALWAYS);
      rareIf(CC_NZ);
      return at;
    }

    private void end() {
      a.load(RDX, Layout.XSTATE);
      a.load(RBX, Layout.XSTATE + 8);
      a.register(0, 0x33, RCX, RCX);
      a.emit(0xc3);
      for (int jump : rare) {
        a.bind(jump);
      }
      a.load(RDX, Layout.XSTATE);
      a.load(RBX, Layout.XSTATE + 8);
      // Not 0, ever.
      a.register(W, 0x85, HostAssembler.RSP, HostAssembler.RSP);
      a.emit(0xc3);
    }

    /** Sets ZF if a part of the state, a multiple of 16 bytes, is 0. Uses RCX, XMM0 and XMM1. */
    private void zero(int offset, int bytes) {
      a.state(MAP_0F, 0x10, 0, offset);
      for (int i = 16; i < bytes; i += 16) {
        // por xmm0, [offset + i]
        a.state(P66 | MAP_0F, 0xeb, 0, offset + i);
      }
      // pxor xmm1, xmm1; pcmpeqb xmm0, xmm1; pmovmskb ecx, xmm0
      a.register(P66 | MAP_0F, 0xef, 1, 1);
      a.register(P66 | MAP_0F, 0x74, 0, 1);
      a.register(P66 | MAP_0F, 0xd7, RCX, 0);
      a.register(0, 0x81, 7, RCX);
      a.emit32(0xffff);
    }

    private void toArea(int from, int at, int bytes) {
      for (int i = 0; i < bytes; i += 16) {
        int register = i >> 4 & 7;
        a.state(MAP_0F, 0x10, register, from + i);
        a.memory(MAP_0F, 0x11, register, ADDRESS, NONE, 0, at + i);
      }
    }

    private void toState(int at, int to, int bytes) {
      for (int i = 0; i < bytes; i += 16) {
        int register = i >> 4 & 7;
        a.memory(MAP_0F, 0x10, register, ADDRESS, NONE, 0, at + i);
        a.state(MAP_0F, 0x11, register, to + i);
      }
    }

    private void clear(int offset, int bytes) {
      // xorps xmm0, xmm0
      a.register(MAP_0F, 0x57, 0, 0);
      for (int i = 0; i < bytes; i += 16) {
        a.state(MAP_0F, 0x11, 0, offset + i);
      }
    }

    /** XSAVES; in RDX the components gather that are not in their initial state. */
    long save() {
      final long at = begin();
      a.call(saveVectors);
      a.call(saveX87);
      a.movImmediate(RDX, 0);
      saveX87();
      saveSse();
      test(RBX, XsaveSpec.AVX);
      final int noAvx = a.jumpForward(CC_Z);
      zero(CpuState.YMM_HIGH, XsaveSpec.AVX_SIZE);
      final int unusedAvx = a.jumpForward(CC_Z);
      set(RDX, XsaveSpec.AVX);
      toArea(CpuState.YMM_HIGH, XsaveSpec.EXTENDED, XsaveSpec.AVX_SIZE);
      a.bind(noAvx);
      a.bind(unusedAvx);
      savePkru();
      a.memory(W, 0x89, RDX, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
      // bts rbx, 63
      a.register(W | MAP_0F, 0xba, 5, RBX);
      a.emit(63);
      a.memory(W, 0x89, RBX, ADDRESS, NONE, 0, XsaveSpec.XCOMP_BV);
      end();
      return at;
    }

    private void saveX87() {
      final int[] used = new int[4];
      compare(CpuState.FCW, XsaveSpec.FCW_INIT);
      used[0] = a.jumpForward(CC_NZ);
      a.state(0, 0xf7, 0, CpuState.FTW);
      a.emit32(0xffff_00ff);
      used[1] = a.jumpForward(CC_NZ);
      a.state(W, 0x81, 7, CpuState.FIP);
      a.emit32(0);
      used[2] = a.jumpForward(CC_NZ);
      a.state(W, 0x81, 7, CpuState.FDP);
      a.emit32(0);
      used[3] = a.jumpForward(CC_NZ);
      zero(CpuState.ST, XsaveSpec.ST_BYTES);
      final int unused = a.jumpForward(CC_Z);
      for (int i = 0; i < 4; i++) {
        a.bind(used[i]);
      }
      set(RDX, XsaveSpec.X87);
      a.load(RCX, CpuState.FCW);
      a.memory(W, 0x89, RCX, ADDRESS, NONE, 0, XsaveSpec.FCW);
      // The byte behind the tags is reserved.
      a.memory(0, 0xc6, 0, ADDRESS, NONE, 0, XsaveSpec.FTW + 1);
      a.emit(0);
      a.load(RCX, CpuState.FIP);
      a.memory(W, 0x89, RCX, ADDRESS, NONE, 0, XsaveSpec.FIP);
      a.load(RCX, CpuState.FDP);
      a.memory(W, 0x89, RCX, ADDRESS, NONE, 0, XsaveSpec.FDP);
      toArea(CpuState.ST, XsaveSpec.ST, XsaveSpec.ST_BYTES);
      a.bind(unused);
    }

    private void saveSse() {
      compare(CpuState.MXCSR, XsaveSpec.MXCSR_INIT);
      final int used = a.jumpForward(CC_NZ);
      zero(CpuState.XMM, XsaveSpec.XMM_BYTES);
      final int unused = a.jumpForward(CC_Z);
      a.bind(used);
      set(RDX, XsaveSpec.SSE);
      a.load32(RCX, CpuState.MXCSR);
      a.memory(0, 0x89, RCX, ADDRESS, NONE, 0, XsaveSpec.MXCSR);
      a.memory(0, 0xc7, 0, ADDRESS, NONE, 0, XsaveSpec.MXCSR_MASK);
      a.emit32(XsaveSpec.MXCSR_VALID);
      toArea(CpuState.XMM, XsaveSpec.XMM, XsaveSpec.XMM_BYTES);
      a.bind(unused);
    }

    private void savePkru() {
      test(RBX, XsaveSpec.PKRU);
      final int none = a.jumpForwardShort(CC_Z);
      a.load32(RCX, CpuState.PKRU);
      final int unused = a.jumpIfRcxZero();
      set(RDX, XsaveSpec.PKRU);
      test(RBX, XsaveSpec.AVX);
      final int first = a.jumpForwardShort(CC_Z);
      a.memory(W, 0x89, RCX, ADDRESS, NONE, 0, PKRU_LAST);
      final int done = a.jumpForwardShort();
      a.bindShort(first);
      a.memory(W, 0x89, RCX, ADDRESS, NONE, 0, XsaveSpec.EXTENDED);
      a.bindShort(done);
      a.bindShort(unused);
      a.bindShort(none);
    }

    /** XRSTORS; what raises an exception, or unmasks one, is Java's. */
    long restore() {
      final long at = begin();
      a.memory(W, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.XCOMP_BV);
      // btr rdx, 63
      a.register(W | MAP_0F, 0xba, 6, RDX);
      a.emit(63);
      rareIf(CC_AE);
      a.load(RCX, CpuState.XCR0);
      a.register(W, 0xf7, 2, RCX);
      a.register(W, 0x85, RDX, RCX);
      rareIf(CC_NZ);
      a.memory(W, 0x8b, RCX, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
      a.register(W, 0xf7, 2, RDX);
      a.register(W, 0x85, RCX, RDX);
      rareIf(CC_NZ);
      a.register(W, 0xf7, 2, RDX);
      for (int i = XsaveSpec.XCOMP_BV + 8; i < XsaveSpec.EXTENDED; i += 8) {
        a.memory(W, 0x83, 7, ADDRESS, NONE, 0, i);
        a.emit(0);
        rareIf(CC_NZ);
      }
      checkPkru();
      test(RCX, XsaveSpec.X87);
      final int initialX87 = a.jumpForwardShort(CC_Z);
      a.memory(MAP_0F, 0xb7, RDX, ADDRESS, NONE, 0, XsaveSpec.FCW);
      a.register(0, 0xf7, 2, RDX);
      test(RDX, Translation.FCW_MASKS);
      rareIf(CC_NZ);
      a.bindShort(initialX87);
      test(RCX, XsaveSpec.SSE);
      final int initial = a.jumpForward(CC_Z);
      // One that unmasks exceptions changes what code there may be.
      a.memory(0, 0x8b, RCX, ADDRESS, NONE, 0, XsaveSpec.MXCSR);
      a.register(0, 0x81, 4, RCX);
      a.emit32(~XsaveSpec.MXCSR_VALID | XsaveSpec.MXCSR_INIT);
      a.register(0, 0x81, 7, RCX);
      a.emit32(XsaveSpec.MXCSR_INIT);
      rareIf(CC_NZ);
      a.bind(initial);
      a.call(saveVectors);
      a.call(saveX87);
      load();
      end();
      return at;
    }

    /** Leaves to Java if PKRU would change. RDX is the layout, RCX what is there. */
    private void checkPkru() {
      test(RBX, XsaveSpec.PKRU);
      final int unasked = a.jumpForward(CC_Z);
      test(RCX, XsaveSpec.PKRU);
      final int initial = a.jumpForward(CC_Z);
      a.lea(RCX, ADDRESS, XsaveSpec.EXTENDED);
      test(RDX, XsaveSpec.AVX);
      final int first = a.jumpForwardShort(CC_Z);
      a.lea(RCX, ADDRESS, PKRU_LAST);
      a.bindShort(first);
      a.memory(0, 0x8b, RDX, RCX, NONE, 0, 0);
      final int there = a.jumpForwardShort();
      a.bind(initial);
      a.movImmediate(RDX, 0);
      a.bindShort(there);
      a.state(0, 0x3b, RDX, CpuState.PKRU);
      rareIf(CC_NZ);
      a.memory(W, 0x8b, RCX, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
      a.bind(unasked);
    }

    /** The words of the x87 state as they can be, and its registers of ten bytes each. */
    private void loadX87() {
      a.memory(W, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.FCW);
      a.movImmediate(RCX, X87_WORDS);
      a.register(W, 0x23, RDX, RCX);
      // All masked, as was seen already, but another processor may have written since.
      a.register(W, 0x83, 1, RDX);
      a.emit(Translation.FCW_MASKS | 0x40);
      a.store(CpuState.FCW, RDX);
      a.memory(W, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.FIP);
      a.store(CpuState.FIP, RDX);
      a.memory(W, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.FDP);
      a.store(CpuState.FDP, RDX);
      for (int i = 0; i < XsaveSpec.ST_BYTES; i += 16) {
        a.memory(W, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.ST + i);
        a.store(CpuState.ST + i, RDX);
        a.memory(MAP_0F, 0xb7, RDX, ADDRESS, NONE, 0, XsaveSpec.ST + i + 8);
        a.store(CpuState.ST + i + 8, RDX);
      }
    }

    private void load() {
      a.memory(W, 0x8b, RCX, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
      test(RCX, XsaveSpec.X87);
      final int initialX87 = a.jumpForward(CC_Z);
      loadX87();
      final int x87 = a.jumpForward();
      a.bind(initialX87);
      a.storeImmediate(CpuState.FCW, XsaveSpec.FCW_INIT);
      a.storeImmediate(CpuState.FIP, 0);
      a.storeImmediate(CpuState.FDP, 0);
      clear(CpuState.ST, XsaveSpec.ST_BYTES);
      a.bind(x87);
      a.memory(W, 0x8b, RCX, ADDRESS, NONE, 0, XsaveSpec.XSTATE_BV);
      test(RCX, XsaveSpec.SSE);
      final int initial = a.jumpForward(CC_Z);
      a.memory(0, 0x8b, RDX, ADDRESS, NONE, 0, XsaveSpec.MXCSR);
      // It was looked at already, but another processor may have written since.
      a.register(0, 0x81, 4, RDX);
      a.emit32(XsaveSpec.MXCSR_VALID);
      a.register(0, 0x81, 1, RDX);
      a.emit32(XsaveSpec.MXCSR_INIT);
      a.state(0, 0x89, RDX, CpuState.MXCSR);
      toState(XsaveSpec.XMM, CpuState.XMM, XsaveSpec.XMM_BYTES);
      final int avx = a.jumpForward();
      a.bind(initial);
      a.storeImmediate32(CpuState.MXCSR, XsaveSpec.MXCSR_INIT);
      clear(CpuState.XMM, XsaveSpec.XMM_BYTES);
      a.bind(avx);
      test(RBX, XsaveSpec.AVX);
      final int unasked = a.jumpForward(CC_Z);
      test(RCX, XsaveSpec.AVX);
      final int initialAvx = a.jumpForward(CC_Z);
      toState(XsaveSpec.EXTENDED, CpuState.YMM_HIGH, XsaveSpec.AVX_SIZE);
      final int done = a.jumpForward();
      a.bind(initialAvx);
      clear(CpuState.YMM_HIGH, XsaveSpec.AVX_SIZE);
      a.bind(done);
      a.bind(unasked);
    }
  }
}
