package isola.cpu.x86.simd;

import isola.cpu.x86.arith.Packed;
import isola.cpu.x86.decode.Op;

/**
 * The operations that work on each 64 bits alike, whether they are an MMX register or one half of
 * an XMM register. Pure functions.
 */
final class Lanes {
  private Lanes() {}

  /** {@code a op b}. */
  static long combine(Op op, long a, long b) {
    return switch (op) {
      case PADDB -> Packed.add(a, b, 1);
      case PADDW -> Packed.add(a, b, 2);
      case PADDD -> Packed.add(a, b, 4);
      case PADDQ -> a + b;
      case PSUBB -> Packed.subtract(a, b, 1);
      case PSUBW -> Packed.subtract(a, b, 2);
      case PSUBD -> Packed.subtract(a, b, 4);
      case PSUBQ -> a - b;
      case PAND, ANDPS, ANDPD -> a & b;
      case PANDN, ANDNPS, ANDNPD -> ~a & b;
      case POR, ORPS, ORPD -> a | b;
      case PXOR, XORPS, XORPD -> a ^ b;
      case PCMPEQB -> Packed.equal(a, b, 1);
      case PCMPEQW -> Packed.equal(a, b, 2);
      case PCMPEQD -> Packed.equal(a, b, 4);
      case PCMPEQQ -> a == b ? -1 : 0;
      case PCMPGTB -> Packed.greater(a, b, 1);
      case PCMPGTW -> Packed.greater(a, b, 2);
      case PCMPGTD -> Packed.greater(a, b, 4);
      case PCMPGTQ -> a > b ? -1 : 0;
      case PMINUB -> Packed.extremeUnsigned(a, b, 1, false);
      case PMINUW -> Packed.extremeUnsigned(a, b, 2, false);
      case PMINUD -> Packed.extremeUnsigned(a, b, 4, false);
      case PMAXUB -> Packed.extremeUnsigned(a, b, 1, true);
      case PMAXUW -> Packed.extremeUnsigned(a, b, 2, true);
      case PMAXUD -> Packed.extremeUnsigned(a, b, 4, true);
      case PMINSB -> Packed.extremeSigned(a, b, 1, false);
      case PMINSW -> Packed.extremeSigned(a, b, 2, false);
      case PMINSD -> Packed.extremeSigned(a, b, 4, false);
      case PMAXSB -> Packed.extremeSigned(a, b, 1, true);
      case PMAXSW -> Packed.extremeSigned(a, b, 2, true);
      case PMAXSD -> Packed.extremeSigned(a, b, 4, true);
      default -> calculate(op, a, b);
    };
  }

  private static long calculate(Op op, long a, long b) {
    return switch (op) {
      case PADDSB -> Packed.addSigned(a, b, 1);
      case PADDSW -> Packed.addSigned(a, b, 2);
      case PADDUSB -> Packed.addUnsigned(a, b, 1);
      case PADDUSW -> Packed.addUnsigned(a, b, 2);
      case PSUBSB -> Packed.subtractSigned(a, b, 1);
      case PSUBSW -> Packed.subtractSigned(a, b, 2);
      case PSUBUSB -> Packed.subtractUnsigned(a, b, 1);
      case PSUBUSW -> Packed.subtractUnsigned(a, b, 2);
      case PAVGB -> Packed.average(a, b, 1);
      case PAVGW -> Packed.average(a, b, 2);
      case PMULLW -> Packed.multiplyLow16(a, b);
      case PMULHW -> Packed.multiplyHigh16(a, b, false);
      case PMULHUW -> Packed.multiplyHigh16(a, b, true);
      case PMULHRSW -> Packed.multiplyRounded(a, b);
      case PMULLD -> Packed.multiplyLow32(a, b);
      case PMULUDQ -> (a & 0xffff_ffffL) * (b & 0xffff_ffffL);
      case PMULDQ -> (long) (int) a * (int) b;
      case PMADDWD -> Packed.multiplyAdd(a, b);
      case PMADDUBSW -> Packed.multiplyAddBytes(a, b);
      case PSADBW -> Packed.sumOfDifferences(a, b);
      case PABSB -> Packed.absolute(b, 1);
      case PABSW -> Packed.absolute(b, 2);
      case PABSD -> Packed.absolute(b, 4);
      case PSIGNB -> Packed.sign(a, b, 1);
      case PSIGNW -> Packed.sign(a, b, 2);
      case PSIGND -> Packed.sign(a, b, 4);
      case VPSLLVD -> Packed.shiftEach(a, b, 4, true, false);
      case VPSLLVQ -> Packed.shiftEach(a, b, 8, true, false);
      case VPSRLVD -> Packed.shiftEach(a, b, 4, false, false);
      case VPSRLVQ -> Packed.shiftEach(a, b, 8, false, false);
      case VPSRAVD -> Packed.shiftEach(a, b, 4, false, true);
      default -> throw new IllegalArgumentException("not a packed integer operation: " + op);
    };
  }

  /** A shift of the elements of {@code a}; {@code count} unsigned. */
  static long shift(Op op, long a, long count) {
    return switch (op) {
      case PSLLW -> Packed.shiftLeft(a, count, 2);
      case PSLLD -> Packed.shiftLeft(a, count, 4);
      case PSLLQ -> Packed.shiftLeft(a, count, 8);
      case PSRLW -> Packed.shiftRight(a, count, 2);
      case PSRLD -> Packed.shiftRight(a, count, 4);
      case PSRLQ -> Packed.shiftRight(a, count, 8);
      case PSRAW -> Packed.shiftRightSigned(a, count, 2);
      case PSRAD -> Packed.shiftRightSigned(a, count, 4);
      default -> throw new IllegalArgumentException("not a packed shift: " + op);
    };
  }

  /** Half a result of a pack or horizontal operation, from 64 bits of source. */
  static int narrow(Op op, long a) {
    return switch (op) {
      case PACKSSWB -> Packed.pack(a, 2, false);
      case PACKUSWB -> Packed.pack(a, 2, true);
      case PACKSSDW -> Packed.pack(a, 4, false);
      case PACKUSDW -> Packed.pack(a, 4, true);
      case PHADDW -> Packed.horizontal(a, 2, false, false);
      case PHADDD -> Packed.horizontal(a, 4, false, false);
      case PHADDSW -> Packed.horizontal(a, 2, false, true);
      case PHSUBW -> Packed.horizontal(a, 2, true, false);
      case PHSUBD -> Packed.horizontal(a, 4, true, false);
      case PHSUBSW -> Packed.horizontal(a, 2, true, true);
      default -> throw new IllegalArgumentException("not a narrowing operation: " + op);
    };
  }

  /** Two results of {@link #narrow} side by side. */
  static long narrow(Op op, long a, long b) {
    return narrow(op, a) & 0xffff_ffffL | (long) narrow(op, b) << 32;
  }

  /** Bytes of the elements that PUNPCK interleaves. */
  static int elementSize(Op op) {
    return switch (op) {
      case PUNPCKLBW, PUNPCKHBW -> 1;
      case PUNPCKLWD, PUNPCKHWD -> 2;
      case PUNPCKLDQ, PUNPCKHDQ, UNPCKLPS, UNPCKHPS -> 4;
      default -> 8;
    };
  }
}
