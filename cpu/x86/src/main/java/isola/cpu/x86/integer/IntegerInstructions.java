package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;
import isola.cpu.x86.system.FlagInstructions;
import java.lang.invoke.VarHandle;

/**
 * Executes the instructions of the group INTEGER in every mode. The caller has set {@link Cpu#rip}
 * and {@link Cpu#nextRip} with {@link Cpu#begin} and commits the latter afterwards.
 */
public final class IntegerInstructions {
  private IntegerInstructions() {}

  /** Executes one instruction. */
  public static void execute(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case MOV -> Moves.mov(cpu, insn);
      case ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT ->
          Arithmetic.execute(cpu, insn, Arithmetic.number(insn.op));
      case LEA -> Operands.reg(cpu, insn, insn.operandSize, cpu.effective(insn));
      case MOVZX -> Moves.extend(cpu, insn, false);
      case MOVSX, MOVSXD -> Moves.extend(cpu, insn, true);
      case PUSH -> StackInstructions.push(cpu, insn);
      case POP -> StackInstructions.pop(cpu, insn);
      case CALL -> Branches.call(cpu, insn);
      case RET -> Branches.ret(cpu, insn);
      case JMP -> Branches.jump(cpu, insn);
      case SHL, SHR, SAR, ROL, ROR, RCL, RCR -> Shifts.execute(cpu, insn);
      case SHLD -> Shifts.pair(cpu, insn, true);
      case SHRD -> Shifts.pair(cpu, insn, false);
      case IMUL -> {
        if (Operands.shape(insn) == Form.Shape.E) {
          MultiplyDivide.wide(cpu, insn, true);
        } else {
          MultiplyDivide.imul(cpu, insn);
        }
      }
      case MUL -> MultiplyDivide.wide(cpu, insn, false);
      case DIV -> MultiplyDivide.divide(cpu, insn, false);
      case IDIV -> MultiplyDivide.divide(cpu, insn, true);
      case MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS -> StringInstructions.execute(cpu, insn);
      case BT, BTS, BTR, BTC -> BitInstructions.test(cpu, insn, Arithmetic.number(insn.op));
      case BSF -> BitInstructions.scan(cpu, insn, false);
      case BSR -> BitInstructions.scan(cpu, insn, true);
      case XCHG -> Exchanges.xchg(cpu, insn);
      case XADD -> Exchanges.xadd(cpu, insn);
      case CMPXCHG -> Exchanges.cmpxchg(cpu, insn);
      case CMPXCHG8B -> Exchanges.cmpxchgPair(cpu, insn);
      case NOP, PAUSE, PREFETCH, PREFETCHW -> {}
      default -> conditional(cpu, insn);
    }
  }

  private static void conditional(Cpu cpu, Insn insn) {
    int condition = condition(insn.op);
    if (condition < 0) {
      rest(cpu, insn);
      return;
    }
    switch (Operands.shape(insn)) {
      case E -> Operands.rm(cpu, insn, 1, cpu.flags.condition(condition) ? 1 : 0);
      case G_E -> Moves.cmov(cpu, insn, condition);
      default -> Branches.jumpIf(cpu, insn, cpu.flags.condition(condition));
    }
  }

  /** The condition's number of Jcc, SETcc and CMOVcc, or -1. */
  public static int condition(Op op) {
    return switch (op) {
      case JO, SETO, CMOVO -> 0;
      case JNO, SETNO, CMOVNO -> 1;
      case JB, SETB, CMOVB -> 2;
      case JNB, SETNB, CMOVNB -> 3;
      case JZ, SETZ, CMOVZ -> 4;
      case JNZ, SETNZ, CMOVNZ -> 5;
      case JBE, SETBE, CMOVBE -> 6;
      case JNBE, SETNBE, CMOVNBE -> 7;
      case JS, SETS, CMOVS -> 8;
      case JNS, SETNS, CMOVNS -> 9;
      case JP, SETP, CMOVP -> 10;
      case JNP, SETNP, CMOVNP -> 11;
      case JL, SETL, CMOVL -> 12;
      case JNL, SETNL, CMOVNL -> 13;
      case JLE, SETLE, CMOVLE -> 14;
      case JNLE, SETNLE, CMOVNLE -> 15;
      default -> -1;
    };
  }

  private static void rest(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case CLI -> FlagInstructions.cli(cpu);
      case STI -> FlagInstructions.sti(cpu);
      case PUSHF -> FlagInstructions.pushf(cpu, insn);
      case POPF -> FlagInstructions.popf(cpu, insn);
      case CLC -> cpu.carry(false);
      case STC -> cpu.carry(true);
      case CMC -> cpu.carry(cpu.carry() == 0);
      case CLD -> cpu.directionFlag(false);
      case STD -> cpu.directionFlag(true);
      case LAHF -> Moves.lahf(cpu);
      case SAHF -> Moves.sahf(cpu);
      case SALC -> cpu.reg(0, 1, false, -cpu.carry());
      case CBW -> Moves.widenAccumulator(cpu, insn);
      case CWD -> Moves.signToData(cpu, insn);
      case XLAT -> Moves.xlat(cpu, insn);
      case BOUND -> Moves.bound(cpu, insn);
      case LEAVE -> StackInstructions.leave(cpu, insn);
      case ENTER -> StackInstructions.enter(cpu, insn);
      case PUSHA -> StackInstructions.pusha(cpu, insn);
      case POPA -> StackInstructions.popa(cpu, insn);
      case LOOP -> Branches.loop(cpu, insn, true);
      case LOOPE -> Branches.loop(cpu, insn, cpu.flags.result == 0);
      case LOOPNE -> Branches.loop(cpu, insn, cpu.flags.result != 0);
      case JCXZ -> Branches.jcxz(cpu, insn);
      case POPCNT -> BitInstructions.popcnt(cpu, insn);
      case TZCNT -> BitManipulation.count(cpu, insn, false);
      case LZCNT -> BitManipulation.count(cpu, insn, true);
      case ANDN, BEXTR, BLSI, BLSMSK, BLSR, BZHI, MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX ->
          BitManipulation.execute(cpu, insn);
      case BSWAP -> BitInstructions.bswap(cpu, insn);
      case MOVBE -> BitInstructions.movbe(cpu, insn);
      case CRC32 -> BitInstructions.crc32(cpu, insn);
      case MOVNTI ->
          Operands.rm(cpu, insn, insn.operandSize, Operands.reg(cpu, insn, insn.operandSize));
      case IN -> PortInstructions.in(cpu, insn);
      case OUT -> PortInstructions.out(cpu, insn);
      case DAA -> Decimal.packed(cpu, false);
      case DAS -> Decimal.packed(cpu, true);
      case AAA -> Decimal.unpacked(cpu, false);
      case AAS -> Decimal.unpacked(cpu, true);
      case AAM -> Decimal.aam(cpu, insn);
      case AAD -> Decimal.aad(cpu, insn);
      case MFENCE, LFENCE, SFENCE -> VarHandle.fullFence();
      case HLT -> halt(cpu);
      default -> throw cpu.ud();
    }
  }

  private static void halt(Cpu cpu) {
    if (cpu.cpl() != 0) {
      throw cpu.gp();
    }
    cpu.intField(CpuState.ACTIVITY, Activity.HALTED);
    cpu.attention(Attention.BOUNDARY);
  }

  /** Whether an instruction of this group may change where or how execution goes on. */
  public static boolean endsBlock(Insn insn) {
    return switch (insn.op) {
      case CALL,
          RET,
          JMP,
          LOOP,
          LOOPE,
          LOOPNE,
          JCXZ,
          HLT,
          STI,
          POPF,
          MOVS,
          STOS,
          LODS,
          CMPS,
          SCAS,
          INS,
          OUT,
          OUTS,
          UD0,
          UD1,
          UD2,
          UD,
          PAUSE ->
          true;
      default -> condition(insn.op) >= 0 && insn.op.name().charAt(0) == 'J';
    };
  }
}
