package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.L256;
import static isola.cpu.translator.HostAssembler.MAP_SHIFT;
import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.PF2;
import static isola.cpu.translator.HostAssembler.PF3;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Operands;

/** Re-encodes an instruction that has a VEX prefix. */
final class VexEmitter {
  private final Emitter e;
  private final HostAssembler a;

  VexEmitter(Emitter emitter) {
    e = emitter;
    a = emitter.a;
  }

  /**
   * Writes the instruction.
   *
   * @param last its last byte, which is the immediate if it has one
   * @param memory whether it has an operand in memory, which is where the probe said
   */
  void encode(Insn insn, Form form, byte last, boolean memory) {
    int flags = form.map() << MAP_SHIFT | (wide(insn, form) ? W : 0) | (insn.l256 ? L256 : 0);
    switch (form.prefix()) {
      case 0x66 -> flags |= P66;
      case 0xf2 -> flags |= PF2;
      case 0xf3 -> flags |= PF3;
      default -> {}
    }
    if (!form.hasModRm()) {
      a.vexAlone(flags, form.opcode());
      return;
    }
    Operands operands = form.operands();
    boolean namesReg = operands.has(Operands.GENERAL_REG);
    boolean namesVvvv = operands.has(Operands.GENERAL_VVVV);
    boolean namesRm = operands.has(Operands.GENERAL_RM) && !memory;
    int reg = form.extension() >= 0 ? form.extension() : insn.reg;
    int vvvv = Math.max(insn.vvvv, 0);
    int rm = insn.rm;
    boolean two = namesReg && namesVvvv;
    if (namesReg) {
      // Only ever a destination.
      reg = pinnedOr(TEMPORARY, insn.reg);
    }
    if (namesVvvv) {
      vvvv =
          Coverage.writesVvvv(insn)
              ? pinnedOr(two ? ADDRESS : TEMPORARY, insn.vvvv)
              : e.read(insn.vvvv, TEMPORARY);
    }
    if (namesRm) {
      int other = two ? ADDRESS : TEMPORARY;
      rm = form.rmIsDestination() ? pinnedOr(other, insn.rm) : e.read(insn.rm, other);
    }
    if ((namesVvvv && vvvv == ADDRESS) || (namesRm && rm == ADDRESS)) {
      e.useAddress();
    }
    if (memory) {
      a.vexMemory(flags, form.opcode(), reg, vvvv, ADDRESS, e.displacement);
    } else {
      a.vexRegister(flags, form.opcode(), reg, vvvv, rm);
    }
    if (form.has('L') && e.code.word == 4) {
      // Bit 7 would name one of the registers that are not there.
      a.emit(last & 0x7f);
    } else if (form.has('I') || form.has('L')) {
      a.emit(last);
    }
    // MULX with one register for both halves leaves the upper one in it.
    if (namesVvvv && Coverage.writesVvvv(insn)) {
      e.written(insn.vvvv, vvvv);
    }
    if (namesReg) {
      e.written(insn.reg, reg);
    }
    if (namesRm && form.rmIsDestination()) {
      e.written(insn.rm, rm);
    }
  }

  /**
   * VEX.W. Outside 64-bit code it tells rows apart, but widens no general operand, not even one
   * that is not named (Intel SDM vol. 2A 2.3.5.5).
   */
  private static boolean wide(Insn insn, Form form) {
    Form.Vex vex = form.vex();
    return insn.w && (insn.operandSize == 8 || (vex != null && vex.w() == 1));
  }

  private static int pinnedOr(int other, int guest) {
    int host = Layout.host(guest);
    return host >= 0 ? host : other;
  }
}
