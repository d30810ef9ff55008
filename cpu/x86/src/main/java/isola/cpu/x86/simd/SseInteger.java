package isola.cpu.x86.simd;

import isola.cpu.x86.arith.Aes;
import isola.cpu.x86.arith.Packed;
import isola.cpu.x86.arith.StringCompare;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;

/** Packed integers, shuffles, strings and ciphers in XMM registers (Intel SDM vol. 2B). */
final class SseInteger {
  private SseInteger() {}

  /** The operations that treat both halves alike. */
  static void lanes(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long bHigh = Operand.high(from);
    Operand.put(
        to,
        Lanes.combine(insn.op, Operand.low(to), Operand.low(from)),
        Lanes.combine(insn.op, Operand.high(to), bHigh));
  }

  /** PXOR and its twins, the commonest of all. */
  static void exclusiveOr(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long high = Operand.high(to) ^ Operand.high(from);
    Operand.put(to, Operand.low(to) ^ Operand.low(from), high);
  }

  /** PSLLW and its kin: the count from an immediate, or from the low half of the source. */
  static void shift(Cpu cpu, Insn insn) {
    boolean immediate = Operand.opcode(insn) < 0x74;
    long count = immediate ? insn.imm & 0xff : Operand.low(Operand.source(cpu, insn));
    long to = immediate ? Operand.stored(cpu, insn) : Operand.destination(cpu, insn);
    Operand.put(
        to,
        Lanes.shift(insn.op, Operand.low(to), count),
        Lanes.shift(insn.op, Operand.high(to), count));
  }

  /** PSLLDQ and PSRLDQ. */
  static void shiftBytes(Cpu cpu, Insn insn) {
    long to = Operand.stored(cpu, insn);
    int bytes = (int) Math.min(insn.imm & 0xff, 16);
    long low = Operand.low(to);
    long high = Operand.high(to);
    if (insn.op == Op.PSRLDQ) {
      alignTo(to, low, high, 0, 0, bytes);
    } else {
      alignTo(to, 0, 0, low, high, 16 - bytes);
    }
  }

  /** The 16 bytes from {@code bytes} on of four longs, lowest first. */
  private static void alignTo(long to, long s0, long s1, long d0, long d1, int bytes) {
    int from = bytes >> 3;
    int by = (bytes & 7) * 8;
    long first = pick(s0, s1, d0, d1, from);
    long second = pick(s0, s1, d0, d1, from + 1);
    long third = pick(s0, s1, d0, d1, from + 2);
    Operand.put(to, Packed.join(second, first, by), Packed.join(third, second, by));
  }

  private static long pick(long s0, long s1, long d0, long d1, int index) {
    return switch (index) {
      case 0 -> s0;
      case 1 -> s1;
      case 2 -> d0;
      case 3 -> d1;
      default -> 0;
    };
  }

  /** PALIGNR. */
  static void align(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int bytes = (int) Math.min(insn.imm & 0xff, 32);
    alignTo(to, Operand.low(from), Operand.high(from), Operand.low(to), Operand.high(to), bytes);
  }

