package isola.cpu.x86.simd;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.state.CpuState;
import java.util.Objects;

/** Moves across the lanes of YMM registers, which SSE does not have (Intel SDM vol. 2C). */
final class VexMoves {
  private VexMoves() {}

  /** VZEROUPPER, and VZEROALL for {@code all}. */
  static void zero(Cpu cpu, boolean all) {
    int registers = cpu.is64() ? 16 : 8;
    for (int r = 0; r < registers; r++) {
      SseMoves.upper(cpu, r, 0);
      if (all) {
        cpu.xmm(r, 0, 0);
      }
    }
  }

  /** Puts 16 bytes into a register, and 16 others or zero above them. */
  private static void put(Cpu cpu, Insn insn, int register, long low, long high) {
    long a = Operand.low(low);
    long b = Operand.high(low);
    SseMoves.upper(cpu, register, insn.l256 ? high : 0);
    Operand.put(Operand.xmm(cpu, register), a, b);
  }

  /** VBROADCASTSS, VPBROADCASTB and all their kin. */
  static void broadcast(Cpu cpu, Insn insn) {
    Form form = Objects.requireNonNull(insn.form);
    int size = form.memorySize();
    if (size == 0) {
      // Of a form that takes a register alone.
      size = form.operand(1).equals("Ud") ? 4 : 8;
    }
    long from = insn.rm >= 0 ? Operand.xmm(cpu, insn.rm) : Operand.memory(cpu, insn, size, false);
    long low = Operand.low(from);
    long high =
        switch (size) {
          case 1 -> (low & 0xff) * 0x0101_0101_0101_0101L;
          case 2 -> (low & 0xffff) * 0x0001_0001_0001_0001L;
          case 4 -> (low & 0xffff_ffffL) * 0x0000_0001_0000_0001L;
          case 8 -> low;
          default -> Operand.high(from);
        };
    long work = cpu.state + CpuState.SCRATCH;
    Operand.put(work, size == 16 ? low : high, high);
    put(cpu, insn, insn.reg, work, work);
  }

  /** VINSERTF128 and VINSERTI128. */
  static void insert(Cpu cpu, Insn insn) {
    long from = insn.rm >= 0 ? Operand.xmm(cpu, insn.rm) : Operand.memory(cpu, insn, 16, false);
    long work = cpu.state + CpuState.SCRATCH;
    Operand.put(work, Operand.low(from), Operand.high(from));
    if ((insn.imm & 1) != 0) {
      put(cpu, insn, insn.reg, Operand.xmm(cpu, insn.vvvv), work);
    } else {
      put(cpu, insn, insn.reg, work, Operand.ymmHigh(cpu, insn.vvvv));
    }
  }

  /** VEXTRACTF128 and VEXTRACTI128. */
  static void extract(Cpu cpu, Insn insn) {
    boolean upper = (insn.imm & 1) != 0;
    long from = upper ? Operand.ymmHigh(cpu, insn.reg) : Operand.xmm(cpu, insn.reg);
    long low = Operand.low(from);
    long high = Operand.high(from);
    if (insn.rm >= 0) {
      cpu.xmm(insn.rm, low, high);
      SseMoves.upper(cpu, insn.rm, 0);
      return;
    }
    long offset = cpu.effective(insn);
    cpu.checkStore(insn.segment, offset, 16);
    cpu.store(insn.segment, offset, 8, low);
    cpu.store(insn.segment, offset + 8, 8, high);
  }

  /** Host address of the 32 bytes of the second source, side by side. */
  private static long both(Cpu cpu, Insn insn) {
    if (insn.rm < 0) {
      return Operand.memory(cpu, insn, 32, false);
    }
    long copy = cpu.state + CpuState.SCRATCH_SOURCE;
    long low = Operand.xmm(cpu, insn.rm);
    long high = Operand.ymmHigh(cpu, insn.rm);
    Operand.put(copy, Operand.low(low), Operand.high(low));
    Operand.put(copy + 16, Operand.low(high), Operand.high(high));
    return copy;
  }

  /** VPERM2F128 and VPERM2I128: each half one of four, or zero. */
  static void permuteHalves(Cpu cpu, Insn insn) {
    long from = both(cpu, insn);
    long work = cpu.state + CpuState.SCRATCH;
    for (int i = 0; i < 2; i++) {
      int choice = (int) insn.imm >> 4 * i;
      long half =
          switch (choice & 3) {
            case 0 -> Operand.xmm(cpu, insn.vvvv);
            case 1 -> Operand.ymmHigh(cpu, insn.vvvv);
            case 2 -> from;
            default -> from + 16;
          };
      boolean none = (choice & 8) != 0;
      Operand.put(work + 16 * i, none ? 0 : Operand.low(half), none ? 0 : Operand.high(half));
    }
    put(cpu, insn, insn.reg, work, work + 16);
  }

  /** VPERMD and VPERMPS: eight elements chosen by those of the first source. */
  static void permute(Cpu cpu, Insn insn) {
    long from = both(cpu, insn);
    long work = cpu.state + CpuState.SCRATCH;
    for (int i = 0; i < 8; i++) {
      long orders = i < 4 ? Operand.xmm(cpu, insn.vvvv) : Operand.ymmHigh(cpu, insn.vvvv);
      int order = (int) SseMoves.element(orders, i & 3, 4) & 7;
      SseMoves.element(work, i, 4, SseMoves.element(from, order, 4));
    }
    put(cpu, insn, insn.reg, work, work + 16);
  }

  /** VPERMQ and VPERMPD: four elements chosen by two bits of the immediate each. */
  static void permuteQuads(Cpu cpu, Insn insn) {
    long from = both(cpu, insn);
    long work = cpu.state + CpuState.SCRATCH;
    for (int i = 0; i < 4; i++) {
      int order = (int) insn.imm >> 2 * i & 3;
      SseMoves.element(work, i, 8, SseMoves.element(from, order, 8));
    }
    put(cpu, insn, insn.reg, work, work + 16);
  }
}
