package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.L256;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.MAP_SHIFT;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.PF3;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Segment;

/**
 * Vector instructions that may fault in part, or change what the mode depends on: host code where
 * all of their memory answers to the TLB, else Java's. Nothing of the guest's has changed by then.
 */
final class VectorEmitter {
  /** MXCSR: bits that must be 0, and masks that must be 1, for generated code to go on. */
  private static final int MXCSR_FIXED = 0xffff_1f80;

  private static final int MXCSR_MASKS = 0x1f80;

  /** VMOVDQU. */
  private static final int LOAD = 0x6f;

  private static final int STORE = 0x7f;
  private static final int MOVE = MAP_0F | PF3;

  private final SystemEmitter system;
  private final Emitter e;
  private final HostAssembler a;

  VectorEmitter(SystemEmitter system, Emitter emitter) {
    this.system = system;
    e = emitter;
    a = emitter.a;
  }

  /** Whether {@link #emit} writes an instruction. */
  static boolean covers(Insn insn) {
    Form form = insn.form;
    if (form == null) {
      return false;
    }
    if (insn.op == Op.LDMXCSR) {
      return insn.addressSize >= 4;
    }
    if (insn.addressSize != 8) {
      return false;
    }
    if (form.gathers()) {
      boolean distinct = insn.reg != insn.vvvv && insn.reg != insn.index && insn.vvvv != insn.index;
      return distinct && insn.segment != Segment.FS && insn.segment != Segment.GS;
    }
    return switch (insn.op) {
      case VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ -> true;
      default -> false;
    };
  }

  /** Writes an instruction that {@link #covers}; false for another one, or in another mode. */
  boolean emit(Insn insn, Form form) {
    boolean allowed = insn.vex ? e.code.wide : e.code.vectors;
    if (!allowed || !covers(insn)) {
      return false;
    }
    system.saveFlags();
    e.resumeHere();
    if (form.gathers()) {
      gather(insn, form);
    } else if (form.operand(0).equals("Md")) {
      loadControl(insn);
    } else {
      masked(insn, form);
    }
    return true;
  }

  /** LDMXCSR; an exception that is not masked, or a bit that does not exist, is Java's. */
  private void loadControl(Insn insn) {
    e.address(insn);
    e.probe(4, false, false);
    a.memory(0, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
    // Another processor may change what is in memory behind the check.
    a.state(0, 0x89, TEMPORARY, Layout.SPILL);
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32(MXCSR_FIXED);
    a.register(0, 0x81, 7, TEMPORARY);
    a.emit32(MXCSR_MASKS);
    system.aidIf(CC_NZ);
    a.state(MAP_0F, 0xae, 2, Layout.SPILL);
  }

  /** VMASKMOVPS and its kin: the host's, if even what the mask leaves out is there. */
  private void masked(Insn insn, Form form) {
    e.address(insn);
    system.aid(e.probeOrElse(insn.l256 ? 32 : 16, form.rmIsDestination()));
    int flags = 2 << MAP_SHIFT | P66 | (insn.l256 ? L256 : 0) | (insn.w ? W : 0);
    a.vexMemory(flags, form.opcode(), insn.reg, insn.vvvv, ADDRESS, 0);
  }

  /** VPGATHERDD and its kin: element by element between copies of the three registers. */
  private void gather(Insn insn, Form form) {
    int size = insn.w ? 8 : 4;
    int indexSize = (form.opcode() & 1) != 0 ? 8 : 4;
    int count = (insn.l256 ? 32 : 16) / Math.max(size, indexSize);
    int bytes = count * size;
    copy(STORE, insn.index, Layout.GATHER_INDEX);
    copy(STORE, insn.vvvv, Layout.GATHER_MASK);
    copy(STORE, insn.reg, Layout.GATHER);
    for (int i = 0; i < count; i++) {
      // test byte [sign of the mask], 80h
      a.state(0, 0xf6, 0, Layout.GATHER_MASK + i * size + size - 1);
      a.emit(0x80);
      int skip = a.jumpForwardShort(HostAssembler.CC_Z);
      // movsxd r14, index; or the whole of it
      a.state(W, indexSize == 4 ? 0x63 : 0x8b, ADDRESS, Layout.GATHER_INDEX + i * indexSize);
      int base = insn.base < 0 ? NONE : e.read(insn.base, TEMPORARY);
      a.memory(W, 0x8d, ADDRESS, base, ADDRESS, insn.scale, (int) insn.displacement);
      system.aid(e.probeOrElse(size, false));
      a.memory(size == 8 ? W : 0, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
      a.state(size == 8 ? W : 0, 0x89, TEMPORARY, Layout.GATHER + i * size);
      a.bindShort(skip);
    }
    if (bytes == 8) {
      // vmovq
      a.vexState(MOVE, 0x7e, insn.reg, 0, Layout.GATHER);
    } else {
      a.vexState(MOVE | (bytes == 32 ? L256 : 0), LOAD, insn.reg, 0, Layout.GATHER);
    }
    // vpxor mask, mask, mask
    a.vexRegister(MAP_0F | P66, 0xef, insn.vvvv, insn.vvvv, insn.vvvv);
  }

  private void copy(int opcode, int register, int offset) {
    a.vexState(MOVE | L256, opcode, register, 0, offset);
  }
}
