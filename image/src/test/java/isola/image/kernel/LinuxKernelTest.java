package isola.image.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

final class LinuxKernelTest {
  /** {@link #sample()} packed by {@code zstd -19} and by {@code lz4 -l -9}. */
  private static final String ZSTD =
      "KLUv/QRobQcANAt/RUxGbGluZSAwIG9mIGEgdGV4dCB0aGF0IHJlcGVhdHMgaXRzZWxmOyAxMjM0NTY3"
          + "ODkxMTExMTExMTExMjIyMjIyMjIyMjMzMzMzMzOCtw7ufxpQOb7wfsI0fwZu0I9dx1EkR+NAQwACa25U"
          + "VZSgZWhdZMSYC7jUVEqHIamaAa0hnrWc9qFe9vFaHYMLt84J1rvABOcXXGQ8feywtYDsN7yXEt0uaq65"
          + "S66NL5+inFooeieoMez9v4sBYIOSkscRNAT//w6hvr8BJXlGrXQ5q950q60Ti+iHauhCE3rQghpoQCmg"
          + "wFBKq6YCZ7NpGQ==";

  private static final String LZ4 =
      "AiFMGFgBAADxG39FTEZsaW5lIDAgb2YgYSB0ZXh0IHRoYXQgcmVwZWF0cyBpdHNlbGY7ICYAHzEmABIf"
          + "MiYAEh8zJgASHzQmABIfNSYAEh82JgASHzcmABIfOCYAEh85VgETD30BFA9+ARMfMX8BEx8xgAETHzGB"
          + "ARMfMYIBEx8xgwETHzGEARMfMYUBEx8xhgETHzKGARMfMgQDFA+GARMfMoYBEx8yhgETHzKGARMfMoYB"
          + "Ex8yhgETHzKGARMfMoYBEx8zhgETHzOGARMfM4sEFA+GARMfM4YBEx8zhgETHzOGAQ4PmQX///9n/1aC"
          + "tw7ufxpQOb7wfsI0fwZu0I9dx1EkR+NAQwACa25UVZSgZWhdZMSYC7jUVEqHIamaAa0hnrWc9qFe9vFa"
          + "HYMLt84J1rvABOcXXGQ8feywtYDsN7yXEt0uaq65S66NL5+inFooegEA////0lB6enp6eg==";

  @TempDir Path folder;

  private static byte[] sample() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes("\u007fELF".getBytes(StandardCharsets.ISO_8859_1));
    for (int i = 0; i < 60; i++) {
      out.writeBytes(
          "line %d of a text that repeats itself; "
              .formatted(i % 37)
              .getBytes(StandardCharsets.US_ASCII));
    }
    return out.toByteArray();
  }

  private static byte[] bzImage(byte[] payload, int size) {
    int from = 2 * 512 + 100;
    ByteBuffer image =
        ByteBuffer.allocate(from + payload.length + 4).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0x1f1, (byte) 1).putInt(0x202, 0x53726448).putShort(0x206, (short) 0x20f);
    image.putInt(0x248, 100).putInt(0x24c, payload.length + 4);
    image.put(from, payload).putInt(from + payload.length, size);
    return image.array();
  }

  private static void unpacks(byte[] packed, byte[] expected) {
    assertThat(LinuxKernel.unpack(bzImage(packed, expected.length)))
        .hasValueSatisfying(kernel -> assertThat(kernel).isEqualTo(expected));
  }

  private static void startsWithTheSample(String base64) throws IOException {
    byte[] packed = Base64.getDecoder().decode(base64);
    byte[] kernel = LinuxKernel.unpack(bzImage(packed, SIZE)).orElseThrow();
    assertThat(kernel)
        .startsWith(sample())
        .endsWith("z".repeat(1000).getBytes(StandardCharsets.US_ASCII));
  }

  private static final int SIZE = 3424;

  @Test
  void unpacksEveryFormat() throws IOException {
    startsWithTheSample(ZSTD);
    startsWithTheSample(LZ4);
    ByteArrayOutputStream gzip = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(gzip)) {
      out.write(sample());
    }
    unpacks(gzip.toByteArray(), sample());
    ByteArrayOutputStream xz = new ByteArrayOutputStream();
    try (OutputStream out = new XZOutputStream(xz, new LZMA2Options(1))) {
      out.write(sample());
    }
    unpacks(xz.toByteArray(), sample());
  }

  @Test
  void leavesAloneWhatItCannotUnpack() throws IOException {
    assertThat(LinuxKernel.unpack(new byte[0])).isEmpty();
    assertThat(LinuxKernel.unpack(new byte[5000])).isEmpty();
    assertThat(LinuxKernel.unpack(bzImage(sample(), 100))).isEmpty();
    byte[] zstd = Base64.getDecoder().decode(ZSTD);
    assertThat(LinuxKernel.unpack(bzImage(zstd, SIZE + 1))).isEmpty();
    assertThat(LinuxKernel.unpack(bzImage(zstd, SIZE - 1))).isEmpty();
    assertThat(LinuxKernel.unpack(bzImage(zstd, -1))).isEmpty();
  }

  @Test
  void damageAnywhereIsNoMoreThanDamage() {
    for (String packed : List.of(ZSTD, LZ4)) {
      byte[] whole = Base64.getDecoder().decode(packed);
      for (int at = 0; at < whole.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
          byte[] damaged = whole.clone();
          damaged[at] ^= (byte) (1 << bit);
          LinuxKernel.unpack(bzImage(damaged, SIZE))
              .ifPresent(kernel -> assertThat(kernel).hasSize(SIZE));
        }
      }
    }
  }

  /** Data of every temper, packed by the programs that pack kernels. */
  @ParameterizedTest
  @CsvSource({"zstd, -1", "zstd, -9", "zstd, -19", "zstd, --ultra -22", "lz4, -l -1", "lz4, -l -9"})
  void unpacksWhatThePackersPack(String program, String options) throws Exception {
    Path tool = Path.of("/usr/bin", program);
    assumeTrue(Files.isExecutable(tool), program + " is not installed");
    Random random = new Random(7);
    for (int kind = 0; kind < 4; kind++) {
      byte[] data = data(random, kind);
      Path file = folder.resolve("data");
      Files.write(file, data);
      List<String> command = new ArrayList<>(List.of(tool.toString(), "-c"));
      command.addAll(List.of(options.split(" ", -1)));
      Path packed = folder.resolve("packed");
      Process process =
          new ProcessBuilder(command)
              .redirectInput(file.toFile())
              .redirectOutput(packed.toFile())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
      unpacks(Files.readAllBytes(packed), data);
    }
  }

  private static byte[] data(Random random, int kind) {
    byte[] data = new byte[3_000_000 + random.nextInt(1000)];
    switch (kind) {
      case 0 -> random.nextBytes(data);
      case 1 -> {} // zeros
      case 2 -> {
        for (int i = 0; i < data.length; i++) {
          data[i] =
              (byte)
                  (i < 200 || random.nextInt(12) == 0
                      ? random.nextInt(256)
                      : data[i - 100 - i % 97]);
        }
      }
      default -> {
        for (int i = 0; i < data.length; i++) {
          data[i] = (byte) ('a' + (int) Math.abs(random.nextGaussian() * 4));
        }
      }
    }
    System.arraycopy(new byte[] {0x7f, 'E', 'L', 'F'}, 0, data, 0, 4);
    return data;
  }
}
