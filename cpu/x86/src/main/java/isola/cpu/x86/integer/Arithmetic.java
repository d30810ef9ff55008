package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Flags;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;

/** Arithmetic and logic of one and two operands, in registers and memory, locked or not. */
public final class Arithmetic {
  private Arithmetic() {}

  /** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT, BTS, BTR, BTC by number. */
  static final int ADD = 0;

  static final int OR = 1;
  static final int ADC = 2;
  static final int SBB = 3;
  static final int AND = 4;
  static final int SUB = 5;
  static final int XOR = 6;
  static final int CMP = 7;
  static final int TEST = 8;
  static final int INC = 9;
  static final int DEC = 10;
  static final int NEG = 11;
  static final int NOT = 12;
  static final int BT = 13;
  static final int BTS = 14;
  static final int BTR = 15;
  static final int BTC = 16;
  static final int MOVE = 17;

  /** The number of an operation, or -1. */
  public static int number(Op op) {
    return switch (op) {
      case ADD -> ADD;
      case OR -> OR;
      case ADC -> ADC;
      case SBB -> SBB;
      case AND -> AND;
      case SUB -> SUB;
      case XOR -> XOR;
      case CMP -> CMP;
      case TEST -> TEST;
      case INC -> INC;
      case DEC -> DEC;
      case NEG -> NEG;
      case NOT -> NOT;
      case BT -> BT;
      case BTS -> BTS;
      case BTR -> BTR;
      case BTC -> BTC;
      default -> -1;
    };
  }

  /** Computes an operation on sign-extended operands and sets the flags. */
  public static long apply(Flags flags, int operation, long a, long b, int unused) {
    return switch (operation) {
      case ADD -> flags.add(a, b, unused);
      case OR -> flags.logic(a | b);
      case ADC -> flags.adc(a, b, unused);
      case SBB -> flags.sbb(a, b, unused);
      case AND -> flags.logic(a & b);
      case SUB -> flags.sub(a, b, unused);
      case XOR -> flags.logic(a ^ b);
      case CMP -> {
        flags.sub(a, b, unused);
        yield a;
      }
      case TEST -> {
        flags.logic(a & b);
        yield a;
      }
      case INC -> flags.inc(a, unused);
      case DEC -> flags.dec(a, unused);
      case NEG -> flags.sub(0, a, unused);
      case NOT -> ~a;
      case MOVE -> b;
      default -> bit(flags, operation, a, b);
    };
  }

  private static long bit(Flags flags, int operation, long a, long position) {
    long mask = 1L << position;
    flags.carry((a & mask) != 0);
    return switch (operation) {
      case BTS -> a | mask;
      case BTR -> a & ~mask;
      case BTC -> a ^ mask;
      default -> a;
    };
  }

  /** Executes an instruction whose operation {@link #number} knows. */
  public static void execute(Cpu cpu, Insn insn, int operation) {
    int size = insn.operandSize;
    int unused = Operands.unused(size);
    long b = operation >= INC ? 0 : Operands.source(cpu, insn, size);
    if (!Operands.toMemory(insn)) {
      int register = Operands.destination(insn);
      long a = Operands.signed(cpu.reg(register, size, insn.rex), size);
      long r = apply(cpu.flags, operation, a, b, unused);
      if (operation != CMP && operation != TEST) {
        cpu.reg(register, size, insn.rex, r);
      }
      return;
    }
    long offset = cpu.effective(insn);
    if (operation == CMP || operation == TEST) {
      long a = Operands.signed(cpu.load(insn.segment, offset, size), size);
      apply(cpu.flags, operation, a, b, unused);
      return;
    }
    Update.memory(cpu, insn.segment, offset, size, insn.locked(), operation, b);
  }
}
