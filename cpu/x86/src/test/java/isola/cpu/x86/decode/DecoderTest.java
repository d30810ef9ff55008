package isola.cpu.x86.decode;

import static org.assertj.core.api.Assertions.assertThat;

import isola.cpu.x86.spec.Segment;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

final class DecoderTest {
  private final Decoder decoder = new Decoder();

  private Insn decode(String hex, int codeSize) {
    Insn insn = new Insn();
    byte[] bytes = HexFormat.ofDelimiter(" ").parseHex(hex);
    assertThat(decoder.decode(insn, bytes, 0, bytes.length, codeSize))
        .as(hex)
        .isEqualTo(Decoder.Status.OK);
    assertThat(insn.length).as(hex).isEqualTo((byte) bytes.length);
    return insn;
  }

  private Decoder.Status status(String hex, int codeSize) {
    byte[] bytes = HexFormat.ofDelimiter(" ").parseHex(hex);
    return decoder.decode(new Insn(), bytes, 0, bytes.length, codeSize);
  }

  /** Bytes of a row, with a memory operand where it may have one, padded with immediates. */
  private static byte[] encode(Form form) {
    byte[] bytes = new byte[32];
    int at = 0;
    if (form.prefix() > 0) {
      bytes[at++] = (byte) form.prefix();
    }
    if (form.map() > 0) {
      bytes[at++] = 0x0f;
    }
    if (form.map() > 1) {
      bytes[at++] = (byte) (form.map() == 2 ? 0x38 : 0x3a);
    }
    bytes[at++] = (byte) form.opcode();
    if (form.hasModRm()) {
      boolean register = form.rm() == Form.Rm.REGISTER || form.rm() == Form.Rm.FORCED_REGISTER;
      int modRm = (register ? 0xc1 : 0x01) | (Math.max(form.extension(), 0) << 3);
      bytes[at++] = (byte) (form.exact() >= 0 ? form.exact() : modRm);
    }
    return bytes;
  }

  @Test
  void everyRowDecodesToItself() {
    assertThat(OpcodeTable.x86().forms()).hasSizeGreaterThan(900);
    for (Form form : OpcodeTable.x86().forms()) {
      for (int codeSize : new int[] {2, 4, 8}) {
        if (form.mode() == (codeSize == 8 ? Form.Mode.NOT_64 : Form.Mode.ONLY_64)) {
          continue;
        }
        Insn insn = new Insn();
        Decoder.Status status = decoder.decode(insn, encode(form), 0, 15, codeSize);
        assertThat(status).as(form.toString()).isEqualTo(Decoder.Status.OK);
        Form found = insn.form;
        assertThat(found).as(form.toString()).isNotNull();
        if (!form.equals(found)) {
          // 90 is NOP before it is XCHG, and 82 is 80 again.
          assertThat(form.opcode()).isEqualTo(0x90);
        }
      }
    }
  }

  @Test
  void everyVexRowDecodesToItself() {
    Decoder v3 = new Decoder(OpcodeTable.v3());
    int rows = 0;
    for (Form form : OpcodeTable.v3().forms()) {
      Form.Vex vex = form.vex();
      if (vex == null) {
        continue;
      }
      rows++;
      byte[] bytes = new byte[32];
      bytes[0] = (byte) 0xc4;
      bytes[1] = (byte) (0xe0 | form.map());
      int prefix =
          switch (form.prefix()) {
            case 0x66 -> 1;
            case 0xf3 -> 2;
            case 0xf2 -> 3;
            default -> 0;
          };
      int l = vex.length() == Form.Vex.Length.L256 ? 4 : 0;
      bytes[2] = (byte) ((vex.w() == 1 ? 0x80 : 0) | 0x78 | l | prefix);
      bytes[3] = (byte) form.opcode();
      boolean memory = form.rm() == Form.Rm.MEMORY || form.gathers();
      if (form.hasModRm()) {
        bytes[4] = (byte) ((memory ? 0x04 : 0xc1) | Math.max(form.extension(), 0) << 3);
        bytes[5] = 0x11;
      }
      Insn insn = new Insn();
      assertThat(v3.decode(insn, bytes, 0, 15, 8)).as(form.toString()).isEqualTo(Decoder.Status.OK);
      assertThat(insn.form).isEqualTo(form);
    }
    assertThat(rows).isGreaterThan(300);
  }

  @Test
  void aRowWithTooFewBytesAsksForMore() {
    for (Form form : OpcodeTable.x86().forms()) {
      if (form.mode() == Form.Mode.NOT_64) {
        continue;
      }
      Insn insn = new Insn();
      byte[] bytes = encode(form);
      assertThat(decoder.decode(insn, bytes, 0, 15, 8)).isEqualTo(Decoder.Status.OK);
      byte[] cut = Arrays.copyOf(bytes, insn.length - 1);
      assertThat(decoder.decode(new Insn(), cut, 0, cut.length, 8))
          .as(form.toString())
          .isEqualTo(Decoder.Status.MORE);
    }
  }

