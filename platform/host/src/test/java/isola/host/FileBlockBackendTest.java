package isola.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Raw disk images: contents, and every way in which a file is no disk. */
final class FileBlockBackendTest {
  @TempDir Path folder = Path.of("");
  private Path file = Path.of("");
  private final byte[] content = new byte[3 << 20];

  @BeforeEach
  void image() throws IOException {
    file = folder.resolve("disk.img");
    new Random(7).nextBytes(content);
    Files.write(file, content);
  }

  private static MemorySegment bytes(int size) {
    return MemorySegment.ofArray(new byte[size]);
  }

  @Test
  void readsWhatIsInTheFileAndWritesGoThere() throws IOException {
    try (FileBlockBackend disk = FileBlockBackend.open(file, false)) {
      assertThat(disk.size()).isEqualTo(content.length);
      assertThat(disk.readOnly()).isFalse();
      byte[] read = new byte[2 << 20];
      disk.read(512 * 1024, MemorySegment.ofArray(read));
      assertThat(read).isEqualTo(Arrays.copyOfRange(content, 512 << 10, 2560 << 10));
      byte[] write = new byte[1 << 20];
      new Random(8).nextBytes(write);
      disk.write(content.length - write.length, MemorySegment.ofArray(write));
      disk.discard(0, 4096);
      disk.flush();
      byte[] now = Files.readAllBytes(file);
      assertThat(now).hasSize(content.length);
      assertThat(now).startsWith(new byte[4096]).endsWith(write);
    }
  }

  @Test
  void aReadOnlyDiskRefusesToWrite() throws IOException {
    try (FileBlockBackend disk = FileBlockBackend.open(file, true)) {
      assertThat(disk.readOnly()).isTrue();
      assertThatThrownBy(() -> disk.write(0, bytes(512))).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> disk.discard(0, 512)).isInstanceOf(IOException.class);
      disk.flush();
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(content);
  }

  @Test
  void aFileInUseIsRefusedUntilItIsClosed() throws IOException {
    try (FileBlockBackend _ = FileBlockBackend.open(file, false)) {
      assertThatThrownBy(() -> FileBlockBackend.open(file, false))
          .hasMessage("The disk image %s is in use by another machine.", file);
    }
    FileBlockBackend.open(file, false).close();
  }

  @Test
  void whatIsNoDiskIsNamed() throws IOException {
    assertThatThrownBy(() -> FileBlockBackend.open(folder, false))
        .hasMessage("%s is a directory, not a disk image.", folder);
    Path missing = folder.resolve("missing");
    assertThatThrownBy(() -> FileBlockBackend.open(missing, true))
        .hasMessage("There is no disk image %s.", missing);
    Path odd = folder.resolve("odd");
    Files.write(odd, new byte[1000]);
    assertThatThrownBy(() -> FileBlockBackend.open(odd, false))
        .hasMessageContaining("1000 bytes, which is not a multiple of 512");
    Path empty = folder.resolve("empty");
    Files.write(empty, new byte[0]);
    assertThatThrownBy(() -> FileBlockBackend.open(empty, false)).hasMessageContaining("0 bytes");
  }

  @Test
  void anImageThatShrinksGivesAnErrorAndNoGarbage() throws IOException {
    try (FileBlockBackend disk = FileBlockBackend.open(file, false)) {
      Files.write(file, new byte[512]);
      assertThatThrownBy(() -> disk.read(1 << 20, bytes(512))).isInstanceOf(IOException.class);
    }
  }
}
