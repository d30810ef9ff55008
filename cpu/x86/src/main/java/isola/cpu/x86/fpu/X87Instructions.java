package isola.cpu.x86.fpu;

import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * Executes an x87 instruction (Intel SDM vol. 1, chapter 8; vol. 2A, the F instructions).
 *
 * <p>An exception that is not masked waits until the next instruction that looks for it and is then
 * #MF; with CR0.NE clear too, as there is no FERR# line.
 */
public final class X87Instructions {
  private X87Instructions() {}

  /** Executes one instruction of the table's x87 group. */
  public static void execute(Cpu cpu, Insn insn) {
    int cr0 = (int) cpu.cr0();
    if (insn.op == Op.FWAIT) {
      if ((cr0 & (Cr0.MP | Cr0.TS)) == (Cr0.MP | Cr0.TS)) {
        throw cpu.fault(Vector.NM);
      }
      checkPending(cpu);
      return;
    }
    if ((cr0 & (Cr0.EM | Cr0.TS)) != 0) {
      throw cpu.fault(Vector.NM);
    }
    switch (insn.op) {
      case FNINIT,
          FNCLEX,
          FNSTCW,
          FNSTSW,
          FNSTENV,
          FNSAVE,
          FNENI,
          FNDISI,
          FNSETPM,
          FLDCW,
          FLDENV,
          FRSTOR ->
          control(cpu, insn);
      default -> {
        checkPending(cpu);
        if (insn.memory()) {
          long offset = cpu.effective(insn);
          memory(cpu, insn, offset);
          remember(cpu, insn);
          if (pending(cpu)) {
            rememberData(cpu, insn, offset);
          }
        } else {
          registers(cpu, insn);
        }
      }
    }
  }

  /** #MF if an exception waits. */
  public static void checkPending(Cpu cpu) {
    if (pending(cpu)) {
      throw cpu.fault(Vector.MF);
    }
  }

  private static boolean pending(Cpu cpu) {
    return (X87.fsw(cpu) & X87Spec.ES) != 0;
  }

  /** The opcode byte, D8 to DF. */
  private static int opcode(Insn insn) {
    Form form = insn.form;
    return form == null ? 0 : form.opcode();
  }

  /**
   * Notes where the last instruction is. The opcode and, as CPUID says, the operand's address are
   * kept of one that raised an exception which is not masked (Intel SDM vol. 1, 8.1.8 and 8.1.9).
   */
  private static void remember(Cpu cpu, Insn insn) {
    long at = cpu.rip();
    boolean real = !cpu.protectedMode() || cpu.v86();
    cpu.field(CpuState.FIP, real ? at + cpu.base(Segment.CS) : at);
    if (!pending(cpu)) {
      return;
    }
    int modRm = insn.memory() ? insn.reg << 3 : 0xc0 | insn.reg << 3 | insn.rm;
    RawMemory.putShort(cpu.state + CpuState.FOP, (short) ((opcode(insn) & 7) << 8 | modRm));
  }

  private static void rememberData(Cpu cpu, Insn insn, long offset) {
    boolean real = !cpu.protectedMode() || cpu.v86();
    cpu.field(CpuState.FDP, real ? offset + cpu.base(insn.segment) : offset);
  }

  private static void control(Cpu cpu, Insn insn) {
    int seg = insn.segment;
    long offset = insn.memory() ? cpu.effective(insn) : 0;
    // An environment's format follows the operand size alone: there is no 64-bit one.
    int size = insn.operandSize == 2 ? 2 : 4;
    switch (insn.op) {
      case FNINIT -> X87Memory.initialize(cpu);
      case FNCLEX -> X87Memory.clearExceptions(cpu);
      case FNSTCW -> cpu.store(seg, offset, 2, X87.fcw(cpu));
      case FNSTSW -> {
        if (insn.memory()) {
          cpu.store(seg, offset, 2, X87.fsw(cpu));
        } else {
          cpu.reg(0, 2, true, X87.fsw(cpu));
        }
      }
      case FNSTENV -> X87Memory.storeEnvironment(cpu, seg, offset, size);
      case FNSAVE -> X87Memory.save(cpu, seg, offset, size);
      case FLDCW -> {
        checkPending(cpu);
        X87Memory.loadControl(cpu, seg, offset);
      }
      case FLDENV -> {
        checkPending(cpu);
        X87Memory.loadEnvironment(cpu, seg, offset, size);
      }
      case FRSTOR -> {
        checkPending(cpu);
        X87Memory.restore(cpu, seg, offset, size);
      }
      default -> {}
    }
  }

