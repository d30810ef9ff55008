package isola.cpu.x86.arith;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class AesTest {
  private static long half(String hex, int at) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    long value = 0;
    for (int i = 7; i >= 0; i--) {
      value = value << 8 | bytes[at + i] & 0xff;
    }
    return value;
  }

  private static String round(String state, String key, boolean decrypt, boolean last) {
    long low = half(state, 0);
    long high = half(state, 8);
    byte[] result = new byte[16];
    for (int i = 0; i < 4; i++) {
      int word = Aes.column(low, high, i, decrypt, last);
      for (int k = 0; k < 4; k++) {
        result[i * 4 + k] = (byte) (word >>> (k * 8));
      }
    }
    byte[] keys = HexFormat.of().parseHex(key);
    for (int i = 0; i < 16; i++) {
      result[i] ^= keys[i];
    }
    return HexFormat.of().formatHex(result);
  }

  /** The rounds of the example of FIPS 197, appendix B. */
  @Test
  void roundsFollowTheStandardsExample() {
    assertThat(
            round(
                "193de3bea0f4e22b9ac68d2ae9f84808",
                "a0fafe1788542cb123a339392a6c7605",
                false,
                false))
        .isEqualTo("a49c7ff2689f352b6b5bea43026a5049");
    assertThat(
            round(
                "eb40f21e592e38848ba113e71bc342d2",
                "d014f9a8c9ee2589e13f0cc8b6630ca6",
                false,
                true))
        .isEqualTo("3925841d02dc09fbdc118597196a0b32");
  }

  @Test
  void decryptionUndoesEncryption() {
    String zero = "00000000000000000000000000000000";
    String state = "00112233445566778899aabbccddeeff";
    String encrypted = round(state, zero, false, true);
    assertThat(round(encrypted, zero, true, true)).isEqualTo(state);
    assertThat(Aes.inverseMix(0x0102_0304)).isNotEqualTo(0x0102_0304);
  }

  @Test
  void keyScheduleSubstitutesItsWords() {
    assertThat(Aes.substituteWord(0x5300_01ff)).isEqualTo(0xed63_7c16);
  }

  @Test
  void carrylessProductIsAPolynomialsProduct() {
    // (x^3 + x + 1)(x^2 + 1) = x^5 + x^2 + x + 1
    assertThat(Aes.carrylessLow(0b1011, 0b101)).isEqualTo(0b100111);
    assertThat(Aes.carrylessHigh(Long.MIN_VALUE, 0b110)).isEqualTo(0b11);
    assertThat(Aes.carrylessLow(Long.MIN_VALUE, 0b110)).isZero();
  }
}
