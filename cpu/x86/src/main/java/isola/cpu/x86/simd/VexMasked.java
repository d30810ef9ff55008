package isola.cpu.x86.simd;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.state.CpuState;

/** Moves of elements that a mask chooses: the others are not touched and cannot fault. */
final class VexMasked {
  private VexMasked() {}

  /** Host address of element {@code i} of a YMM register. */
  private static long element(Cpu cpu, int register, int i, int size) {
    int at = i * size;
    return at < 16 ? Operand.xmm(cpu, register) + at : Operand.ymmHigh(cpu, register) + at - 16;
  }

  private static long get(Cpu cpu, int register, int i, int size) {
    return SseMoves.element(element(cpu, register, i, size), 0, size);
  }

  private static boolean chosen(Cpu cpu, int mask, int i, int size) {
    return (get(cpu, mask, i, size) >>> size * 8 - 1 & 1) != 0;
  }

  /** VMASKMOVPS and its kin, in both directions. */
  static void move(Cpu cpu, Insn insn, int size) {
    int count = (insn.l256 ? 32 : 16) / size;
    long offset = cpu.effective(insn);
    // 2C, 2D and 8C load; 2E, 2F and 8E store.
    if ((Operand.opcode(insn) & 2) != 0) {
      for (int i = 0; i < count; i++) {
        if (chosen(cpu, insn.vvvv, i, size)) {
          cpu.checkStore(insn.segment, offset + (long) i * size, size);
        }
      }
      for (int i = 0; i < count; i++) {
        if (chosen(cpu, insn.vvvv, i, size)) {
          long value = get(cpu, insn.reg, i, size);
          cpu.store(insn.segment, offset + (long) i * size, size, value);
        }
      }
      return;
    }
    long work = cpu.state + CpuState.SCRATCH;
    for (int i = 0; i < count; i++) {
      boolean load = chosen(cpu, insn.vvvv, i, size);
      long value = load ? cpu.load(insn.segment, offset + (long) i * size, size) : 0;
      SseMoves.element(work, i, size, value);
    }
    cpu.xmm(insn.reg, Operand.low(work), Operand.high(work));
    SseMoves.upper(cpu, insn.reg, insn.l256 ? work + 16 : 0);
  }

  /**
   * VPGATHERDD and its kin. A fault leaves what was gathered before it and clears the mask of those
   * elements, so that the instruction goes on there when it is executed again.
   */
  static void gather(Cpu cpu, Insn insn) {
    int to = insn.reg;
    int mask = insn.vvvv;
    if (to == mask || to == insn.index || mask == insn.index) {
      throw cpu.ud();
    }
    int size = insn.w ? 8 : 4;
    int indexSize = (Operand.opcode(insn) & 1) != 0 ? 8 : 4;
    int count = (insn.l256 ? 32 : 16) / Math.max(size, indexSize);
    for (int i = 0; i < count; i++) {
      if (chosen(cpu, mask, i, size)) {
        long value = cpu.load(insn.segment, offset(cpu, insn, i, indexSize), size);
        SseMoves.element(element(cpu, to, i, size), 0, size, value);
      }
      SseMoves.element(element(cpu, mask, i, size), 0, size, 0);
    }
    cpu.xmm(mask, 0, 0);
    SseMoves.upper(cpu, mask, 0);
    int bytes = count * size;
    if (bytes == 8) {
      cpu.xmm(to, cpu.xmmLow(to), 0);
    }
    if (bytes <= 16) {
      SseMoves.upper(cpu, to, 0);
    }
  }

  private static long offset(Cpu cpu, Insn insn, int i, int indexSize) {
    long index = get(cpu, insn.index, i, indexSize);
    long offset = insn.displacement + ((indexSize == 4 ? (int) index : index) << insn.scale);
    if (insn.base >= 0) {
      offset += cpu.gpr(insn.base);
    }
    return insn.addressSize == 8 ? offset : offset & 0xffff_ffffL;
  }
}