  /** The format of a memory operand of the arithmetic instructions: by opcode bits 2:1. */
  private static int format(Insn insn) {
    return switch (opcode(insn) >> 1 & 3) {
      case 0 -> X87Memory.FLOAT;
      case 1 -> X87Memory.INT32;
      case 2 -> X87Memory.DOUBLE;
      default -> X87Memory.INT16;
    };
  }

  private static void memory(Cpu cpu, Insn insn, long offset) {
    int seg = insn.segment;
    int format = format(insn);
    // The upper half of DB and DF has the long formats.
    boolean large = (opcode(insn) & 3) == 3 && insn.reg >= 4;
    switch (insn.op) {
      case FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR, FIADD, FIMUL, FISUB, FISUBR, FIDIV, FIDIVR ->
          X87Arithmetic.binaryLoaded(cpu, X87Memory.operand(cpu, seg, offset, format), insn.reg);
      case FCOM, FICOM ->
          X87Arithmetic.compareLoaded(cpu, X87Memory.operand(cpu, seg, offset, format), 0);
      case FCOMP, FICOMP ->
          X87Arithmetic.compareLoaded(cpu, X87Memory.operand(cpu, seg, offset, format), 1);
      case FLD -> X87Memory.load(cpu, seg, offset, large ? X87Memory.EXTENDED : format);
      case FST -> X87Memory.store(cpu, seg, offset, format, false, 0);
      case FSTP -> X87Memory.store(cpu, seg, offset, large ? X87Memory.EXTENDED : format, false, 1);
      case FILD -> X87Memory.load(cpu, seg, offset, large ? X87Memory.INT64 : format);
      case FIST -> X87Memory.store(cpu, seg, offset, format, false, 0);
      case FISTP -> X87Memory.store(cpu, seg, offset, large ? X87Memory.INT64 : format, false, 1);
      case FISTTP -> {
        int to = format == X87Memory.DOUBLE ? X87Memory.INT64 : format;
        X87Memory.store(cpu, seg, offset, to, true, 1);
      }
      case FBLD -> X87Memory.load(cpu, seg, offset, X87Memory.DECIMAL);
      case FBSTP -> X87Memory.store(cpu, seg, offset, X87Memory.DECIMAL, false, 1);
      default -> throw cpu.ud();
    }
  }

  private static void registers(Cpu cpu, Insn insn) {
    int i = insn.rm & 7;
    boolean toStack = (opcode(insn) & 4) != 0;
    switch (insn.op) {
      case FADD -> binary(cpu, Float80.ADD, i, toStack, 0);
      case FMUL -> binary(cpu, Float80.MUL, i, toStack, 0);
      case FSUB -> binary(cpu, Float80.SUB, i, toStack, 0);
      case FSUBR -> binary(cpu, Float80.SUBR, i, toStack, 0);
      case FDIV -> binary(cpu, Float80.DIV, i, toStack, 0);
      case FDIVR -> binary(cpu, Float80.DIVR, i, toStack, 0);
      case FADDP -> binary(cpu, Float80.ADD, i, true, 1);
      case FMULP -> binary(cpu, Float80.MUL, i, true, 1);
      case FSUBP -> binary(cpu, Float80.SUB, i, true, 1);
      case FSUBRP -> binary(cpu, Float80.SUBR, i, true, 1);
      case FDIVP -> binary(cpu, Float80.DIV, i, true, 1);
      case FDIVRP -> binary(cpu, Float80.DIVR, i, true, 1);
      case FCOM -> X87Arithmetic.compare(cpu, i, false, 0);
      case FCOMP -> X87Arithmetic.compare(cpu, i, false, 1);
      case FCOMPP -> X87Arithmetic.compare(cpu, 1, false, 2);
      case FUCOM -> X87Arithmetic.compare(cpu, i, true, 0);
      case FUCOMP -> X87Arithmetic.compare(cpu, i, true, 1);
      case FUCOMPP -> X87Arithmetic.compare(cpu, 1, true, 2);
      case FCOMI -> X87Arithmetic.compareToFlags(cpu, i, false, 0);
      case FCOMIP -> X87Arithmetic.compareToFlags(cpu, i, false, 1);
      case FUCOMI -> X87Arithmetic.compareToFlags(cpu, i, true, 0);
      case FUCOMIP -> X87Arithmetic.compareToFlags(cpu, i, true, 1);
      default -> others(cpu, insn, i);
    }
    remember(cpu, insn);
  }

