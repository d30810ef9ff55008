package isola.cpu.x86.simd;

import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.FloatSpec;
import isola.cpu.x86.arith.SseFloat;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * Floating-point instructions on XMM registers (Intel SDM vol. 1, 10.4 and 11.5): packed and
 * scalar, 32-bit and 64-bit elements by one body each. Exceptions are raised before a register
 * changes.
 */
final class SseArithmetic {
  private SseArithmetic() {}

  /** Begins an instruction; the exceptions of a lane add to those of the one before. */
  static SseFloat begin(Cpu cpu, Insn insn) {
    SseFloat unit = cpu.sseFloat;
    if (Operand.lane(cpu, insn) == 0) {
      unit.begin(cpu.intField(CpuState.MXCSR));
    }
    return unit;
  }

  /** After the last lane, writes what was raised to MXCSR; faults if it is not masked. */
  static void end(Cpu cpu, Insn insn, SseFloat unit) {
    if (!insn.vex || cpu.lane.last) {
      end(cpu, unit);
    }
  }

  private static void end(Cpu cpu, SseFloat unit) {
    int raised = unit.raised();
    if (raised != 0) {
      report(cpu, unit);
    }
  }

  private static void report(Cpu cpu, SseFloat unit) {
    if (unit.unmaskedBefore()) {
      // No element has got so far as to be rounded.
      unit.keep(FloatSpec.BEFORE);
    }
    cpu.intField(CpuState.MXCSR, cpu.intField(CpuState.MXCSR) | unit.raised());
    if (unit.unmasked()) {
      throw (cpu.cr4() & Cr4.OSXMMEXCPT) != 0 ? cpu.fault(Vector.XM) : cpu.ud();
    }
  }

  /** Element {@code i} of a packed operand. */
  private static long element(long host, int i, boolean wide) {
    return wide ? RawMemory.getLong(host + i * 8L) : RawMemory.getInt(host + i * 4L) & 0xffff_ffffL;
  }

  private static long join(long low, long high) {
    return low | high << 32;
  }

  /** ADDSS, ADDSD and their kin: only the low element of the destination changes. */
  static void scalar(Cpu cpu, Insn insn, int op, boolean wide) {
    long b = Operand.part(cpu, insn, wide ? 8 : 4);
    long to = Operand.destination(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long result = unit.arithmetic(op, element(to, 0, wide), b, wide);
    end(cpu, insn, unit);
    low(to, result, wide);
  }

  private static void low(long to, long result, boolean wide) {
    if (wide) {
      RawMemory.putLong(to, result);
    } else {
      RawMemory.putInt(to, (int) result);
    }
  }

  /** ADDPS, ADDPD and their kin. */
  static void packed(Cpu cpu, Insn insn, int op, boolean wide) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = halfPacked(unit, op, to, from, wide);
    long high = halfPacked(unit, op, to + 8, from + 8, wide);
    end(cpu, insn, unit);
    Operand.put(to, low, high);
  }

  private static long halfPacked(SseFloat unit, int op, long a, long b, boolean wide) {
    long first = unit.arithmetic(op, element(a, 0, wide), element(b, 0, wide), wide);
    return wide
        ? first
        : join(first, unit.arithmetic(op, element(a, 1, false), element(b, 1, false), false));
  }

