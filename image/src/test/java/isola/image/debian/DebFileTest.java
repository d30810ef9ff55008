package isola.image.debian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.fixture.DebBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DebFileTest {
  @TempDir Path folder;

  private static DebBuilder builder() throws IOException {
    return new DebBuilder("Package: x\n")
        .control("postinst", "#!/bin/sh\n")
        .directory("./usr", 0755)
        .file("./usr/" + "long".repeat(60), "content")
        .symlink("./link", "usr");
  }

  private Path write(byte[] deb) throws IOException {
    Path file = folder.resolve("x.deb");
    Files.write(file, deb);
    return file;
  }

  private static List<String> read(Path deb, long limit) throws ImageException, IOException {
    List<String> found = new ArrayList<>();
    DebFile.data(
        deb,
        "x",
        limit,
        (entry, content) ->
            found.add(
                entry.getName()
                    + "="
                    + new String(content.readAllBytes(), StandardCharsets.UTF_8)));
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {".xz", ".gz", ".zst", ""})
  void readsWhatIsInIt(String packing) throws Exception {
    Path deb = write(builder().build(packing));
    assertThat(DebFile.control(deb, "x")).containsOnlyKeys("control", "postinst");
    assertThat(read(deb, 1 << 20))
        .containsExactly("./usr/=", "./usr/" + "long".repeat(60) + "=content", "./link=");
  }

  @Test
  void refusesWhatBreaksOffAnywhere() throws Exception {
    byte[] whole = builder().build();
    for (int length : new int[] {0, 1, 8, 60, 100, 200, whole.length / 2, whole.length - 100}) {
      Path deb = write(Arrays.copyOf(whole, length));
      assertThatThrownBy(
              () -> {
                DebFile.control(deb, "x");
                read(deb, 1 << 20);
              })
          .as("%d of %d bytes", length, whole.length)
          .isInstanceOf(ImageException.class)
          .hasMessageContaining("package x");
    }
  }

  @Test
  void survivesEveryDamagedByteOfItsHeaders() throws Exception {
    byte[] whole = builder().build("");
    for (int at = 0; at < whole.length; at += 3) {
      byte[] damaged = whole.clone();
      damaged[at] ^= (byte) 0x5a;
      Path deb = write(damaged);
      try {
        DebFile.control(deb, "x");
        assertThat(read(deb, 1 << 20)).hasSizeLessThan(100);
      } catch (ImageException e) {
        assertThat(e).hasMessageContaining("package x");
      }
    }
  }

  @Test
  void boundsWhatItUnpacksTo() throws Exception {
    Path bomb = write(new DebBuilder("Package: x\n").file("./zeros", new byte[8 << 20]).build());
    assertThat(Files.size(bomb)).isLessThan(10_000);
    assertThatThrownBy(() -> read(bomb, 1 << 20)).isInstanceOf(ImageException.class);
    assertThat(read(bomb, 9 << 20)).hasSize(1);
  }

  @Test
  void saysWhatItCannotUnpack() throws Exception {
    Path deb = write(builder().build(".lzma"));
    assertThatThrownBy(() -> read(deb, 1 << 20))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("'.lzma'");
  }

  @Test
  void aFailureToWriteIsNotTheFaultOfThePackage() throws Exception {
    Path deb = write(builder().build());
    assertThatThrownBy(
            () ->
                DebFile.data(
                    deb,
                    "x",
                    1 << 20,
                    (_, _) -> {
                      throw new IOException("No space left on device");
                    }))
        .isExactlyInstanceOf(IOException.class)
        .hasMessageContaining("No space left");
  }
}