  private static void binary(Cpu cpu, int op, int i, boolean toStack, int pops) {
    X87Arithmetic.binary(cpu, op, toStack ? i : 0, toStack ? 0 : i, pops);
  }

  private static void others(Cpu cpu, Insn insn, int i) {
    switch (insn.op) {
      case FLD -> X87Arithmetic.duplicate(cpu, i);
      case FST -> X87Arithmetic.copy(cpu, i, 0);
      case FSTP -> {
        if (opcode(insn) == 0xd9) {
          X87Arithmetic.copyUnchecked(cpu, i);
        } else {
          X87Arithmetic.copy(cpu, i, 1);
        }
      }
      case FXCH -> X87Arithmetic.exchange(cpu, i);
      case FFREE -> X87Arithmetic.free(cpu, i);
      case FFREEP -> {
        X87Arithmetic.free(cpu, i);
        X87.pop(cpu);
      }
      case FDECSTP -> X87Memory.turn(cpu, -1);
      case FINCSTP -> X87Memory.turn(cpu, 1);
      case FCHS -> X87Arithmetic.sign(cpu, 0x8000, 0);
      case FABS -> X87Arithmetic.sign(cpu, 0, 0x8000);
      case FTST -> X87Arithmetic.compareZero(cpu);
      case FXAM -> X87Arithmetic.examine(cpu);
      case FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ -> X87Arithmetic.constant(cpu, i);
      case FSQRT -> X87Arithmetic.unary(cpu, X87Arithmetic.SQRT);
      case FRNDINT -> X87Arithmetic.unary(cpu, X87Arithmetic.RNDINT);
      case F2XM1 -> X87Arithmetic.unary(cpu, X87Arithmetic.F2XM1);
      case FSCALE -> X87Arithmetic.function(cpu, X87Arithmetic.SCALE);
      case FPREM -> X87Arithmetic.function(cpu, X87Arithmetic.PREM);
      case FPREM1 -> X87Arithmetic.function(cpu, X87Arithmetic.PREM1);
      case FYL2X -> X87Arithmetic.function(cpu, X87Arithmetic.YL2X);
      case FYL2XP1 -> X87Arithmetic.function(cpu, X87Arithmetic.YL2XP1);
      case FPATAN -> X87Arithmetic.function(cpu, X87Arithmetic.PATAN);
      case FXTRACT -> X87Arithmetic.extract(cpu);
      case FSIN -> X87Arithmetic.sine(cpu, false);
      case FCOS -> X87Arithmetic.sine(cpu, true);
      case FPTAN -> X87Arithmetic.tangent(cpu, false);
      case FSINCOS -> X87Arithmetic.tangent(cpu, true);
      case FNOP -> {}
      default -> moves(cpu, insn, i);
    }
  }

  private static void moves(Cpu cpu, Insn insn, int i) {
    long flags = cpu.rflags();
    boolean below = (flags & Rflags.CF) != 0;
    boolean equal = (flags & Rflags.ZF) != 0;
    boolean unordered = (flags & Rflags.PF) != 0;
    boolean condition =
        switch (insn.op) {
          case FCMOVB -> below;
          case FCMOVE -> equal;
          case FCMOVBE -> below || equal;
          case FCMOVU -> unordered;
          case FCMOVNB -> !below;
          case FCMOVNE -> !equal;
          case FCMOVNBE -> !below && !equal;
          case FCMOVNU -> !unordered;
          default -> throw cpu.ud();
        };
    X87Arithmetic.move(cpu, i, condition);
  }
}
