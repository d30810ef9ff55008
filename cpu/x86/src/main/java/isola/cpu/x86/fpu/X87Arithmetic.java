package isola.cpu.x86.fpu;

import static isola.cpu.x86.fpu.X87Spec.C0;
import static isola.cpu.x86.fpu.X87Spec.C1;
import static isola.cpu.x86.fpu.X87Spec.C2;
import static isola.cpu.x86.fpu.X87Spec.C3;
import static isola.cpu.x86.fpu.X87Spec.CONDITION;

import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.arith.Float80Convert;
import isola.cpu.x86.arith.FloatSpec;
import isola.cpu.x86.arith.Remainder80;
import isola.cpu.x86.arith.Transcendental;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Rflags;

/** x87 instructions that compute in registers (Intel SDM vol. 1, 8.3.5 to 8.3.7). */
final class X87Arithmetic {
  private X87Arithmetic() {}

  /** {@code ST(target) op= ST(source)}, one of them being 0; pops {@code pops} registers. */
  static void binary(Cpu cpu, int op, int target, int source, int pops) {
    Float80 f = X87.begin(cpu);
    boolean store;
    if (X87.empty(cpu, target) || X87.empty(cpu, source)) {
      store = X87.stackFault(cpu, f, false);
    } else {
      f.arithmetic(
          op,
          X87.se(cpu, target),
          X87.significand(cpu, target),
          X87.se(cpu, source),
          X87.significand(cpu, source));
      store = X87.end(cpu, f);
    }
    if (store) {
      X87.st(cpu, target, f.se(), f.significand());
      for (int i = 0; i < pops; i++) {
        X87.pop(cpu);
      }
    }
  }

  /** {@code ST(0) op= } the operand that stands as result in the arithmetic unit. */
  static void binaryLoaded(Cpu cpu, Float80 f, int op) {
    if (X87.empty(cpu, 0)) {
      f.begin();
      storeTop(cpu, f, X87.stackFault(cpu, f, false));
      return;
    }
    f.arithmetic(op, X87.se(cpu, 0), X87.significand(cpu, 0), f.se(), f.significand());
    storeTop(cpu, f, X87.end(cpu, f));
  }

  private static void storeTop(Cpu cpu, Float80 f, boolean store) {
    if (store) {
      X87.st(cpu, 0, f.se(), f.significand());
    }
  }

  /** Compares ST(0) with ST(i), result in the status word. */
  static void compare(Cpu cpu, int i, boolean quiet, int pops) {
    Float80 f = X87.begin(cpu);
    int order = order(cpu, f, i, quiet);
    finishCompare(cpu, f, order, pops);
  }

  private static int order(Cpu cpu, Float80 f, int i, boolean quiet) {
    if (X87.empty(cpu, 0) || X87.empty(cpu, i)) {
      X87.stackFault(cpu, f, false);
      return Float80.UNORDERED;
    }
    return f.compare(
        X87.se(cpu, 0), X87.significand(cpu, 0), X87.se(cpu, i), X87.significand(cpu, i), quiet);
  }

  private static void finishCompare(Cpu cpu, Float80 f, int order, int pops) {
    boolean store = X87.end(cpu, f);
    if (store) {
      X87.fsw(cpu, (X87.fsw(cpu) & ~(C0 | C2 | C3)) | order);
      for (int i = 0; i < pops; i++) {
        X87.pop(cpu);
      }
    }
  }

  /** Compares ST(0) with the operand that stands as result in the arithmetic unit. */
  static void compareLoaded(Cpu cpu, Float80 f, int pops) {
    int order = Float80.UNORDERED;
    if (X87.empty(cpu, 0)) {
      f.begin();
      X87.stackFault(cpu, f, false);
    } else {
      order = f.compare(X87.se(cpu, 0), X87.significand(cpu, 0), f.se(), f.significand(), false);
    }
    finishCompare(cpu, f, order, pops);
  }

  /** FTST. */
  static void compareZero(Cpu cpu) {
    Float80 f = X87.begin(cpu);
    f.result(0, 0);
    compareLoaded(cpu, f, 0);
  }