  /** SQRTPS and SQRTPD. */
  static void packedRoot(Cpu cpu, Insn insn, boolean wide) {
    long from = Operand.source(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = halfRoot(unit, from, wide);
    long high = halfRoot(unit, from + 8, wide);
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  private static long halfRoot(SseFloat unit, long a, boolean wide) {
    long first = unit.squareRoot(element(a, 0, wide), wide);
    return wide ? first : join(first, unit.squareRoot(element(a, 1, false), false));
  }

  /** SQRTSS and SQRTSD. */
  static void scalarRoot(Cpu cpu, Insn insn, boolean wide) {
    long a = Operand.part(cpu, insn, wide ? 8 : 4);
    SseFloat unit = begin(cpu, insn);
    long result = unit.squareRoot(a, wide);
    end(cpu, insn, unit);
    low(Operand.destination(cpu, insn), result, wide);
  }

  /** RCPPS, RSQRTPS and, for {@code scalar}, RCPSS and RSQRTSS. */
  static void approximate(Cpu cpu, Insn insn, boolean root, boolean scalar) {
    long to = Operand.destination(cpu, insn);
    if (scalar) {
      RawMemory.putInt(to, (int) approximate(Operand.part(cpu, insn, 4), root));
      return;
    }
    long from = Operand.source(cpu, insn);
    long low = Operand.low(from);
    long high = Operand.high(from);
    Operand.put(to, approximateTwo(low, root), approximateTwo(high, root));
  }

  private static long approximate(long a, boolean root) {
    return root ? SseFloat.reciprocalRoot(a) : SseFloat.reciprocal(a);
  }

  private static long approximateTwo(long two, boolean root) {
    return join(approximate(two & 0xffff_ffffL, root), approximate(two >>> 32, root));
  }

  /** CMPPS and CMPPD. */
  static void comparePacked(Cpu cpu, Insn insn, boolean wide) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int imm = (int) insn.imm & (insn.vex ? 31 : 7);
    SseFloat unit = begin(cpu, insn);
    long low = halfCompare(unit, imm, to, from, wide);
    long high = halfCompare(unit, imm, to + 8, from + 8, wide);
    end(cpu, insn, unit);
    Operand.put(to, low, high);
  }

  private static long halfCompare(SseFloat unit, int imm, long a, long b, boolean wide) {
    boolean first = unit.predicate(imm, element(a, 0, wide), element(b, 0, wide), wide);
    if (wide) {
      return first ? -1 : 0;
    }
    boolean second = unit.predicate(imm, element(a, 1, false), element(b, 1, false), false);
    return (first ? 0xffff_ffffL : 0) | (second ? 0xffff_ffffL << 32 : 0);
  }

  /** CMPSS and CMPSD. */
  static void compareScalar(Cpu cpu, Insn insn, boolean wide) {
    long b = Operand.part(cpu, insn, wide ? 8 : 4);
    long to = Operand.destination(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    boolean hit =
        unit.predicate((int) insn.imm & (insn.vex ? 31 : 7), element(to, 0, wide), b, wide);
    end(cpu, insn, unit);
    low(to, hit ? -1 : 0, wide);
  }

  /** COMISS, COMISD, UCOMISS and UCOMISD. */
  static void compareToFlags(Cpu cpu, Insn insn, boolean wide, boolean signalling) {
    long b = Operand.part(cpu, insn, wide ? 8 : 4);
    SseFloat unit = begin(cpu, insn);
    int order = unit.order(element(Operand.destination(cpu, insn), 0, wide), b, wide, signalling);
    end(cpu, insn, unit);
    cpu.statusFlags(
        switch (order) {
          case SseFloat.LESS -> Rflags.CF;
          case SseFloat.EQUAL -> Rflags.ZF;
          case SseFloat.GREATER -> 0;
          default -> Rflags.ZF | Rflags.PF | Rflags.CF;
        });
  }

  /** ROUNDPS and ROUNDPD. */
  static void roundPacked(Cpu cpu, Insn insn, boolean wide) {
    long from = Operand.source(cpu, insn);
    int imm = (int) insn.imm;
    SseFloat unit = begin(cpu, insn);
    long low = halfRound(unit, from, imm, wide);
    long high = halfRound(unit, from + 8, imm, wide);
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  private static long halfRound(SseFloat unit, long a, int imm, boolean wide) {
    long first = unit.roundToInteger(element(a, 0, wide), imm, wide);
    return wide ? first : join(first, unit.roundToInteger(element(a, 1, false), imm, false));
  }

  /** ROUNDSS and ROUNDSD. */
  static void roundScalar(Cpu cpu, Insn insn, boolean wide) {
    long a = Operand.part(cpu, insn, wide ? 8 : 4);
    SseFloat unit = begin(cpu, insn);
    long result = unit.roundToInteger(a, (int) insn.imm, wide);
    end(cpu, insn, unit);
    low(Operand.destination(cpu, insn), result, wide);
  }

  /** HADDPS, HSUBPS, HADDPD and HSUBPD. */
  static void horizontal(Cpu cpu, Insn insn, int op, boolean wide) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = neighbours(unit, op, to, wide);
    long high = neighbours(unit, op, from, wide);
    end(cpu, insn, unit);
    Operand.put(to, low, high);
  }

  private static long neighbours(SseFloat unit, int op, long a, boolean wide) {
    long first = unit.arithmetic(op, element(a, 0, wide), element(a, 1, wide), wide);
    return wide
        ? first
        : join(first, unit.arithmetic(op, element(a, 2, false), element(a, 3, false), false));
  }

  /** ADDSUBPS and ADDSUBPD: even elements subtracted, odd ones added. */
  static void alternate(Cpu cpu, Insn insn, boolean wide) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = alternate(unit, to, from, wide, SseFloat.SUB);
    long high = alternate(unit, to + 8, from + 8, wide, wide ? SseFloat.ADD : SseFloat.SUB);
    end(cpu, insn, unit);
    Operand.put(to, low, high);
  }

  private static long alternate(SseFloat unit, long a, long b, boolean wide, int firstOp) {
    long first = unit.arithmetic(firstOp, element(a, 0, wide), element(b, 0, wide), wide);
    return wide
        ? first
        : join(
            first,
            unit.arithmetic(SseFloat.ADD, element(a, 1, false), element(b, 1, false), false));
  }

  /**
   * DPPS and DPPD: chosen products added in pairs, the sum given to chosen elements. Each of the
   * steps raises its exceptions for all lanes before the next begins.
   */
  static void dotProduct(Cpu cpu, Insn insn, boolean wide) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int imm = (int) insn.imm;
    SseFloat unit = begin(cpu, insn);
    long work = insn.vex ? to : cpu.state + CpuState.SCRATCH;
    if (wide) {
      long low = product(unit, to, from, 0, imm, true);
      Operand.put(work, low, product(unit, to, from, 1, imm, true));
    } else {
      long low =
          join(product(unit, to, from, 0, imm, false), product(unit, to, from, 1, imm, false));
      long p2 = product(unit, to, from, 2, imm, false);
      Operand.put(work, low, join(p2, product(unit, to, from, 3, imm, false)));
    }
    if (insn.vex && !cpu.lane.last) {
      return;
    }
    long first = work - 16L * Operand.lane(cpu, insn);
    if (!wide) {
      step(cpu, unit);
      for (long at = first; at <= work; at += 16) {
        long low =
            unit.arithmetic(SseFloat.ADD, element(at, 0, false), element(at, 1, false), false);
        long high =
            unit.arithmetic(SseFloat.ADD, element(at, 2, false), element(at, 3, false), false);
        Operand.put(at, low, high);
      }
    }
    step(cpu, unit);
    for (long at = first; at <= work; at += 16) {
      long sum = unit.arithmetic(SseFloat.ADD, Operand.low(at), Operand.high(at), wide);
      RawMemory.putLong(at, sum);
    }
    end(cpu, unit);
    for (long at = first; at <= work; at += 16) {
      spread(Operand.low(at), imm, wide, insn.vex ? at : to);
    }
  }

