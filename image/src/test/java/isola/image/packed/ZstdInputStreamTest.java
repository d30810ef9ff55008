package isola.image.packed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames as RFC 8878 describes them, and as the program {@code zstd} makes them. */
final class ZstdInputStreamTest {
  private static final int WINDOW = 8 << 20;

  /** No window given, one block "abc" as it is, and one of four times "z". */
  private static final String FRAME = "28b52ffd 20 07 180000 616263 230000 7a";

  @TempDir Path folder;

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static byte[] unpack(byte[] packed, int window) throws IOException {
    try (ZstdInputStream in = new ZstdInputStream(new ByteArrayInputStream(packed), window)) {
      // Odd pieces, so that blocks are read in parts.
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] piece = new byte[7001];
      for (int count; (count = in.read(piece)) >= 0; ) {
        out.write(piece, 0, count);
      }
      return out.toByteArray();
    }
  }

  @Test
  void framesFollowOneAnotherAndSomeAreSkipped() throws IOException {
    byte[] packed = hex(FRAME + "532a4d18 03000000 112233" + FRAME);
    assertThat(unpack(packed, WINDOW)).asString().isEqualTo("abczzzzabczzzz");
    assertThat(unpack(new byte[0], WINDOW)).isEmpty();
  }

  @Test
  void aFrameThatBreaksOffIsAnError() {
    byte[] whole = hex(FRAME);
    for (int length = 1; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> unpack(part, WINDOW)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void aWindowThatIsTooLargeIsRefused() {
    // Window descriptor 0xa8: 2 GiB; and a single segment of 4 GiB.
    assertThatThrownBy(() -> unpack(hex("28b52ffd 00 a8 010000"), WINDOW))
        .hasMessageContaining("window");
    assertThatThrownBy(() -> unpack(hex("28b52ffd e0 ffffffffffffff7f 010000"), WINDOW))
        .hasMessageContaining("window");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "-3 --no-check", "-19", "-5 --zstd=wlog=11", "-12 --zstd=wlog=17"})
  void unpacksWhatThePackerPacks(String options) throws Exception {
    Path tool = Path.of("/usr/bin/zstd");
    assumeTrue(Files.isExecutable(tool), "zstd is not installed");
    byte[] data = data(3_000_000);
    Path file = Files.write(folder.resolve("data"), data);
    Path packed = folder.resolve("packed");
    List<String> command = new ArrayList<>(List.of(tool.toString(), "-c"));
    command.addAll(List.of(options.split(" ", -1)));
    Process process =
        new ProcessBuilder(command)
            .redirectInput(file.toFile())
            .redirectOutput(packed.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    byte[] whole = Files.readAllBytes(packed);
    assertThat(unpack(whole, WINDOW)).isEqualTo(data);
    damageIsNoMoreThanAnError(whole);
  }

  private static void damageIsNoMoreThanAnError(byte[] whole) {
    Random random = new Random(3);
    for (int i = 0; i < 100; i++) {
      byte[] damaged = whole.clone();
      damaged[random.nextInt(Math.min(whole.length, 200_000))] ^= (byte) (1 << random.nextInt(8));
      try (ZstdInputStream in = new ZstdInputStream(new ByteArrayInputStream(damaged), WINDOW)) {
        assertThat(in.readNBytes(400_000)).hasSizeLessThanOrEqualTo(400_000);
      } catch (IOException e) {
        assertThat(e).isNotNull();
      }
    }
  }

  /** Text that repeats itself, near and far, with noise in between. */
  private static byte[] data(int size) {
    Random random = new Random(11);
    byte[] data = new byte[size];
    for (int i = 0; i < size; i++) {
      int back = i > 300_000 && i / 5000 % 3 == 0 ? 250_000 : 90 + i % 7;
      boolean fresh = i < 400 || random.nextInt(20) == 0;
      data[i] = fresh ? (byte) random.nextInt(256) : data[i - back];
    }
    return data;
  }
}
