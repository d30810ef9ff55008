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
 * FNSTENV changes none of it, as all are masked already.
 */
final class X87Emitter {
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
      case FNSTENV -> {
        e.settleX87();
        e.operand(insn, X87Thunks.ENVIRONMENT, true, false, live);
        environment(e.thunks.storeX87Environment);
      }
      case FLDENV -> {
        e.operand(insn, X87Thunks.ENVIRONMENT, false, false, live);
        check(live);
        environment(e.thunks.loadX87Environment);
        e.sites.currentX87 = Sites.NONE;
      }
      default -> initialize();
    }
  }

  /** Has a function work on the operand. */
  private void environment(long function) {
    if (e.displacement != 0) {
      a.lea(ADDRESS, ADDRESS, e.displacement);
    }
    e.useAddress();
    a.call(function);
  }

  /**
   * Reads the control word of the operand and leaves to Java if it unmasks an exception, which is
   * the interpreter's, as what follows is then. {@link Layout#TEMPORARY} holds its complement.
   */
  private void check(int live) {
    e.protectFlags(live);
    e.inHost = false;
    a.memory(MAP_0F, 0xb7, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
    a.register(0, 0xf7, 2, TEMPORARY);
    a.register(REX, 0xf6, 0, TEMPORARY);
    a.emit(Translation.FCW_MASKS);
    e.interpretIf(CC_NZ);
  }

  /**
   * FLDCW of the operand itself, as some hosts take long for FLDCW of what was stored just before.
   * Where another processor may have changed it behind the check, Java executes it again.
   */
  private void load(Insn insn, int live) {
    e.operand(insn, 2, false, false, live);
    check(live);
    a.register(0, 0xf7, 2, TEMPORARY);
    a.memory(0, 0xd9, 5, ADDRESS, NONE, 0, e.displacement);
    if (!e.alone) {
      a.memory(P66, 0x3b, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
      e.interpretIf(CC_NZ);
    }
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32(X87Thunks.FCW_VALID);
    a.register(0, 0x83, 1, TEMPORARY);
    a.emit(X87Thunks.FCW_ONE);
    a.state(P66, 0x89, TEMPORARY, CpuState.FCW);
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
