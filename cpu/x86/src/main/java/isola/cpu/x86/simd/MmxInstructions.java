package isola.cpu.x86.simd;

import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.Packed;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.fpu.X87;
import isola.cpu.x86.fpu.X87Instructions;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * MMX instructions (Intel SDM vol. 1, chapter 9; vol. 3A 12). MM0 to MM7 are the significands of
 * the physical x87 registers; each instruction makes register 0 the top and tags all as used.
 */
public final class MmxInstructions {
  private MmxInstructions() {}

  /** Executes one instruction of the table's MMX group. */
  public static void execute(Cpu cpu, Insn insn) {
    check(cpu);
    switch (insn.op) {
      case EMMS -> {
        begin(cpu);
        RawMemory.putByte(cpu.state + CpuState.FTW, (byte) 0);
      }
      case MOVD -> {
        int size = insn.operandSize == 8 ? 8 : 4;
        if (Operand.opcode(insn) == 0x6e) {
          long value = Operand.general(cpu, insn, size);
          begin(cpu);
          set(cpu, insn.reg, value);
        } else {
          toGeneralOrMemory(cpu, insn, size);
        }
      }
      case MOVQ -> {
        if (Operand.opcode(insn) == 0x6f) {
          long value = source(cpu, insn, 8);
          begin(cpu);
          set(cpu, insn.reg, value);
        } else if (insn.rm >= 0) {
          begin(cpu);
          set(cpu, insn.rm, get(cpu, insn.reg));
        } else {
          store(cpu, insn);
        }
      }
      case MOVNTQ -> store(cpu, insn);
      case PMOVMSKB -> {
        begin(cpu);
        cpu.gpr(insn.reg, Packed.byteMask(get(cpu, insn.rm)));
      }
      case MASKMOVQ -> maskedStore(cpu, insn);
      case PEXTRW -> {
        begin(cpu);
        cpu.gpr(insn.reg, get(cpu, insn.rm) >>> ((insn.imm & 3) << 4) & 0xffff);
      }
      case PINSRW -> {
        long value = Operand.general(cpu, insn, 2);
        begin(cpu);
        int at = (int) (insn.imm & 3) << 4;
        set(cpu, insn.reg, get(cpu, insn.reg) & ~(0xffffL << at) | (value & 0xffff) << at);
      }
      case PSRLW, PSRLD, PSRLQ, PSRAW, PSRAD, PSLLW, PSLLD, PSLLQ -> shift(cpu, insn);
      default -> {
        // Only the low half of PUNPCKL's source is read from memory.
        boolean half = insn.op == Op.PUNPCKLBW || insn.op == Op.PUNPCKLWD;
        half |= insn.op == Op.PUNPCKLDQ;
        long b = source(cpu, insn, half ? 4 : 8);
        begin(cpu);
        set(cpu, insn.reg, combine(insn, get(cpu, insn.reg), b));
      }
    }
  }

  /** The faults that every MMX instruction may raise before it does anything. */
  static void check(Cpu cpu) {
    int cr0 = (int) cpu.cr0();
    if ((cr0 & (Cr0.EM | Cr0.TS)) != 0) {
      throw (cr0 & Cr0.EM) != 0 ? cpu.ud() : cpu.fault(Vector.NM);
    }
    X87Instructions.checkPending(cpu);
  }

  /** Turns the x87 registers into MMX registers; nothing can fault from here on. */
  static void begin(Cpu cpu) {
    X87.topZero(cpu);
    RawMemory.putByte(cpu.state + CpuState.FTW, (byte) 0xff);
  }

  /** MMX register {@code r}; only after {@link #begin}. */
  static long get(Cpu cpu, int r) {
    return RawMemory.getLong(cpu.state + CpuState.ST + ((long) r << 4));
  }

  /** Sets MMX register {@code r} and the exponent above it to all ones. */
  static void set(Cpu cpu, int r, long value) {
    RawMemory.putLong(cpu.state + CpuState.ST + ((long) r << 4), value);
    RawMemory.putLong(cpu.state + CpuState.ST + ((long) r << 4) + 8, 0xffff);
  }

  /** MMX register {@code r} before {@link #begin}. */
  private static long peek(Cpu cpu, int r) {
    return X87.physical(cpu, r);
  }

  /** The source operand: a register, or {@code size} bytes of memory, which may fault. */
  static long source(Cpu cpu, Insn insn, int size) {
    return insn.rm >= 0 ? peek(cpu, insn.rm) : cpu.load(insn.segment, cpu.effective(insn), size);
  }

  private static void toGeneralOrMemory(Cpu cpu, Insn insn, int size) {
    long value = peek(cpu, insn.reg);
    Operand.toGeneral(cpu, insn, size, size == 8 ? value : value & 0xffff_ffffL);
    begin(cpu);
  }

  private static void store(Cpu cpu, Insn insn) {
    Operand.storePart(cpu, insn, 8, peek(cpu, insn.reg));
    begin(cpu);
  }

  private static void maskedStore(Cpu cpu, Insn insn) {
    long value = peek(cpu, insn.reg);
    long mask = peek(cpu, insn.rm);
    SseMoves.storeBytes(cpu, insn, value, 0, mask, 0, 8);
    begin(cpu);
  }

  private static void shift(Cpu cpu, Insn insn) {
    if (Operand.opcode(insn) < 0x74) {
      begin(cpu);
      set(cpu, insn.rm, Lanes.shift(insn.op, get(cpu, insn.rm), insn.imm & 0xff));
    } else {
      long count = source(cpu, insn, 8);
      begin(cpu);
      set(cpu, insn.reg, Lanes.shift(insn.op, get(cpu, insn.reg), count));
    }
  }

  private static long combine(Insn insn, long a, long b) {
    Op op = insn.op;
    int imm = (int) insn.imm & 0xff;
    return switch (op) {
      case PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ ->
          Packed.interleave((int) a, (int) b, Lanes.elementSize(op));
      case PUNPCKHBW, PUNPCKHWD, PUNPCKHDQ ->
          Packed.interleave((int) (a >>> 32), (int) (b >>> 32), Lanes.elementSize(op));
      case PACKSSWB, PACKUSWB, PACKSSDW, PHADDW, PHADDD, PHADDSW, PHSUBW, PHSUBD, PHSUBSW ->
          Lanes.narrow(op, a, b);
      case PSHUFW -> Packed.shuffleWords(b, imm);
      case PSHUFB -> Packed.shuffleBytes(a, 0, b, 7);
      case PALIGNR ->
          imm < 8 ? Packed.join(a, b, imm * 8) : imm < 16 ? Packed.join(0, a, imm * 8 - 64) : 0;
      default -> Lanes.combine(op, a, b);
    };
  }
}
