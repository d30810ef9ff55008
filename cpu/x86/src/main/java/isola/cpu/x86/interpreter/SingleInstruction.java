package isola.cpu.x86.interpreter;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.fpu.X87Instructions;
import isola.cpu.x86.integer.IntegerInstructions;
import isola.cpu.x86.simd.MmxInstructions;
import isola.cpu.x86.simd.SseInstructions;
import isola.cpu.x86.system.SystemInstructions;
import isola.cpu.x86.system.Tsc;

/** The general semantics of every instruction, one at a time, for an {@link Accelerator}. */
public final class SingleInstruction {
  private SingleInstruction() {}

  /** See {@link Tsc#ticks}. */
  public static long ticks(long nanos, long hz) {
    return Tsc.ticks(nanos, hz);
  }

  /**
   * Executes an instruction of the current code segment at {@link Insn#rip}. RIP stays; {@link
   * Cpu#nextRip} says where execution goes on.
   *
   * @throws isola.cpu.x86.cpu.Fault if it faults, with the processor as it was before
   */
  public static void execute(Cpu cpu, Insn insn) {
    cpu.begin(insn.rip, insn.length);
    Form form = insn.form;
    if (form == null) {
      throw cpu.ud();
    }
    switch (form.group()) {
      case INTEGER -> IntegerInstructions.execute(cpu, insn);
      case SYSTEM -> SystemInstructions.execute(cpu, insn);
      case SSE -> SseInstructions.execute(cpu, insn);
      case MMX -> MmxInstructions.execute(cpu, insn);
      case X87 -> X87Instructions.execute(cpu, insn);
    }
  }
}
