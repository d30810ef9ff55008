package isola.image.kernel;

import isola.image.packed.Lz4Legacy;
import isola.image.packed.ZstdFrame;
import isola.image.packed.ZstdSpec;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * Takes the ELF kernel out of a bzImage.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length)
 * and scripts/Makefile.lib: the payload is followed by its unpacked size in four bytes.
 */
public final class LinuxKernel {
  private static final int SETUP_SECTORS = 0x1f1;
  private static final int MAGIC = 0x202;
  private static final int VERSION = 0x206;
  private static final int PAYLOAD_OFFSET = 0x248;
  private static final int PAYLOAD_LENGTH = 0x24c;
  private static final int HEADER_MAGIC = 0x53726448; // "HdrS"
  private static final int FIRST_VERSION_WITH_PAYLOAD = 0x208;
  private static final int ELF_MAGIC = 0x464C457F;
  private static final int LARGEST = 512 << 20;

  private LinuxKernel() {}

  /**
   * Unpacks the kernel.
   *
   * @return the ELF file, or nothing if the image is no bzImage, or packed in a way that is not
   *     known here, or damaged: it may still boot as it is
   */
  public static Optional<byte[]> unpack(byte[] bzImage) {
    try {
      ByteBuffer image = ByteBuffer.wrap(bzImage).order(ByteOrder.LITTLE_ENDIAN);
      if (image.getInt(MAGIC) != HEADER_MAGIC
          || image.getShort(VERSION) < FIRST_VERSION_WITH_PAYLOAD) {
        return Optional.empty();
      }
      int sectors = image.get(SETUP_SECTORS) & 0xff;
      int from = ((sectors == 0 ? 4 : sectors) + 1) * 512 + image.getInt(PAYLOAD_OFFSET);
      int length = image.getInt(PAYLOAD_LENGTH);
      int size = image.getInt(from + length - 4);
      if (size < 64 || size > LARGEST) {
        return Optional.empty();
      }
      byte[] kernel = unpack(bzImage, from, length - 4, size);
      boolean elf = ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN).getInt(0) == ELF_MAGIC;
      return elf ? Optional.of(kernel) : Optional.empty();
    } catch (IOException | RuntimeException e) {
      return Optional.empty();
    }
  }

  private static byte[] unpack(byte[] packed, int from, int length, int size) throws IOException {
    int magic = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN).getInt(from);
    if (magic == ZstdSpec.MAGIC) {
      return new ZstdFrame(packed, from, from + length).unpack(size);
    }
    if (magic == Lz4Legacy.MAGIC) {
      return Lz4Legacy.unpack(packed, from, from + length, size);
    }
    InputStream in = new ByteArrayInputStream(packed, from, length);
    try (InputStream unpacked =
        switch (magic & 0xffff) {
          case 0x8b1f -> new GZIPInputStream(in);
          case 0x37fd -> new XZInputStream(in, 1 << 18);
          default -> throw new IOException("packed in an unknown way");
        }) {
      byte[] kernel = unpacked.readNBytes(size);
      if (kernel.length < size) {
        throw new IOException("shorter than it says");
      }
      return kernel;
    }
  }
}
