package isola.qa.oracle;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.fpu.X87Instructions;
import isola.cpu.x86.integer.IntegerInstructions;
import isola.cpu.x86.simd.MmxInstructions;
import isola.cpu.x86.simd.SseInstructions;
import isola.cpu.x86.system.SystemInstructions;

/** One instruction by whichever part of the processor executes it. */
final class Semantics {
  private Semantics() {}

  static void step(Cpu cpu, Insn insn) {
    Form form = insn.form;
    if (form == null) {
      throw cpu.ud();
    }
    switch (form.group()) {
      case X87 -> X87Instructions.execute(cpu, insn);
      case MMX -> MmxInstructions.execute(cpu, insn);
      case SSE -> SseInstructions.execute(cpu, insn);
      case INTEGER -> IntegerInstructions.execute(cpu, insn);
      case SYSTEM -> SystemInstructions.execute(cpu, insn);
    }
  }
}
