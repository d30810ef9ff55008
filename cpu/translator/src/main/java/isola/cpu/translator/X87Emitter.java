package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.REX;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;

/**
 * x87 instructions about the control word, which the state has as well as the host's registers:
 * whether exceptions are masked is part of a block's mode, and FNSTCW needs no x87 registers.
 */
final class X87Emitter {
  /** Bits of the control word that can be set, and the one that always is. */
  private static final int VALID = 0x1f3f;

  private static final int ONE = 0x40;

  private final Emitter e;
  private final HostAssembler a;

  X87Emitter(Emitter emitter) {
    e = emitter;
    a = emitter.a;
  }

  /**
   * Emits {@link Coverage.Kind#X87}.
   *
   * @param live status flags that matter before it
   */
  void emit(Insn insn, int live) {
    switch (insn.op) {
      case FNSTCW -> {
        e.operand(insn, 2, true, false, live);
        a.state(MAP_0F, 0xb7, TEMPORARY, CpuState.FCW);
        a.memory(P66, 0x89, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
      }
      case FLDCW -> load(insn, live);
      default -> initialize();
    }
  }

  /** FLDCW; one that unmasks an exception is Java's, as what follows is then. */
  private void load(Insn insn, int live) {
    e.operand(insn, 2, false, false, live);
    e.protectFlags(live);
    e.inHost = false;
    // Read once: another processor may change what is in memory behind the check.
    a.memory(MAP_0F, 0xb7, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
    a.register(0, 0xf7, 2, TEMPORARY);
    a.register(REX, 0xf6, 0, TEMPORARY);
    a.emit(Translation.FCW_MASKS);
    e.interpretIf(CC_NZ);
    a.register(0, 0xf7, 2, TEMPORARY);
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32(VALID);
    a.register(0, 0x83, 1, TEMPORARY);
    a.emit(ONE);
    a.state(P66, 0x89, TEMPORARY, CpuState.FCW);
    a.state(0, 0xd9, 5, CpuState.FCW);
  }

  /** FNINIT. */
  private void initialize() {
    X87Thunks.initialize(a);
    // Status and tags in the state are of no meaning now.
    a.storeImmediate(CpuState.FCW, XsaveSpec.FCW_INIT);
    a.storeImmediate(CpuState.FIP, 0);
    a.storeImmediate(CpuState.FDP, 0);
    e.sites.currentX87 = Sites.NONE;
  }
}
