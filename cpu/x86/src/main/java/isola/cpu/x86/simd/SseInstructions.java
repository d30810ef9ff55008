package isola.cpu.x86.simd;

import isola.cpu.x86.arith.SseFloat;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Vector;

/**
 * Executes an instruction on XMM registers (Intel SDM vol. 1, chapters 10 to 12). The commonest are
 * found first; an instruction without rounding does not look at MXCSR.
 */
public final class SseInstructions {
  private SseInstructions() {}

  /** Executes one instruction of the table's SSE group. */
  public static void execute(Cpu cpu, Insn insn) {
    if (insn.vex) {
      VexInstructions.execute(cpu, insn);
      return;
    }
    int cr0 = (int) cpu.cr0();
    if ((cr0 & (Cr0.EM | Cr0.TS)) != 0 || (cpu.cr4() & Cr4.OSFXSR) == 0) {
      boolean off = (cr0 & Cr0.EM) != 0 || (cpu.cr4() & Cr4.OSFXSR) == 0;
      throw off ? cpu.ud() : cpu.fault(Vector.NM);
    }
    operate(cpu, insn);
  }

  /** The operation itself, without VEX or on one lane of an instruction with it. */
  static void operate(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case MOVDQA, MOVAPS, MOVAPD, MOVNTDQ, MOVNTPS, MOVNTPD, MOVNTDQA ->
          SseMoves.whole(cpu, insn, true);
      case MOVDQU, MOVUPS, MOVUPD, LDDQU -> SseMoves.whole(cpu, insn, false);
      case PXOR, XORPS, XORPD -> SseInteger.exclusiveOr(cpu, insn);
      case MOVSD -> SseMoves.scalar(cpu, insn, 8);
      case MOVSS -> SseMoves.scalar(cpu, insn, 4);
      case MOVD -> SseMoves.general(cpu, insn);
      case MOVQ -> SseMoves.quad(cpu, insn);
      case MOVLPS, MOVHPS, MOVLPD, MOVHPD, MOVHLPS, MOVLHPS -> SseMoves.half(cpu, insn);
      case PMOVMSKB, MOVMSKPS, MOVMSKPD -> SseMoves.signs(cpu, insn);
      case PSLLW, PSLLD, PSLLQ, PSRLW, PSRLD, PSRLQ, PSRAW, PSRAD -> SseInteger.shift(cpu, insn);
      case PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ, PUNPCKLQDQ, UNPCKLPS, UNPCKLPD ->
          SseInteger.interleave(cpu, insn, false);
      case PUNPCKHBW, PUNPCKHWD, PUNPCKHDQ, PUNPCKHQDQ, UNPCKHPS, UNPCKHPD ->
          SseInteger.interleave(cpu, insn, true);
      case PSHUFD, PSHUFLW, PSHUFHW, SHUFPS, SHUFPD, VPERMILPS, VPERMILPD ->
          SseInteger.shuffle(cpu, insn);
      case PSHUFB -> SseInteger.shuffleBytes(cpu, insn);
      case PSLLDQ, PSRLDQ -> SseInteger.shiftBytes(cpu, insn);
      case PALIGNR -> SseInteger.align(cpu, insn);
      case ADDSS -> SseArithmetic.scalar(cpu, insn, SseFloat.ADD, false);
      case ADDSD -> SseArithmetic.scalar(cpu, insn, SseFloat.ADD, true);
      case SUBSS -> SseArithmetic.scalar(cpu, insn, SseFloat.SUB, false);
      case SUBSD -> SseArithmetic.scalar(cpu, insn, SseFloat.SUB, true);
      case MULSS -> SseArithmetic.scalar(cpu, insn, SseFloat.MUL, false);
      case MULSD -> SseArithmetic.scalar(cpu, insn, SseFloat.MUL, true);
      case DIVSS -> SseArithmetic.scalar(cpu, insn, SseFloat.DIV, false);
      case DIVSD -> SseArithmetic.scalar(cpu, insn, SseFloat.DIV, true);
      case MINSS -> SseArithmetic.scalar(cpu, insn, SseFloat.MIN, false);
      case MINSD -> SseArithmetic.scalar(cpu, insn, SseFloat.MIN, true);
      case MAXSS -> SseArithmetic.scalar(cpu, insn, SseFloat.MAX, false);
      case MAXSD -> SseArithmetic.scalar(cpu, insn, SseFloat.MAX, true);
      case COMISS -> SseArithmetic.compareToFlags(cpu, insn, false, true);
      case COMISD -> SseArithmetic.compareToFlags(cpu, insn, true, true);
      case UCOMISS -> SseArithmetic.compareToFlags(cpu, insn, false, false);
      case UCOMISD -> SseArithmetic.compareToFlags(cpu, insn, true, false);
      case CVTSI2SS -> SseArithmetic.fromGeneral(cpu, insn, false);
      case CVTSI2SD -> SseArithmetic.fromGeneral(cpu, insn, true);
      case CVTSS2SI -> SseArithmetic.toGeneral(cpu, insn, false, false);
      case CVTSD2SI -> SseArithmetic.toGeneral(cpu, insn, true, false);
      case CVTTSS2SI -> SseArithmetic.toGeneral(cpu, insn, false, true);
      case CVTTSD2SI -> SseArithmetic.toGeneral(cpu, insn, true, true);
      case CVTSS2SD -> SseArithmetic.betweenScalars(cpu, insn, false);
      case CVTSD2SS -> SseArithmetic.betweenScalars(cpu, insn, true);
      case ADDPS -> SseArithmetic.packed(cpu, insn, SseFloat.ADD, false);
      case ADDPD -> SseArithmetic.packed(cpu, insn, SseFloat.ADD, true);
      case SUBPS -> SseArithmetic.packed(cpu, insn, SseFloat.SUB, false);
      case SUBPD -> SseArithmetic.packed(cpu, insn, SseFloat.SUB, true);
      case MULPS -> SseArithmetic.packed(cpu, insn, SseFloat.MUL, false);
      case MULPD -> SseArithmetic.packed(cpu, insn, SseFloat.MUL, true);
      case DIVPS -> SseArithmetic.packed(cpu, insn, SseFloat.DIV, false);
      case DIVPD -> SseArithmetic.packed(cpu, insn, SseFloat.DIV, true);
      case MINPS -> SseArithmetic.packed(cpu, insn, SseFloat.MIN, false);
      case MINPD -> SseArithmetic.packed(cpu, insn, SseFloat.MIN, true);
      case MAXPS -> SseArithmetic.packed(cpu, insn, SseFloat.MAX, false);
      case MAXPD -> SseArithmetic.packed(cpu, insn, SseFloat.MAX, true);
      default -> floating(cpu, insn);
    }
  }

  private static void floating(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case SQRTSS -> SseArithmetic.scalarRoot(cpu, insn, false);
      case SQRTSD -> SseArithmetic.scalarRoot(cpu, insn, true);
      case SQRTPS -> SseArithmetic.packedRoot(cpu, insn, false);
      case SQRTPD -> SseArithmetic.packedRoot(cpu, insn, true);
      case RCPSS -> SseArithmetic.approximate(cpu, insn, false, true);
      case RCPPS -> SseArithmetic.approximate(cpu, insn, false, false);
      case RSQRTSS -> SseArithmetic.approximate(cpu, insn, true, true);
      case RSQRTPS -> SseArithmetic.approximate(cpu, insn, true, false);
      case CMPSS -> SseArithmetic.compareScalar(cpu, insn, false);
      case CMPSD -> SseArithmetic.compareScalar(cpu, insn, true);
      case CMPPS -> SseArithmetic.comparePacked(cpu, insn, false);
      case CMPPD -> SseArithmetic.comparePacked(cpu, insn, true);
      case ROUNDSS -> SseArithmetic.roundScalar(cpu, insn, false);
      case ROUNDSD -> SseArithmetic.roundScalar(cpu, insn, true);
      case ROUNDPS -> SseArithmetic.roundPacked(cpu, insn, false);
      case ROUNDPD -> SseArithmetic.roundPacked(cpu, insn, true);
      case HADDPS -> SseArithmetic.horizontal(cpu, insn, SseFloat.ADD, false);
      case HADDPD -> SseArithmetic.horizontal(cpu, insn, SseFloat.ADD, true);
      case HSUBPS -> SseArithmetic.horizontal(cpu, insn, SseFloat.SUB, false);
      case HSUBPD -> SseArithmetic.horizontal(cpu, insn, SseFloat.SUB, true);
      case ADDSUBPS -> SseArithmetic.alternate(cpu, insn, false);
      case ADDSUBPD -> SseArithmetic.alternate(cpu, insn, true);
      case DPPS -> SseArithmetic.dotProduct(cpu, insn, false);
      case DPPD -> SseArithmetic.dotProduct(cpu, insn, true);
      case CVTPS2PD -> SseArithmetic.widenPacked(cpu, insn);
      case CVTPD2PS -> SseArithmetic.narrowPacked(cpu, insn);
      case CVTDQ2PS -> SseArithmetic.fromPacked(cpu, insn);
      case CVTDQ2PD -> SseArithmetic.fromPackedToDoubles(cpu, insn);
      case CVTPS2DQ -> SseArithmetic.toPacked(cpu, insn, false);
      case CVTTPS2DQ -> SseArithmetic.toPacked(cpu, insn, true);
      case CVTPD2DQ -> SseArithmetic.doublesToPacked(cpu, insn, false);
      case CVTTPD2DQ -> SseArithmetic.doublesToPacked(cpu, insn, true);
      case CVTPI2PS -> SseArithmetic.fromMmx(cpu, insn, false);
      case CVTPI2PD -> SseArithmetic.fromMmx(cpu, insn, true);
      case CVTPS2PI -> SseArithmetic.toMmx(cpu, insn, false, false);
      case CVTTPS2PI -> SseArithmetic.toMmx(cpu, insn, false, true);
      case CVTPD2PI -> SseArithmetic.toMmx(cpu, insn, true, false);
      case CVTTPD2PI -> SseArithmetic.toMmx(cpu, insn, true, true);
      case LDMXCSR -> SseArithmetic.loadControl(cpu, insn);
      case STMXCSR -> SseArithmetic.storeControl(cpu, insn);
      default -> integers(cpu, insn);
    }
  }

  private static void integers(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case MOVDDUP, MOVSLDUP, MOVSHDUP -> SseMoves.duplicate(cpu, insn);
      case MOVQ2DQ, MOVDQ2Q -> SseMoves.betweenMmx(cpu, insn);
      case MASKMOVDQU -> SseMoves.masked(cpu, insn);
      case PEXTRB, PEXTRW, PEXTRD, EXTRACTPS -> SseMoves.extract(cpu, insn);
      case PINSRB, PINSRW, PINSRD -> SseMoves.insert(cpu, insn);
      case INSERTPS -> SseMoves.insertSingle(cpu, insn);
      case PACKSSWB,
          PACKUSWB,
          PACKSSDW,
          PACKUSDW,
          PHADDW,
          PHADDD,
          PHADDSW,
          PHSUBW,
          PHSUBD,
          PHSUBSW ->
          SseInteger.narrow(cpu, insn);
      case PBLENDVB, BLENDVPS, BLENDVPD, PBLENDW, BLENDPS, BLENDPD, VPBLENDD ->
          SseInteger.blend(cpu, insn);
      case PTEST -> SseInteger.test(cpu, insn, -1);
      case VTESTPS -> SseInteger.test(cpu, insn, 0x8000_0000_8000_0000L);
      case VTESTPD -> SseInteger.test(cpu, insn, Long.MIN_VALUE);
      case VCVTPH2PS -> SseArithmetic.fromHalf(cpu, insn);
      case VCVTPS2PH -> SseArithmetic.toHalf(cpu, insn);
      case PMOVSXBW,
          PMOVSXBD,
          PMOVSXBQ,
          PMOVSXWD,
          PMOVSXWQ,
          PMOVSXDQ,
          PMOVZXBW,
          PMOVZXBD,
          PMOVZXBQ,
          PMOVZXWD,
          PMOVZXWQ,
          PMOVZXDQ ->
          SseInteger.extend(cpu, insn);
      case PHMINPOSUW -> SseInteger.smallestWord(cpu, insn);
      case MPSADBW -> SseInteger.slidingSums(cpu, insn);
      case PCLMULQDQ -> SseInteger.carryless(cpu, insn);
      case AESENC -> SseInteger.cipher(cpu, insn, false, false);
      case AESENCLAST -> SseInteger.cipher(cpu, insn, false, true);
      case AESDEC -> SseInteger.cipher(cpu, insn, true, false);
      case AESDECLAST -> SseInteger.cipher(cpu, insn, true, true);
      case AESIMC -> SseInteger.inverseMix(cpu, insn);
      case AESKEYGENASSIST -> SseInteger.keySchedule(cpu, insn);
      case PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM -> SseInteger.compareStrings(cpu, insn);
      default -> SseInteger.lanes(cpu, insn);
    }
  }
}