  private static void step(Cpu cpu, SseFloat unit) {
    end(cpu, unit);
    unit.begin(cpu.intField(CpuState.MXCSR));
  }

  private static void spread(long sum, int imm, boolean wide, long to) {
    if (wide) {
      Operand.put(to, (imm & 1) != 0 ? sum : 0, (imm & 2) != 0 ? sum : 0);
    } else {
      long low = join((imm & 1) != 0 ? sum : 0, (imm & 2) != 0 ? sum : 0);
      Operand.put(to, low, join((imm & 4) != 0 ? sum : 0, (imm & 8) != 0 ? sum : 0));
    }
  }

  private static long product(SseFloat unit, long a, long b, int i, int imm, boolean wide) {
    return (imm >> (4 + i) & 1) == 0
        ? 0
        : unit.arithmetic(SseFloat.MUL, element(a, i, wide), element(b, i, wide), wide);
  }

  // Conversions.

  /** CVTSI2SS and CVTSI2SD. */
  static void fromGeneral(Cpu cpu, Insn insn, boolean wide) {
    int size = insn.operandSize == 8 ? 8 : 4;
    long value = Operand.general(cpu, insn, size);
    SseFloat unit = begin(cpu, insn);
    long result = unit.fromInteger(size == 8 ? value : (int) value, wide);
    end(cpu, insn, unit);
    low(Operand.destination(cpu, insn), result, wide);
  }

