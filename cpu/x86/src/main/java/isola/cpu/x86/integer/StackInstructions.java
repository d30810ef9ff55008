package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Segment;

/** PUSH, POP, PUSHA, POPA, ENTER, LEAVE (Intel SDM vol. 2). */
public final class StackInstructions {
  private StackInstructions() {}

  /** Pushes {@code size} bytes; on a fault the stack pointer stays. */
  static void push(Cpu cpu, int size, long value) {
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    long at = (old - size) & mask;
    cpu.store(Segment.SS, at, size, value);
    pointer(cpu, old, mask, at);
  }

  /** Sets the bits of the stack pointer that count. */
  static void pointer(Cpu cpu, long old, long mask, long value) {
    // A 32-bit stack pointer is zero-extended, a 16-bit one keeps what stands above.
    long kept = mask == 0xffff ? old & ~mask : 0;
    cpu.gpr(Operands.RSP, kept | (value & mask));
  }

  /** What is on top of the stack. */
  static long top(Cpu cpu, int size) {
    return cpu.load(Segment.SS, cpu.gpr(Operands.RSP) & cpu.stackMask(), size);
  }

  /** Moves the stack pointer up. */
  static void release(Cpu cpu, long bytes) {
    long old = cpu.gpr(Operands.RSP);
    pointer(cpu, old, cpu.stackMask(), old + bytes);
  }

  static void push(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    String operand = insn.form == null ? "" : insn.form.operand(0);
    switch (operand) {
      case "Zv" -> push(cpu, size, Operands.reg(cpu, insn, size));
      case "Ev" -> push(cpu, size, Operands.rm(cpu, insn, size));
      case "Iz", "Ibs" -> push(cpu, size, insn.imm);
      default -> pushSegment(cpu, size, segment(operand));
    }
  }

  private static int segment(String name) {
    return switch (name) {
      case "ES" -> Segment.ES;
      case "CS" -> Segment.CS;
      case "SS" -> Segment.SS;
      case "DS" -> Segment.DS;
      case "FS" -> Segment.FS;
      default -> Segment.GS;
    };
  }

  private static void pushSegment(Cpu cpu, int size, int segment) {
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    long at = (old - size) & mask;
    // With a 32-bit operand processors write 16 bits and leave the rest of the slot.
    cpu.store(Segment.SS, at, size == 4 ? 2 : size, cpu.selector(segment) & 0xffff);
    pointer(cpu, old, mask, at);
  }

  static void pop(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long value = top(cpu, size);
    if (insn.form != null && insn.form.operand(0).equals("Zv")) {
      release(cpu, size);
      Operands.reg(cpu, insn, size, value);
      return;
    }
    // The address of a memory operand is worked out with the pointer already moved.
    long old = cpu.gpr(Operands.RSP);
    release(cpu, size);
    try {
      Operands.rm(cpu, insn, size, value);
    } catch (Fault fault) {
      cpu.gpr(Operands.RSP, old);
      throw fault;
    }
  }

  static void pusha(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    for (int i = 0; i < 8; i++) {
      cpu.checkStore(Segment.SS, (old - (long) (i + 1) * size) & mask, size);
    }
    for (int i = 0; i < 8; i++) {
      cpu.store(Segment.SS, (old - (long) (i + 1) * size) & mask, size, cpu.reg(i, size, true));
    }
    pointer(cpu, old, mask, old - 8L * size);
  }

  static void popa(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    for (int i = 0; i < 8; i++) {
      cpu.checkLoad(Segment.SS, (old + (long) i * size) & mask, size);
    }
    for (int i = 0; i < 8; i++) {
      long value = cpu.load(Segment.SS, (old + (long) i * size) & mask, size);
      if (7 - i != Operands.RSP) {
        cpu.reg(7 - i, size, true, value);
      }
    }
    pointer(cpu, old, mask, old + 8L * size);
  }

  static void enter(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    int level = insn.imm2 & 31;
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    long sp = old - size;
    long frame = cpu.gpr(Operands.RBP);
    cpu.store(Segment.SS, sp & mask, size, frame);
    // The bits above a 16-bit stack pointer are part of the frame pointer as they stand.
    long newFrame = (old & ~mask) | (sp & mask);
    long from = frame;
    for (int i = 1; i < level; i++) {
      from -= size;
      sp -= size;
      cpu.store(Segment.SS, sp & mask, size, cpu.load(Segment.SS, from & mask, size));
    }
    if (level > 0) {
      sp -= size;
      cpu.store(Segment.SS, sp & mask, size, newFrame);
    }
    sp -= insn.imm & 0xffff;
    // The end of the new frame must be writable, or nothing happened.
    cpu.checkStore(Segment.SS, sp & mask, size);
    cpu.reg(Operands.RBP, size, true, newFrame);
    pointer(cpu, old, mask, sp);
  }

  static void leave(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long mask = cpu.stackMask();
    long old = cpu.gpr(Operands.RSP);
    long frame = cpu.gpr(Operands.RBP) & mask;
    long value = cpu.load(Segment.SS, frame, size);
    pointer(cpu, old, mask, frame + size);
    cpu.reg(Operands.RBP, size, true, value);
  }
}
