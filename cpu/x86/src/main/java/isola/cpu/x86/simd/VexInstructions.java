package isola.cpu.x86.simd;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.VectorLane;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;
import java.util.Objects;

/**
 * Executes an instruction that VEX encodes (Intel SDM vol. 1, chapter 14). What SSE has as well is
 * done by the bodies that SSE has, one lane of 16 bytes after the other: each lane begins as a copy
 * of the first source, the body turns it into the result, and when nothing can fault any more the
 * lanes go to the destination and what is above them becomes zero.
 */
final class VexInstructions {
  private static final long ENABLED = XsaveSpec.SSE | XsaveSpec.AVX;

  private VexInstructions() {}

  static void execute(Cpu cpu, Insn insn) {
    if (!cpu.protectedMode()
        || cpu.v86()
        || (cpu.cr4() & Cr4.OSXSAVE) == 0
        || (cpu.field(CpuState.XCR0) & ENABLED) != ENABLED) {
      throw cpu.ud();
    }
    if ((cpu.cr0() & Cr0.TS) != 0) {
      throw cpu.fault(Vector.NM);
    }
    switch (insn.op) {
      case MOVDQA,
          MOVAPS,
          MOVAPD,
          MOVNTDQ,
          MOVNTPS,
          MOVNTPD,
          MOVNTDQA,
          MOVDQU,
          MOVUPS,
          MOVUPD,
          LDDQU,
          LDMXCSR,
          STMXCSR ->
          SseInstructions.operate(cpu, insn);
      case VZEROUPPER -> VexMoves.zero(cpu, false);
      case VZEROALL -> VexMoves.zero(cpu, true);
      case VBROADCASTSS,
          VBROADCASTSD,
          VBROADCASTF128,
          VBROADCASTI128,
          VPBROADCASTB,
          VPBROADCASTW,
          VPBROADCASTD,
          VPBROADCASTQ ->
          VexMoves.broadcast(cpu, insn);
      case VINSERTF128, VINSERTI128 -> VexMoves.insert(cpu, insn);
      case VEXTRACTF128, VEXTRACTI128 -> VexMoves.extract(cpu, insn);
      case VPERM2F128, VPERM2I128 -> VexMoves.permuteHalves(cpu, insn);
      case VPERMD, VPERMPS -> VexMoves.permute(cpu, insn);
      case VPERMQ, VPERMPD -> VexMoves.permuteQuads(cpu, insn);
      case VMASKMOVPS, VPMASKMOVD -> VexMasked.move(cpu, insn, 4);
      case VMASKMOVPD, VPMASKMOVQ -> VexMasked.move(cpu, insn, 8);
      case VPGATHERDD,
          VPGATHERDQ,
          VPGATHERQD,
          VPGATHERQQ,
          VGATHERDPS,
          VGATHERDPD,
          VGATHERQPS,
          VGATHERQPD ->
          VexMasked.gather(cpu, insn);
      default -> lanes(cpu, insn);
    }
  }

  private static void lanes(Cpu cpu, Insn insn) {
    Form.Vex vex = Objects.requireNonNull(Objects.requireNonNull(insn.form).vex());
    boolean two = insn.l256 && vex.length() != Form.Vex.Length.IGNORED;
    long source = cpu.state + CpuState.SCRATCH_SOURCE;
    long second = source + vex.step();
    if (insn.rm >= 0) {
      source = Operand.xmm(cpu, insn.rm);
      second = vex.step() == 16 ? Operand.ymmHigh(cpu, insn.rm) : source + vex.step();
    } else if (vex.load() != 0) {
      Operand.memory(cpu, insn, two ? vex.loadWide() : vex.load(), false);
    } else if (insn.op == Op.VCVTPS2PH) {
      // The only arithmetic that stores: what it raises does not show if the store faults.
      cpu.checkStore(insn.segment, cpu.effective(insn), two ? 16 : 8);
    }
    int first =
        switch (vex.first()) {
          case VVVV -> insn.vvvv;
          case RM -> insn.rm;
          case REG, NONE -> insn.reg;
        };
    long work = cpu.state + CpuState.SCRATCH;
    VectorLane lane = cpu.lane;
    lane.last = !two;
    lane(cpu, insn, 0, work, Operand.xmm(cpu, first), source);
    if (two) {
      lane.last = true;
      lane(cpu, insn, 1, work + 16, Operand.ymmHigh(cpu, first), second);
    }
    boolean halved = two && halves(insn.op);
    if (halved) {
      Operand.put(work, Operand.low(work), Operand.low(work + 16));
    }
    commit(cpu, insn, vex, work, two && !halved);
  }

  private static void lane(Cpu cpu, Insn insn, int number, long to, long first, long from) {
    VectorLane lane = cpu.lane;
    lane.number = number;
    lane.to = to;
    lane.from = from;
    Operand.put(to, Operand.low(first), Operand.high(first));
    if (insn.op.ordinal() >= Op.VFMADD132PD.ordinal()
        && insn.op.ordinal() <= Op.VFNMSUB231SS.ordinal()) {
      SseArithmetic.fuse(cpu, insn);
    } else {
      SseInstructions.operate(cpu, insn);
    }
  }

  /** Instructions of which each lane has a result of 8 bytes. */
  private static boolean halves(Op op) {
    return switch (op) {
      case CVTPD2PS, CVTPD2DQ, CVTTPD2DQ, VCVTPS2PH -> true;
      default -> false;
    };
  }

  private static void commit(Cpu cpu, Insn insn, Form.Vex vex, long work, boolean two) {
    int to =
        switch (vex.target()) {
          case REG -> insn.reg;
          case VVVV -> insn.vvvv;
          case RM -> insn.rm;
          case NONE -> Insn.NONE;
        };
    if (to >= 0) {
      Operand.put(Operand.xmm(cpu, to), Operand.low(work), Operand.high(work));
      SseMoves.upper(cpu, to, two ? work + 16 : 0);
    } else if (insn.op == Op.VCVTPS2PH) {
      int size = insn.l256 ? 16 : 8;
      storeHalves(cpu, insn, work, size);
    }
  }

  private static void storeHalves(Cpu cpu, Insn insn, long work, int size) {
    long offset = cpu.effective(insn);
    cpu.checkStore(insn.segment, offset, size);
    for (int i = 0; i < size; i += 8) {
      cpu.store(insn.segment, offset + i, 8, i == 0 ? Operand.low(work) : Operand.high(work));
    }
  }
}