  /** PUNPCKL and PUNPCKH, UNPCKLPS and its kin. */
  static void interleave(Cpu cpu, Insn insn, boolean upper) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long a = upper ? Operand.high(to) : Operand.low(to);
    long b = upper ? Operand.high(from) : Operand.low(from);
    int size = Lanes.elementSize(insn.op);
    if (size == 8) {
      Operand.put(to, a, b);
    } else {
      Operand.put(
          to,
          Packed.interleave((int) a, (int) b, size),
          Packed.interleave((int) (a >>> 32), (int) (b >>> 32), size));
    }
  }

  /** Packs and horizontal additions: the destination's elements first. */
  static void narrow(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long high = Lanes.narrow(insn.op, Operand.low(from), Operand.high(from));
    Operand.put(to, Lanes.narrow(insn.op, Operand.low(to), Operand.high(to)), high);
  }

  /** PSHUFD, PSHUFLW, PSHUFHW, SHUFPS and SHUFPD. */
  static void shuffle(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int imm = (int) insn.imm & 0xff;
    long low = Operand.low(from);
    long high = Operand.high(from);
    switch (insn.op) {
      case PSHUFLW -> Operand.put(to, Packed.shuffleWords(low, imm), high);
      case PSHUFHW -> Operand.put(to, low, Packed.shuffleWords(high, imm));
      case PSHUFD -> Operand.put(to, pair(from, from, imm), pair(from, from, imm >> 4));
      case VPERMILPS -> {
        // By an immediate, or by two bits in each element of the second source.
        boolean immediate = insn.vvvv < 0;
        long data = immediate ? from : to;
        int order = immediate ? imm : orderOfFour(low, high);
        long first = pair(data, data, order);
        Operand.put(to, first, pair(data, data, order >> 4));
      }
      case VPERMILPD -> {
        boolean immediate = insn.vvvv < 0;
        long data = immediate ? from : to;
        int order =
            immediate
                ? imm >> 2 * Operand.lane(cpu, insn)
                : (int) (low >> 1 & 1 | (high >> 1 & 1) << 1);
        long a = SseMoves.element(data, order & 1, 8);
        Operand.put(to, a, SseMoves.element(data, order >> 1 & 1, 8));
      }
      case SHUFPS -> {
        long first = pair(to, to, imm);
        Operand.put(to, first, pair(from, from, imm >> 4));
      }
      default -> {
        int choice = imm >> 2 * Operand.lane(cpu, insn);
        long a = (choice & 1) != 0 ? Operand.high(to) : Operand.low(to);
        Operand.put(to, a, (choice & 2) != 0 ? high : low);
      }
    }
  }

  private static int orderOfFour(long low, long high) {
    return (int) (low & 3 | (low >>> 32 & 3) << 2 | (high & 3) << 4 | (high >>> 32 & 3) << 6);
  }

  private static long pair(long first, long second, int order) {
    return SseMoves.element(first, order & 3, 4)
        | SseMoves.element(second, order >> 2 & 3, 4) << 32;
  }

  /** PSHUFB. */
  static void shuffleBytes(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long low = Operand.low(to);
    long high = Operand.high(to);
    long orderHigh = Operand.high(from);
    Operand.put(
        to,
        Packed.shuffleBytes(low, high, Operand.low(from), 15),
        Packed.shuffleBytes(low, high, orderHigh, 15));
  }

  /**
   * BLENDPS, BLENDPD, PBLENDW, VPBLENDD by immediate; BLENDVPS, BLENDVPD, PBLENDVB by XMM0, or with
   * VEX by a fourth register.
   */
  static void blend(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int size =
        switch (insn.op) {
          case PBLENDVB -> 1;
          case PBLENDW -> 2;
          case BLENDPS, BLENDVPS, VPBLENDD -> 4;
          default -> 8;
        };
    long maskLow;
    long maskHigh;
    if (insn.op == Op.PBLENDVB || insn.op == Op.BLENDVPS || insn.op == Op.BLENDVPD) {
      long mask = choice(cpu, insn);
      maskLow = Packed.choice(Operand.low(mask), size);
      maskHigh = Packed.choice(Operand.high(mask), size);
    } else {
      // PBLENDW has a bit for each word of a lane, the same ones in both.
      int bits = (int) insn.imm >> (size == 2 ? 0 : 16 / size * Operand.lane(cpu, insn));
      maskLow = bitsToElements(bits, size);
      maskHigh = bitsToElements(bits >> (8 / size), size);
    }
    long high = Operand.high(from) & maskHigh | Operand.high(to) & ~maskHigh;
    Operand.put(to, Operand.low(from) & maskLow | Operand.low(to) & ~maskLow, high);
  }

  private static long choice(Cpu cpu, Insn insn) {
    if (!insn.vex) {
      return Operand.xmm(cpu, 0);
    }
    int r = (int) insn.imm >> 4 & (cpu.is64() ? 15 : 7);
    return cpu.lane.number == 0 ? Operand.xmm(cpu, r) : Operand.ymmHigh(cpu, r);
  }

  private static long bitsToElements(int bits, int size) {
    long mask = 0;
    for (int i = 0; i < 8 / size; i++) {
      if ((bits >> i & 1) != 0) {
        mask |= -1L >>> (64 - size * 8) << (i * size * 8);
      }
    }
    return mask;
  }

  /** PTEST; VTESTPS and VTESTPD, which look at the signs alone: the bits of a half that count. */
  static void test(Cpu cpu, Insn insn, long signs) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long both = Operand.low(from) & Operand.low(to) | Operand.high(from) & Operand.high(to);
    long other = Operand.low(from) & ~Operand.low(to) | Operand.high(from) & ~Operand.high(to);
    flags(cpu, insn, (both & signs) == 0, (other & signs) == 0);
  }

  /** ZF and CF, each set only if every lane sets it. */
  private static void flags(Cpu cpu, Insn insn, boolean zero, boolean carry) {
    int before = Operand.lane(cpu, insn) == 0 ? -1 : cpu.statusFlags();
    cpu.statusFlags(((zero ? Rflags.ZF : 0) | (carry ? Rflags.CF : 0)) & before);
  }

  /** PMOVSX and PMOVZX. */
  static void extend(Cpu cpu, Insn insn) {
    int opcode = Operand.opcode(insn);
    int kind = opcode & 7;
    int from = kind < 3 ? 1 : kind < 5 ? 2 : 4;
    int to =
        switch (kind) {
          case 0 -> 2;
          case 1, 3 -> 4;
          default -> 8;
        };
    boolean signed = opcode < 0x30;
    long source = Operand.part(cpu, insn, 16 / to * from);
    int half = 8 / to * from * 8;
    Operand.put(
        Operand.destination(cpu, insn),
        Packed.extend(source, from, to, signed),
        Packed.extend(source >>> half, from, to, signed));
  }

  /** PHMINPOSUW. */
  static void smallestWord(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long result = Packed.smallestWord(Operand.low(from), Operand.high(from));
    Operand.put(Operand.destination(cpu, insn), result, 0);
  }

  /** MPSADBW. */
  static void slidingSums(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int imm = (int) insn.imm >> 3 * Operand.lane(cpu, insn);
    int block = (int) SseMoves.element(from, imm & 3, 4);
    int at = imm & 4;
    long low = Operand.low(to);
    long high = Operand.high(to);
    Operand.put(
        to, Packed.slidingSums(low, high, at, block), Packed.slidingSums(low, high, at + 4, block));
  }

  /** PCLMULQDQ. */
  static void carryless(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long a = (insn.imm & 1) != 0 ? Operand.high(to) : Operand.low(to);
    long b = (insn.imm & 16) != 0 ? Operand.high(from) : Operand.low(from);
    Operand.put(to, Aes.carrylessLow(a, b), Aes.carrylessHigh(a, b));
  }

  /** AESENC, AESENCLAST, AESDEC and AESDECLAST. */
  static void cipher(Cpu cpu, Insn insn, boolean decrypt, boolean last) {
    long key = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    long low = Operand.low(to);
    long high = Operand.high(to);
    long newHigh = columns(low, high, 2, decrypt, last) ^ Operand.high(key);
    Operand.put(to, columns(low, high, 0, decrypt, last) ^ Operand.low(key), newHigh);
  }

  private static long columns(long low, long high, int index, boolean decrypt, boolean last) {
    return Aes.column(low, high, index, decrypt, last) & 0xffff_ffffL
        | (long) Aes.column(low, high, index + 1, decrypt, last) << 32;
  }

  /** AESIMC. */
  static void inverseMix(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    Operand.put(
        Operand.destination(cpu, insn),
        inverseMix(Operand.low(from)),
        inverseMix(Operand.high(from)));
  }

  private static long inverseMix(long two) {
    return Aes.inverseMix((int) two) & 0xffff_ffffL
        | (long) Aes.inverseMix((int) (two >>> 32)) << 32;
  }

  /** AESKEYGENASSIST. */
  static void keySchedule(Cpu cpu, Insn insn) {
    long from = Operand.source(cpu, insn);
    long to = Operand.destination(cpu, insn);
    int round = (int) insn.imm & 0xff;
    long high = Operand.high(from);
    Operand.put(
        to, words((int) (Operand.low(from) >>> 32), round), words((int) (high >>> 32), round));
  }

  private static long words(int word, int round) {
    int substituted = Aes.substituteWord(word);
    int rotated = Integer.rotateRight(substituted, 8) ^ round;
    return substituted & 0xffff_ffffL | (long) rotated << 32;
  }

  /** PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM. */
  static void compareStrings(Cpu cpu, Insn insn) {
    boolean explicit = insn.op == Op.PCMPESTRI || insn.op == Op.PCMPESTRM;
    boolean index = insn.op == Op.PCMPESTRI || insn.op == Op.PCMPISTRI;
    int imm = (int) insn.imm & 0xff;
    long b = Operand.unaligned(cpu, insn);
    long bLow = Operand.low(b);
    long bHigh = Operand.high(b);
    long aLow = cpu.xmmLow(insn.reg);
    long aHigh = cpu.xmmHigh(insn.reg);
    int aLength;
    int bLength;
    if (explicit) {
      aLength = StringCompare.explicitLength(length(cpu, insn, 0), imm);
      bLength = StringCompare.explicitLength(length(cpu, insn, 2), imm);
    } else {
      aLength = StringCompare.implicitLength(aLow, aHigh, imm);
      bLength = StringCompare.implicitLength(bLow, bHigh, imm);
    }
    int result = StringCompare.compare(aLow, aHigh, aLength, bLow, bHigh, bLength, imm);
    int count = (imm & 1) != 0 ? 8 : 16;
    if (index) {
      int found =
          result == 0
              ? count
              : (imm & 0x40) != 0
                  ? 31 - Integer.numberOfLeadingZeros(result)
                  : Integer.numberOfTrailingZeros(result);
      cpu.gpr(1, found);
    } else {
      cpu.xmm(0, StringCompare.mask(result, imm, false), StringCompare.mask(result, imm, true));
      if (insn.vex) {
        SseMoves.upper(cpu, 0, 0);
      }
    }
    cpu.statusFlags(
        (result != 0 ? Rflags.CF : 0)
            | (bLength < count ? Rflags.ZF : 0)
            | (aLength < count ? Rflags.SF : 0)
            | ((result & 1) != 0 ? Rflags.OF : 0));
  }

  private static long length(Cpu cpu, Insn insn, int register) {
    return insn.operandSize == 8 ? cpu.gpr(register) : (int) cpu.gpr(register);
  }
}
