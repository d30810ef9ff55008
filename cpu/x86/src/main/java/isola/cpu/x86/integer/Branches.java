package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Segment;

/** Near branches, calls, returns and loops (Intel SDM vol. 2). */
public final class Branches {
  private Branches() {}

  /** The target truncated to the operand size, checked; #GP(0) where execution cannot go. */
  static long target(Cpu cpu, long target, int size) {
    if (cpu.is64()) {
      if (!cpu.canonical(target)) {
        throw cpu.gp();
      }
      return target;
    }
    long truncated = target & (size == 2 ? 0xffff : 0xffff_ffffL);
    if (truncated > cpu.limit(Segment.CS)) {
      throw cpu.gp();
    }
    return truncated;
  }

  private static long relative(Cpu cpu, Insn insn) {
    return target(cpu, cpu.rip() + insn.length + insn.imm, insn.operandSize);
  }

  static void jump(Cpu cpu, Insn insn) {
    if (direct(insn)) {
      cpu.nextRip(relative(cpu, insn));
    } else {
      int size = insn.operandSize;
      cpu.nextRip(target(cpu, Operands.rm(cpu, insn, size), size));
    }
  }

  private static boolean direct(Insn insn) {
    return insn.form == null || insn.form.operand(0).charAt(0) == 'J';
  }

  static void jumpIf(Cpu cpu, Insn insn, boolean condition) {
    if (condition) {
      cpu.nextRip(relative(cpu, insn));
    }
  }

  static void call(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long to = direct(insn) ? relative(cpu, insn) : target(cpu, Operands.rm(cpu, insn, size), size);
    StackInstructions.push(cpu, size, cpu.nextRip());
    cpu.nextRip(to);
  }

  static void ret(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long to = target(cpu, StackInstructions.top(cpu, size), size);
    StackInstructions.release(cpu, size + (insn.imm & 0xffff));
    cpu.nextRip(to);
  }

  /** LOOP, LOOPE, LOOPNE: {@code also} is what must hold beside a count that is not 0. */
  static void loop(Cpu cpu, Insn insn, boolean also) {
    int size = insn.addressSize;
    long count = Operands.unsigned(cpu.gpr(Operands.RCX) - 1, size);
    if (count != 0 && also) {
      cpu.nextRip(relative(cpu, insn));
    }
    cpu.reg(Operands.RCX, size, true, count);
  }

  static void jcxz(Cpu cpu, Insn insn) {
    if (cpu.reg(Operands.RCX, insn.addressSize, true) == 0) {
      cpu.nextRip(relative(cpu, insn));
    }
  }
}