  /** FCOMI and its kin: compares ST(0) with ST(i), result in ZF, PF and CF. */
  static void compareToFlags(Cpu cpu, int i, boolean quiet, int pops) {
    Float80 f = X87.begin(cpu);
    int order = order(cpu, f, i, quiet);
    if (X87.end(cpu, f)) {
      cpu.statusFlags(
          ((order & C0) != 0 ? Rflags.CF : 0)
              | ((order & C2) != 0 ? Rflags.PF : 0)
              | ((order & C3) != 0 ? Rflags.ZF : 0));
      for (int n = 0; n < pops; n++) {
        X87.pop(cpu);
      }
    }
  }

  /** FXAM. */
  static void examine(Cpu cpu) {
    int kind = Float80.kind(X87.se(cpu, 0), X87.significand(cpu, 0));
    int code =
        X87.empty(cpu, 0)
            ? C3 | C0
            : switch (kind) {
              case Float80.ZERO -> C3;
              case Float80.NORMAL -> C2;
              case Float80.DENORMAL -> C3 | C2;
              case Float80.INFINITE -> C2 | C0;
              case Float80.QNAN, Float80.SNAN -> C0;
              default -> 0;
            };
    int sign = (X87.se(cpu, 0) & 0x8000) != 0 ? C1 : 0;
    X87.fsw(cpu, (X87.fsw(cpu) & ~CONDITION) | code | sign);
  }

  /** FCHS and FABS: bits of the sign are changed and cleared. */
  static void sign(Cpu cpu, int change, int clear) {
    Float80 f = X87.begin(cpu);
    if (X87.empty(cpu, 0)) {
      storeTop(cpu, f, X87.stackFault(cpu, f, false));
      return;
    }
    X87.st(cpu, 0, (X87.se(cpu, 0) ^ change) & ~clear, X87.significand(cpu, 0));
  }

  /** Functions of ST(0) alone. */
  static final int SQRT = 0;

  static final int RNDINT = 1;
  static final int F2XM1 = 2;

  /** Replaces ST(0) by a function of it. */
  static void unary(Cpu cpu, int function) {
    Float80 f = X87.begin(cpu);
    if (X87.empty(cpu, 0)) {
      storeTop(cpu, f, X87.stackFault(cpu, f, false));
      return;
    }
    int se = X87.se(cpu, 0);
    long significand = X87.significand(cpu, 0);
    switch (function) {
      case SQRT -> f.squareRoot(se, significand);
      case RNDINT -> f.roundToInteger(se, significand);
      default -> cpu.transcendental().powerMinusOne(f, se, significand);
    }
    storeTop(cpu, f, X87.end(cpu, f));
  }

  /** Functions of ST(0) and ST(1). */
  static final int SCALE = 0;

  static final int PREM = 1;
  static final int PREM1 = 2;
  static final int YL2X = 3;
  static final int YL2XP1 = 4;
  static final int PATAN = 5;

  /** FSCALE, FPREM and FPREM1 replace ST(0); the others ST(1), and pop. */
  static void function(Cpu cpu, int function) {
    Float80 f = X87.begin(cpu);
    boolean pops = function >= YL2X;
    int conditions = 0;
    boolean remainder = function == PREM || function == PREM1;
    boolean store;
    if (X87.empty(cpu, 0) || X87.empty(cpu, 1)) {
      store = X87.stackFault(cpu, f, false);
      conditions = Remainder80.NO_QUOTIENT;
    } else {
      int se = X87.se(cpu, 0);
      long a = X87.significand(cpu, 0);
      int bSe = X87.se(cpu, 1);
      long b = X87.significand(cpu, 1);
      Transcendental t = cpu.transcendental();
      switch (function) {
        case SCALE -> f.scale(se, a, bSe, b);
        case PREM, PREM1 -> conditions = Remainder80.remainder(f, se, a, bSe, b, function == PREM1);
        case YL2X -> t.logarithm(f, se, a, bSe, b);
        case YL2XP1 -> t.logarithmOfOnePlus(f, se, a, bSe, b);
        default -> t.arcTangent(f, se, a, bSe, b);
      }
      store = X87.end(cpu, f);
    }
    if (remainder) {
      // What is no number has no quotient: only C2 says that the instruction is done.
      boolean quotient = store && conditions != Remainder80.NO_QUOTIENT;
      int replaced = quotient ? CONDITION : C2;
      X87.fsw(cpu, (X87.fsw(cpu) & ~replaced) | (quotient ? conditions : 0));
    }
    if (store) {
      X87.st(cpu, pops ? 1 : 0, f.se(), f.significand());
      if (pops) {
        X87.pop(cpu);
      }
    }
  }

