package isola.image.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class KernelDriversTest {
  private static final String BANNER = "\u007fELF...\0Linux version 6.1.2-own (me@here) #1\0";

  @TempDir Path folder;

  private Path kernel(String content) throws IOException {
    return Files.write(folder.resolve("k"), content.getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void tellsTheVersionAndWhatIsNotBuiltIn() throws IOException {
    assertThat(KernelDrivers.of(kernel(BANNER + "virtio-pci\0erofs\0")))
        .hasValueSatisfying(
            drivers -> {
              assertThat(drivers.version()).isEqualTo("6.1.2-own");
              assertThat(drivers.missing())
                  .containsExactly("virtio_blk", "virtio_console", "overlay");
            });
    assertThat(
            KernelDrivers.of(
                kernel(BANNER + "virtio-pci virtio_blk virtio-ports erofs overlayfs: %s")))
        .hasValueSatisfying(drivers -> assertThat(drivers.missing()).isEmpty());
  }

  @Test
  void saysNothingOfWhatIsNoLinux() throws IOException {
    assertThat(KernelDrivers.of(kernel("something else"))).isEmpty();
    assertThat(KernelDrivers.of(kernel("Linux version"))).isEmpty();
    assertThat(KernelDrivers.of(folder)).isEmpty();
    assertThat(KernelDrivers.of(folder.resolve("absent"))).isEmpty();
  }
}
