package isola.cpu.translator;

import isola.cpu.x86.decode.Insn;

/** Puts host code where it does not belong: how tests make generated code fault. */
@FunctionalInterface
interface FaultPlanter {
  /** May write host code before that of a guest instruction. */
  void plant(HostAssembler assembler, Insn before);
}
