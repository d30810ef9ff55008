package isola.machine.devices.firmware;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Reads the firmware configuration as firmware does (fw_cfg.rst). */
final class FwCfgTest {
  private final FwCfg device = new FwCfg();

  private byte[] read(int key, int length) {
    device.out(0, 2, key);
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) device.in(1, 1);
    }
    return bytes;
  }

  @Test
  void signatureAndNumbers() {
    device.item(FwCfgSpec.PROCESSORS, 2, 4);
    assertThat(read(0, 4)).asString(StandardCharsets.US_ASCII).isEqualTo("QEMU");
    assertThat(read(1, 4)).containsExactly(1, 0, 0, 0);
    assertThat(read(5, 3)).as("zeros past the end").containsExactly(4, 0, 0);
    assertThat(read(0x1234, 2)).containsExactly(0, 0);
  }

  @Test
  void filesAreListed() {
    device.file("etc/one", new byte[] {1, 2, 3});
    device.file("etc/two", new byte[300]);
    byte[] directory = read(0x19, 4 + 2 * 64);
    assertThat(directory).startsWith(0, 0, 0, 2, 0, 0, 0, 3, 0, 0x20, 0, 0, 'e', 't', 'c');
    assertThat(directory[4 + 64 + 2]).isEqualTo((byte) 1);
    assertThat(directory[4 + 64 + 5]).isEqualTo((byte) 0x21);
    assertThat(read(0x20, 3)).containsExactly(1, 2, 3);
    assertThatThrownBy(() -> device.file("etc/one", new byte[1])).hasMessageContaining("etc/one");
  }
}