  @Test
  void operandsAndSizes() {
    Insn add = decode("48 01 c8", 8);
    assertThat(add.op).isEqualTo(Op.ADD);
    assertThat(add.operandSize).isEqualTo((byte) 8);
    assertThat(add.reg).isEqualTo((byte) 1);
    assertThat(add.rm).isZero();

    Insn load = decode("65 4c 8b 24 c5 00 ff ff ff", 8);
    assertThat(load.op).isEqualTo(Op.MOV);
    assertThat(load.reg).isEqualTo((byte) 12);
    assertThat(load.base).isEqualTo((byte) Insn.NONE);
    assertThat(load.index).isZero();
    assertThat(load.scale).isEqualTo((byte) 3);
    assertThat(load.segment).isEqualTo((byte) Segment.GS);
    assertThat(load.displacement).isEqualTo(-256);

    Insn rip = decode("48 8d 05 10 00 00 00", 8);
    assertThat(rip.base).isEqualTo((byte) Insn.RIP);
    assertThat(rip.displacement).isEqualTo(16);

    Insn wide = decode("49 bf 88 77 66 55 44 33 22 11", 8);
    assertThat(wide.reg).isEqualTo((byte) 15);
    assertThat(wide.imm).isEqualTo(0x1122334455667788L);

    assertThat(decode("66 83 c0 ff", 8).imm).isEqualTo(-1);
    assertThat(decode("6a 80", 8).operandSize).isEqualTo((byte) 8);
    assertThat(decode("c8 10 00 02", 4).imm2).isEqualTo(2);
    assertThat(decode("ea 78 56 34 12 08 00", 4).imm2).isEqualTo(8);
    assertThat(decode("66 ea 34 12 08 00", 4).imm).isEqualTo(0x1234);
  }

  @Test
  void theSegmentRegisterEsIsNoMemoryOperand() {
    for (Form form : OpcodeTable.x86().forms()) {
      if (form.operand(0).equals("ES")) {
        assertThat(form.shape()).as(form.toString()).isEqualTo(Form.Shape.OTHER);
        assertThat(form.rmIsDestination()).as(form.toString()).isFalse();
        assertThat(form.hasModRm()).as(form.toString()).isFalse();
      }
    }
  }

  @Test
  void sixteenBitAddressing() {
    Insn insn = decode("8b 42 fe", 2);
    assertThat(insn.base).isEqualTo((byte) 5);
    assertThat(insn.index).isEqualTo((byte) 6);
    assertThat(insn.segment).isEqualTo((byte) Segment.SS);
    assertThat(insn.displacement).isEqualTo(-2);
    assertThat(insn.addressSize).isEqualTo((byte) 2);
    Insn absolute = decode("8b 06 34 12", 2);
    assertThat(absolute.base).isEqualTo((byte) Insn.NONE);
    assertThat(absolute.displacement).isEqualTo(0x1234);
    assertThat(decode("67 66 8b 04 88", 2).scale).isEqualTo((byte) 2);
  }

  @Test
  void prefixesThatMatter() {
    assertThat(decode("f3 0f b8 c1", 8).op).isEqualTo(Op.POPCNT);
    assertThat(decode("f3 0f bd c1", 8).op).isEqualTo(Op.BSR);
    assertThat(decode("f3 90", 8).op).isEqualTo(Op.PAUSE);
    assertThat(decode("41 90", 8).op).isEqualTo(Op.XCHG);
    assertThat(decode("66 f2 0f 38 f1 c1", 8).operandSize).isEqualTo((byte) 2);
    assertThat(decode("f3 0f 1e fa", 8).op).isEqualTo(Op.NOP);
    assertThat(decode("0f 01 f8", 8).op).isEqualTo(Op.SWAPGS);
    assertThat(decode("48 0f c7 0e", 8).operandSize).isEqualTo((byte) 8);
    // REX counts only right before the opcode; 66 does not shorten a near branch in 64-bit code.
    assertThat(decode("48 66 01 c8", 8).operandSize).isEqualTo((byte) 2);
    assertThat(decode("66 e8 00 00 00 00", 8).operandSize).isEqualTo((byte) 8);
    assertThat(decode("0f 22 18", 8).rm).isZero();
  }

  @Test
  void whatIsNoInstruction() {
    assertThat(status("f0 01 c8", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("f0 8b 00", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("f0 0f ba 20 01", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("06", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("c5 f8 58 c1", 8)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("0f 01 f8", 4)).isEqualTo(Decoder.Status.UNDEFINED);
    assertThat(status("66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 8))
        .isEqualTo(Decoder.Status.OK);
    assertThat(status("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 8))
        .isEqualTo(Decoder.Status.TOO_LONG);
  }
}