  /** CVTSS2SI, CVTSD2SI and their truncating forms. */
  static void toGeneral(Cpu cpu, Insn insn, boolean wide, boolean truncate) {
    long a = Operand.part(cpu, insn, wide ? 8 : 4);
    int size = insn.operandSize == 8 ? 8 : 4;
    SseFloat unit = begin(cpu, insn);
    long result = unit.toInteger(a, wide, size * 8, truncate);
    end(cpu, insn, unit);
    cpu.reg(insn.reg, size, true, result);
  }

  /** CVTSS2SD, and CVTSD2SS for {@code wide}. */
  static void betweenScalars(Cpu cpu, Insn insn, boolean wide) {
    long a = Operand.part(cpu, insn, wide ? 8 : 4);
    SseFloat unit = begin(cpu, insn);
    long result = wide ? unit.narrow(a) : unit.widen(a);
    end(cpu, insn, unit);
    low(Operand.destination(cpu, insn), result, !wide);
  }

  /** CVTPS2PD. */
  static void widenPacked(Cpu cpu, Insn insn) {
    long a = Operand.part(cpu, insn, 8);
    SseFloat unit = begin(cpu, insn);
    long low = unit.widen(a & 0xffff_ffffL);
    long high = unit.widen(a >>> 32);
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  /** CVTPD2PS. */
  static void narrowPacked(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = unit.narrow(Operand.low(from));
    long high = unit.narrow(Operand.high(from));
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), join(low, high), 0);
  }

  /** CVTDQ2PS. */
  static void fromPacked(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = singles(unit, Operand.low(from));
    long high = singles(unit, Operand.high(from));
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  private static long singles(SseFloat unit, long two) {
    return join(unit.fromInteger((int) two, false), unit.fromInteger((int) (two >>> 32), false));
  }

  /** CVTDQ2PD. */
  static void fromPackedToDoubles(Cpu cpu, Insn insn) {
    long two = Operand.part(cpu, insn, 8);
    Operand.put(
        Operand.destination(cpu, insn),
        Double.doubleToRawLongBits((int) two),
        Double.doubleToRawLongBits((int) (two >>> 32)));
  }

  /** CVTPS2DQ and CVTTPS2DQ. */
  static void toPacked(Cpu cpu, Insn insn, boolean truncate) {
    long from = Operand.source(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long low = integers(unit, Operand.low(from), truncate);
    long high = integers(unit, Operand.high(from), truncate);
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  private static long integers(SseFloat unit, long two, boolean truncate) {
    long low = unit.toInteger(two & 0xffff_ffffL, false, 32, truncate);
    return join(low & 0xffff_ffffL, unit.toInteger(two >>> 32, false, 32, truncate));
  }

  /** VCVTPH2PS. */
  static void fromHalf(Cpu cpu, Insn insn) {
    long four = Operand.part(cpu, insn, 8);
    SseFloat unit = begin(cpu, insn);
    long low = join(unit.widenHalf(four & 0xffff), unit.widenHalf(four >>> 16 & 0xffff));
    long high = join(unit.widenHalf(four >>> 32 & 0xffff), unit.widenHalf(four >>> 48));
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), low, high);
  }

  /** VCVTPS2PH: the lane's four elements as 8 bytes. */
  static void toHalf(Cpu cpu, Insn insn) {
    long to = Operand.destination(cpu, insn);
    int imm = (int) insn.imm;
    SseFloat unit = begin(cpu, insn);
    long result = 0;
    for (int i = 0; i < 4; i++) {
      result |= unit.narrowHalf(element(to, i, false), imm) << 16 * i;
    }
    end(cpu, insn, unit);
    Operand.put(to, result, 0);
  }

  /**
   * The FMA instructions. The opcode tells them apart: bits 7:4 the order of the operands, bits 3:0
   * what is negated and whether the element is one; VEX.W the width.
   */
  static void fuse(Cpu cpu, Insn insn) {
    int opcode = Operand.opcode(insn);
    int kind = opcode & 15;
    boolean wide = insn.w;
    boolean scalar = kind >= 8 && (kind & 1) != 0;
    // The destination is the first source.
    long first = Operand.destination(cpu, insn);
    long second =
        Operand.lane(cpu, insn) == 0
            ? Operand.xmm(cpu, insn.vvvv)
            : Operand.ymmHigh(cpu, insn.vvvv);
    long third = Operand.source(cpu, insn);
    long x = opcode < 0xa0 ? first : second;
    long y = opcode >= 0xa0 && opcode < 0xb0 ? first : third;
    long z = opcode < 0xa0 ? second : opcode < 0xb0 ? third : first;
    boolean minusProduct = kind >= 12;
    SseFloat unit = begin(cpu, insn);
    long low = 0;
    long high = 0;
    int elements = scalar ? 1 : wide ? 2 : 4;
    for (int i = 0; i < elements; i++) {
      // 6: even elements subtract; 7: odd ones; A, B, E, F: all.
      boolean minusAddend = kind < 8 ? (i & 1) == (kind & 1) : (kind & 2) != 0;
      long r =
          unit.fused(
              element(x, i, wide),
              element(y, i, wide),
              element(z, i, wide),
              minusProduct,
              minusAddend,
              wide);
      if (wide ? i == 0 : i < 2) {
        low |= r << 32 * i;
      } else {
        high |= wide ? r : r << 32 * (i - 2);
      }
    }
    end(cpu, insn, unit);
    if (scalar) {
      low(first, low, wide);
    } else {
      Operand.put(first, low, high);
    }
  }

  private static long integersOfDoubles(SseFloat unit, long from, boolean truncate) {
    long low = unit.toInteger(Operand.low(from), true, 32, truncate);
    return join(low & 0xffff_ffffL, unit.toInteger(Operand.high(from), true, 32, truncate));
  }

  /** CVTPD2DQ and CVTTPD2DQ. */
  static void doublesToPacked(Cpu cpu, Insn insn, boolean truncate) {
    long from = Operand.source(cpu, insn);
    SseFloat unit = begin(cpu, insn);
    long result = integersOfDoubles(unit, from, truncate);
    end(cpu, insn, unit);
    Operand.put(Operand.destination(cpu, insn), result, 0);
  }

  /** CVTPI2PS and CVTPI2PD: with a memory operand the x87 registers stay what they are. */
  static void fromMmx(Cpu cpu, Insn insn, boolean wide) {
    long two;
    if (insn.rm >= 0) {
      MmxInstructions.check(cpu);
      MmxInstructions.begin(cpu);
      two = MmxInstructions.get(cpu, insn.rm);
    } else {
      two = cpu.load(insn.segment, cpu.effective(insn), 8);
    }
    long to = Operand.destination(cpu, insn);
    if (wide) {
      Operand.put(
          to,
          Double.doubleToRawLongBits((int) two),
          Double.doubleToRawLongBits((int) (two >>> 32)));
      return;
    }
    SseFloat unit = begin(cpu, insn);
    long result = singles(unit, two);
    end(cpu, insn, unit);
    RawMemory.putLong(to, result);
  }

  /**
   * CVTPS2PI, CVTPD2PI and their truncating forms. The change to MMX comes before a SIMD exception,
   * as on hardware.
   */
  static void toMmx(Cpu cpu, Insn insn, boolean wide, boolean truncate) {
    MmxInstructions.check(cpu);
    SseFloat unit;
    long result;
    if (wide) {
      long from = Operand.source(cpu, insn);
      unit = begin(cpu, insn);
      result = integersOfDoubles(unit, from, truncate);
    } else {
      long two = Operand.part(cpu, insn, 8);
      unit = begin(cpu, insn);
      result = integers(unit, two, truncate);
    }
    MmxInstructions.begin(cpu);
    end(cpu, insn, unit);
    MmxInstructions.set(cpu, insn.reg, result);
  }

  /** LDMXCSR. */
  static void loadControl(Cpu cpu, Insn insn) {
    int value = (int) cpu.load(insn.segment, cpu.effective(insn), 4);
    if ((value & ~FloatSpec.MXCSR_VALID) != 0) {
      throw cpu.gp();
    }
    cpu.intField(CpuState.MXCSR, value);
  }

  /** STMXCSR. */
  static void storeControl(Cpu cpu, Insn insn) {
    Operand.storePart(cpu, insn, 4, cpu.intField(CpuState.MXCSR));
  }
}
