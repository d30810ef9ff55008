package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_A;
import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RDI;
import static isola.cpu.translator.HostAssembler.RSI;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * MOVS, STOS and LODS upwards (Intel SDM vol. 1, 7.3.9). A repeated one is the host's own, for what
 * lies in one page each of source and destination; between two such pieces RCX, RSI and RDI are
 * exact and events are looked for.
 */
final class StringEmitter {
  private static final int COUNT = Layout.host(1);
  private static final int REP = 0xf3;

  private final SystemEmitter system;
  private final Emitter e;
  private final HostAssembler a;

  StringEmitter(SystemEmitter system, Emitter emitter) {
    this.system = system;
    e = emitter;
    a = emitter.a;
  }

  /** Writes an instruction; false, with nothing written, if it is Java's. */
  boolean emit(Insn insn) {
    boolean repeated = (insn.prefixes & (Insn.REP | Insn.REPNE)) != 0;
    if (insn.addressSize != e.code.word || (repeated && insn.op == Op.LODS)) {
      return false;
    }
    system.saveFlags();
    a.state(0, 0xf7, 0, Layout.SYSTEM_FLAGS);
    a.emit32(Rflags.DF);
    system.aidIf(CC_NZ);
    if (repeated) {
      repeat(insn);
    } else {
      one(insn);
    }
    return true;
  }

  private static int width(int size) {
    return size == 8 ? W : size == 2 ? P66 : 0;
  }

  /** Opcode of a form that has one for bytes and one for all else. */
  private static int opcode(int bytes, int size) {
    return size == 1 ? bytes : bytes + 1;
  }

  private void source(Insn insn) {
    e.resumeHere();
    a.register(e.wide(), 0x8b, ADDRESS, RSI);
    if (insn.segment == Segment.FS || insn.segment == Segment.GS) {
      int base = CpuState.SEGMENTS + insn.segment * CpuState.SEGMENT_SIZE;
      a.state(e.wide(), 0x03, ADDRESS, base + CpuState.SEGMENT_BASE);
    }
    e.probe(insn.operandSize, false, false);
  }

  private void destination(Insn insn) {
    // Not from the beginning: both pages may want the same entry of the TLB.
    e.resumeHere();
    a.register(e.wide(), 0x8b, ADDRESS, RDI);
    e.probe(insn.operandSize, true, false);
  }

  private void one(Insn insn) {
    int size = insn.operandSize;
    switch (insn.op) {
      case STOS -> {
        destination(insn);
        a.memory(width(size), opcode(0x88, size), RAX, ADDRESS, NONE, 0, 0);
      }
      case LODS -> {
        source(insn);
        a.memory(width(size), opcode(0x8a, size), RAX, ADDRESS, NONE, 0, 0);
        advance(RSI, size);
        return;
      }
      default -> {
        source(insn);
        a.memory(width(size), opcode(0x8a, size), TEMPORARY, ADDRESS, NONE, 0, 0);
        a.store(Layout.SPILL, TEMPORARY);
        destination(insn);
        a.load(TEMPORARY, Layout.SPILL);
        a.memory(width(size), opcode(0x88, size), TEMPORARY, ADDRESS, NONE, 0, 0);
        advance(RSI, size);
      }
    }
    advance(RDI, size);
  }

  private void advance(int pointer, int size) {
    a.memory(e.wide(), 0x8d, pointer, pointer, NONE, 0, size);
  }

  /** In 32-bit code, clears what a register has beyond its 32 bits. */
  private void cutOff(int register) {
    if (e.code.word == 4) {
      a.mov32(register, register);
    }
  }

  private void repeat(Insn insn) {
    int size = insn.operandSize;
    cutOff(COUNT);
    cutOff(RDI);
    if (insn.op == Op.MOVS) {
      cutOff(RSI);
    }
    long again = a.here();
    a.register(W, 0x85, COUNT, COUNT);
    final int none = a.jumpForward(CC_Z);
    boolean moves = insn.op == Op.MOVS;
    if (moves) {
      source(insn);
      a.store(Layout.SPILL, ADDRESS);
    }
    destination(insn);
    // Bytes to the end of the page.
    left(TEMPORARY, ADDRESS);
    if (moves) {
      a.store(Layout.SPILL_TO, ADDRESS);
      a.load(ADDRESS, Layout.SPILL);
      left(ADDRESS, ADDRESS);
      a.register(0, 0x3b, TEMPORARY, ADDRESS);
      a.register(MAP_0F, 0x40 | CC_A, TEMPORARY, ADDRESS);
    }
    a.register(0, 0xc1, 5, TEMPORARY);
    a.emit(Integer.numberOfTrailingZeros(size));
    a.register(W, 0x3b, TEMPORARY, COUNT);
    a.register(W | MAP_0F, 0x40 | CC_A, TEMPORARY, COUNT);
    a.register(W, 0x2b, COUNT, TEMPORARY);
    if (moves) {
      toHost(RSI, Layout.SPILL);
      toHost(RDI, Layout.SPILL_TO);
    } else {
      a.store(Layout.SPILL_TO, ADDRESS);
      toHost(RDI, Layout.SPILL_TO);
    }
    a.emit(REP);
    if (size == 2) {
      a.emit(0x66);
    } else if (size == 8) {
      a.emit(0x48);
    }
    a.emit(opcode(moves ? 0xa4 : 0xaa, size));
    a.state(W, 0x03, RDI, Layout.SPILL_TO);
    cutOff(RDI);
    if (moves) {
      a.state(W, 0x03, RSI, Layout.SPILL);
      cutOff(RSI);
    }
    a.register(W, 0x85, COUNT, COUNT);
    final int done = a.jumpForward(CC_Z);
    a.state(0, 0x83, 7, CpuState.ATTENTION);
    a.emit(0);
    a.jump(CC_Z, again);
    // Not counted before it is done.
    e.refund(e.code.count - e.at);
    e.leave(e.sites.add(Sites.ENTRY, e.block, insn.rip, 0, 0, e.saved), e.thunks.exit);
    a.bind(none);
    a.bind(done);
  }

  /** Bytes from an address to the end of its page. */
  private void left(int to, int address) {
    a.mov32(to, address);
    a.register(0, 0x81, 1, to);
    a.emit32(-4096);
    a.register(0, 0xf7, 3, to);
  }

  /** Turns a pointer into the host address in a place; leaves there what turns it back. */
  private void toHost(int pointer, int place) {
    a.load(ADDRESS, place);
    a.register(W, 0x2b, pointer, ADDRESS);
    a.store(place, pointer);
    a.mov(pointer, ADDRESS);
  }
}
