package isola.image.store;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import isola.image.Image.InstalledPackage;
import java.util.List;

/**
 * What the store writes down about an image, as JSON.
 *
 * @param format the version of this form
 * @param name the image's full name
 * @param digest over what it was made from
 * @param created when, in seconds since 1970
 * @param kernelVersion the kernel's own version
 * @param kernel the kernel's blob
 * @param initrd the blob of the initramfs without the agent
 * @param root the root disk's blob
 * @param packages what the root is made from
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record ImageRecord(
    int format,
    String name,
    String digest,
    long created,
    String kernelVersion,
    Blob kernel,
    Blob initrd,
    Blob root,
    List<InstalledPackage> packages) {
  /** The form written today; an image in another form counts as missing and is made again. */
  static final int FORMAT = 1;

  /**
   * A file named by what it contains.
   *
   * @param sha256 in hexadecimal
   * @param size in bytes
   */
  record Blob(String sha256, long size) {}
}
