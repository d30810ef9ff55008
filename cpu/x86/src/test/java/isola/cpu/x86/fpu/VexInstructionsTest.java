package isola.cpu.x86.fpu;

import static org.assertj.core.api.Assertions.assertThat;

import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** VEX: what is an instruction, who must consent to it, and what becomes of upper halves. */
class VexInstructionsTest {
  private static final String VADDPS_YMM = "c5 f4 58 c2";
  private static final String VADDPS_XMM = "c5 f0 58 c2";
  private static final String ADDPS = "0f 58 c2";
  private static final String ANDN = "c4 e2 78 f2 c1";

  private final LoneProcessor p = new LoneProcessor();

  @BeforeEach
  void consent() {
    p.cpu.field(CpuState.CR4, Cr4.OSFXSR | Cr4.OSXMMEXCPT | Cr4.OSXSAVE);
    p.cpu.field(CpuState.XCR0, 7);
  }

  @AfterEach
  void close() {
    p.close();
  }

  private static Decoder.Status status(String hex, int codeSize, Insn insn) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    return new Decoder(OpcodeTable.v3()).decode(insn, code, 0, code.length, codeSize);
  }

  private static Decoder.Status status(String hex, int codeSize) {
    return status(hex, codeSize, new Insn());
  }

  @Test
  void prefixesBeforeVexAreNotAllowed() {
    assertThat(status("c5 f4 58 c2", 8)).isEqualTo(Decoder.Status.OK);
    for (String prefix : new String[] {"66", "f2", "f3", "f0", "48"}) {
      assertThat(status(prefix + "c5 f4 58 c2", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    }
    assertThat(status("2e 67 c5 f4 58 c2", 8)).isEqualTo(Decoder.Status.OK);
  }

  @Test
  void fieldsThatDoNotCountMustSaySo() {
    // vpshufd ymm0,ymm1,0 with a third register; vpmovd with L; vpermq with W0; a fourth map.
    assertThat(status("c5 fd 70 c1 00", 8)).isEqualTo(Decoder.Status.OK);
    assertThat(status("c5 f5 70 c1 00", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("c5 fd 6e c1", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("c4 e3 fd 00 c1 00", 8)).isEqualTo(Decoder.Status.OK);
    assertThat(status("c4 e3 7d 00 c1 00", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("c4 e4 7d 58 c1 00", 8)).isEqualTo(Decoder.Status.UNDEFINED);
  }

  @Test
  void theLevelBelowDoesNotKnowThem() {
    byte[] code = HexFormat.of().parseHex("c5f458c2");
    Decoder v2 = new Decoder();
    assertThat(v2.decode(new Insn(), code, 0, 4, 8)).isEqualTo(Decoder.Status.UNDEFINED);
    Insn scan = new Insn();
    byte[] count = HexFormat.of().parseHex("f30fbcc1");
    assertThat(v2.decode(scan, count, 0, 4, 8)).isEqualTo(Decoder.Status.OK);
    assertThat(scan.op).isEqualTo(Op.BSF);
    assertThat(status("f3 0f bc c1", 8, scan)).isEqualTo(Decoder.Status.OK);
    assertThat(scan.op).isEqualTo(Op.TZCNT);
  }

  @Test
  void ldsAndVexShareTheirFirstByte() {
    Insn insn = new Insn();
    assertThat(status("c5 06", 4, insn)).isEqualTo(Decoder.Status.OK);
    assertThat(insn.op).isEqualTo(Op.LDS);
    assertThat(status("c5 f4 58 c2", 4, insn)).isEqualTo(Decoder.Status.OK);
    assertThat(insn.op).isEqualTo(Op.ADDPS);
    assertThat(insn.vvvv).isEqualTo((byte) 1);
    assertThat(insn.l256).isTrue();
  }

  @Test
  void theOperatingSystemMustConsent() {
    assertThat(p.fault(VADDPS_YMM)).isEqualTo(-1);
    p.cpu.field(CpuState.XCR0, 3);
    assertThat(p.fault(VADDPS_YMM)).isEqualTo(Vector.UD);
    p.cpu.field(CpuState.XCR0, 7);
    p.cpu.field(CpuState.CR4, Cr4.OSFXSR);
    assertThat(p.fault(VADDPS_XMM)).isEqualTo(Vector.UD);
    p.cpu.field(CpuState.CR4, Cr4.OSXSAVE);
    p.cpu.field(CpuState.CR0, Cr0.PE | Cr0.TS);
    assertThat(p.fault(VADDPS_XMM)).isEqualTo(Vector.NM);
    // What works on general registers needs no consent.
    p.cpu.field(CpuState.CR4, 0);
    assertThat(p.fault(ANDN)).isEqualTo(-1);
  }

  @Test
  void realModeHasNoVex() {
    p.realMode();
    p.cpu.field(CpuState.CR4, Cr4.OSFXSR | Cr4.OSXSAVE);
    assertThat(p.fault(VADDPS_XMM)).isEqualTo(Vector.UD);
    assertThat(p.fault(ANDN)).isEqualTo(Vector.UD);
  }

  @Test
  void upperHalvesAreClearedByVexAloneAndLeftBySse() {
    p.cpu.field(CpuState.YMM_HIGH, 5);
    p.execute(ADDPS);
    assertThat(p.cpu.field(CpuState.YMM_HIGH)).isEqualTo(5);
    p.execute(VADDPS_XMM);
    assertThat(p.cpu.field(CpuState.YMM_HIGH)).isZero();
    p.cpu.field(CpuState.YMM_HIGH + 7 * 16, 5);
    // Outside 64-bit code VZEROUPPER sees eight registers.
    p.cpu.field(CpuState.YMM_HIGH + 8 * 16, 5);
    p.execute("c5 f8 77");
    assertThat(p.cpu.field(CpuState.YMM_HIGH + 7 * 16)).isZero();
    assertThat(p.cpu.field(CpuState.YMM_HIGH + 8 * 16)).isEqualTo(5);
  }

  @Test
  void fusedMultiplicationRoundsOnce() {
    // vfmadd213sd xmm0,xmm1,xmm2: x * x - round(x * x) is what a second rounding would lose.
    double x = 1 + 0x1p-30;
    p.cpu.xmm(0, Double.doubleToRawLongBits(x), 0);
    p.cpu.xmm(1, Double.doubleToRawLongBits(x), 0);
    p.cpu.xmm(2, Double.doubleToRawLongBits(-(x * x)), 0);
    p.execute("c4 e2 f1 a9 c2");
    assertThat(Double.longBitsToDouble(p.cpu.xmmLow(0))).isEqualTo(0x1p-60);
    assertThat(p.cpu.intField(CpuState.MXCSR) & 0x3f).isZero();
  }

  @Test
  void wholeMovesAskForTheirAlignment() {
    p.memory.put(0x1010, 8, 7);
    // vmovaps ymm0,[0x1010] and xmm0; vmovups ymm0
    assertThat(p.fault("c5 fc 28 05 10100000")).isEqualTo(Vector.GP);
    assertThat(p.fault("c5 f8 28 05 10100000")).isEqualTo(-1);
    assertThat(p.cpu.xmmLow(0)).isEqualTo(7);
    assertThat(p.fault("c5 fc 10 05 11100000")).isEqualTo(-1);
    // vaddps takes any address.
    assertThat(p.fault("c5 f4 58 05 11100000")).isEqualTo(-1);
  }
}