  /** FXTRACT. */
  static void extract(Cpu cpu) {
    Float80 f = X87.begin(cpu);
    boolean under = X87.empty(cpu, 0);
    if (under || !X87.empty(cpu, 7)) {
      if (X87.stackFault(cpu, f, !under)) {
        X87.st(cpu, 0, f.se(), f.significand());
        X87.push(cpu, f.se(), f.significand());
      }
      return;
    }
    int se = X87.se(cpu, 0);
    long significand = X87.significand(cpu, 0);
    Float80Convert.extractExponent(f, se, significand);
    if (X87.end(cpu, f)) {
      X87.st(cpu, 0, f.se(), f.significand());
      Float80Convert.extractSignificand(f, se, significand);
      X87.push(cpu, f.se(), f.significand());
    }
  }

  /** FSIN, and FCOS for {@code cosine}. */
  static void sine(Cpu cpu, boolean cosine) {
    Float80 f = X87.begin(cpu);
    X87.fsw(cpu, X87.fsw(cpu) & ~C2);
    if (X87.empty(cpu, 0)) {
      storeTop(cpu, f, X87.stackFault(cpu, f, false));
      return;
    }
    Transcendental t = cpu.transcendental();
    int se = X87.se(cpu, 0);
    long significand = X87.significand(cpu, 0);
    boolean inside = cosine ? t.cosine(f, se, significand) : t.sine(f, se, significand);
    if (inside) {
      storeTop(cpu, f, X87.end(cpu, f));
    } else {
      X87.fsw(cpu, X87.fsw(cpu) | C2);
    }
  }

  /** FPTAN, and FSINCOS for {@code both}: replaces ST(0) and pushes a second value. */
  static void tangent(Cpu cpu, boolean both) {
    Float80 f = X87.begin(cpu);
    X87.fsw(cpu, X87.fsw(cpu) & ~C2);
    boolean under = X87.empty(cpu, 0);
    if (under || !X87.empty(cpu, 7)) {
      if (X87.stackFault(cpu, f, !under)) {
        X87.st(cpu, 0, f.se(), f.significand());
        X87.push(cpu, f.se(), f.significand());
      }
      return;
    }
    Transcendental t = cpu.transcendental();
    int se = X87.se(cpu, 0);
    long significand = X87.significand(cpu, 0);
    boolean inside = both ? t.sine(f, se, significand) : t.tangent(f, se, significand);
    if (!inside) {
      X87.fsw(cpu, X87.fsw(cpu) | C2);
      return;
    }
    int firstSe = f.se();
    long first = f.significand();
    boolean number = Float80.kind(firstSe, first) < Float80.QNAN;
    if (both) {
      t.cosine(f, se, significand);
    } else if (number) {
      f.result(FloatSpec.BIAS80, Long.MIN_VALUE);
    }
    if (X87.end(cpu, f)) {
      X87.st(cpu, 0, firstSe, first);
      X87.push(cpu, f.se(), f.significand());
    }
  }

  /** Constants of FLD1 to FLDZ, in the order of their opcodes D9 E8 to EE. */
  private static final int[] CONSTANT_SE = {0x3fff, 0x4000, 0x3fff, 0x4000, 0x3ffd, 0x3ffe, 0};

