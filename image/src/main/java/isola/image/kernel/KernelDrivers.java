package isola.image.kernel;

import isola.image.initramfs.GuestInitramfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds out, without booting it, whether a kernel can get at the disk and the ports of a guest made
 * from an image: by drivers that are built in, or by the image's modules, which fit one version.
 *
 * @param version what the kernel says that it is, such as {@code 6.12.107+deb13-cloud-amd64}
 * @param missing the drivers that it needs and has not built in, as modules are called
 */
public record KernelDrivers(String version, List<String> missing) {
  private static final int LARGEST = 512 << 20;
  private static final String BANNER = "Linux version ";
  private static final int LONGEST_VERSION = 64;

  /** A text that a kernel has in it if and only if a driver is built in. */
  private static final Map<String, String> TRACES =
      Map.of(
          "virtio_pci", "virtio-pci",
          "virtio_blk", "virtio_blk",
          "virtio_console", "virtio-ports",
          "erofs", "erofs",
          "overlay", "overlayfs:");

  /**
   * Looks into a kernel.
   *
   * @return nothing if the file is not a Linux kernel that can be looked into
   * @throws IOException if it cannot be read
   */
  public static Optional<KernelDrivers> of(Path file) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) > LARGEST) {
      return Optional.empty();
    }
    byte[] image = Files.readAllBytes(file);
    byte[] kernel = LinuxKernel.unpack(image).orElse(image);
    int banner = find(kernel, BANNER);
    if (banner < 0) {
      return Optional.empty();
    }
    int from = banner + BANNER.length();
    int to = from;
    while (to < kernel.length && to - from < LONGEST_VERSION && kernel[to] > ' ') {
      to++;
    }
    List<String> missing = new ArrayList<>();
    for (String module : GuestInitramfs.MODULES) {
      String trace = TRACES.get(module);
      if (trace != null && find(kernel, trace) < 0) {
        missing.add(module);
      }
    }
    String version = new String(kernel, from, to - from, StandardCharsets.US_ASCII);
    return Optional.of(new KernelDrivers(version, List.copyOf(missing)));
  }

  private static int find(byte[] in, String text) {
    byte[] wanted = text.getBytes(StandardCharsets.US_ASCII);
    int last = in.length - wanted.length;
    for (int at = 0; at <= last; at++) {
      int same = 0;
      while (same < wanted.length && in[at + same] == wanted[same]) {
        same++;
      }
      if (same == wanted.length) {
        return at;
      }
    }
    return -1;
  }
}
