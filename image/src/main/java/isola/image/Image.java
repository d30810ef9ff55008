package isola.image;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/**
 * An image in the store, ready to boot without the network. The files belong to the store and are
 * never written again; a guest that has them open keeps them after the image was removed.
 *
 * @param name what it is called
 * @param digest SHA-256 over what it was made from, in hexadecimal: two images with the same digest
 *     are the same
 * @param created when it was made
 * @param kernel the kernel: an ELF file with a PVH note, taken out of the bzImage that its package
 *     has so that the guest need not unpack it; the bzImage itself where that cannot be done
 * @param kernelVersion the kernel's own version, such as {@code 6.12.107+deb13-cloud-amd64}
 * @param initrd the initramfs: the modules that the root disk needs, and the guest's agent
 * @param root the root disk: a read-only EROFS file system without partitions
 * @param size bytes that the files take
 * @param packages what the root is made from, sorted by name
 */
public record Image(
    ImageName name,
    String digest,
    Instant created,
    Path kernel,
    String kernelVersion,
    Path initrd,
    Path root,
    long size,
    List<InstalledPackage> packages) {

  /**
   * A package in the image.
   *
   * @param name such as {@code libc6}
   * @param version such as {@code 2.41-12+deb13u1}
   * @param architecture such as {@code amd64} or {@code all}
   */
  public record InstalledPackage(String name, String version, String architecture) {}
}