  /** Their significands, cut off. */
  private static final long[] CONSTANT = {
    0x8000_0000_0000_0000L,
    0xd49a_784b_cd1b_8afeL,
    0xb8aa_3b29_5c17_f0bbL,
    0xc90f_daa2_2168_c234L,
    0x9a20_9a84_fbcf_f798L,
    0xb172_17f7_d1cf_79abL,
    0
  };

  /** Whether the next larger significand is nearer; 1 and 0 are exact. */
  private static final int CONSTANT_NEARER_UP = 0b011_1100;

  private static final int CONSTANT_EXACT = 0b100_0001;

  /** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ (SDM vol. 1, 8.3.4). */
  static void constant(Cpu cpu, int which) {
    Float80 f = X87.begin(cpu);
    int rounding = X87.fcw(cpu) >> 10 & 3;
    boolean exact = (CONSTANT_EXACT >> which & 1) != 0;
    boolean up =
        !exact
            && (rounding == FloatSpec.UP
                || (rounding == FloatSpec.NEAREST && (CONSTANT_NEARER_UP >> which & 1) != 0));
    f.result(CONSTANT_SE[which], CONSTANT[which] + (up ? 1 : 0));
    X87.pushResult(cpu, f);
  }

  /** FLD ST(i). */
  static void duplicate(Cpu cpu, int i) {
    Float80 f = X87.begin(cpu);
    if (X87.empty(cpu, i)) {
      if (X87.stackFault(cpu, f, false)) {
        X87.push(cpu, f.se(), f.significand());
      }
      return;
    }
    f.result(X87.se(cpu, i), X87.significand(cpu, i));
    X87.pushResult(cpu, f);
  }

  /** FST ST(i) and FSTP ST(i). */
  static void copy(Cpu cpu, int i, int pops) {
    Float80 f = X87.begin(cpu);
    boolean store = true;
    if (X87.empty(cpu, 0)) {
      store = X87.stackFault(cpu, f, false);
    } else {
      f.result(X87.se(cpu, 0), X87.significand(cpu, 0));
    }
    if (store) {
      X87.st(cpu, i, f.se(), f.significand());
      for (int n = 0; n < pops; n++) {
        X87.pop(cpu);
      }
    }
  }

  /** FSTPNCE, an alias of FSTP for which it is no fault that ST(0) is empty. */
  static void copyUnchecked(Cpu cpu, int i) {
    X87.begin(cpu);
    if (!X87.empty(cpu, 0)) {
      X87.st(cpu, i, X87.se(cpu, 0), X87.significand(cpu, 0));
    }
    X87.pop(cpu);
  }

  /** FFREE. */
  static void free(Cpu cpu, int i) {
    X87.begin(cpu);
    X87.tag(cpu, i, false);
  }

  /** FXCH. */
  static void exchange(Cpu cpu, int i) {
    Float80 f = X87.begin(cpu);
    boolean zeroEmpty = X87.empty(cpu, 0);
    boolean otherEmpty = X87.empty(cpu, i);
    if ((zeroEmpty || otherEmpty) && !X87.stackFault(cpu, f, false)) {
      return;
    }
    int se = zeroEmpty ? FloatSpec.DEFAULT_NAN_SE : X87.se(cpu, 0);
    long value = zeroEmpty ? FloatSpec.DEFAULT_NAN_SIGNIFICAND : X87.significand(cpu, 0);
    int otherSe = otherEmpty ? FloatSpec.DEFAULT_NAN_SE : X87.se(cpu, i);
    long other = otherEmpty ? FloatSpec.DEFAULT_NAN_SIGNIFICAND : X87.significand(cpu, i);
    X87.st(cpu, 0, otherSe, other);
    X87.st(cpu, i, se, value);
  }

  /** FCMOVcc: C1 changes only with a stack fault. */
  static void move(Cpu cpu, int i, boolean condition) {
    if (X87.empty(cpu, 0) || X87.empty(cpu, i)) {
      Float80 f = X87.begin(cpu);
      storeTop(cpu, f, X87.stackFault(cpu, f, false));
      return;
    }
    if (condition) {
      X87.st(cpu, 0, X87.se(cpu, i), X87.significand(cpu, i));
    }
  }
}
