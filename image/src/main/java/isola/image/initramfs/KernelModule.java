package isola.image.initramfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * What a kernel module's file says of itself, in its section {@code .modinfo}. Source: elf(5),
 * Linux include/linux/moduleparam.h.
 */
final class KernelModule {
  private static final int MAGIC = 0x464C457F; // "\x7fELF"
  private static final int SECTION_TABLE = 40;
  private static final int SECTION_SIZE = 58;
  private static final int SECTION_COUNT = 60;
  private static final int SECTION_NAMES = 62;

  private static final String SIGNATURE_MARK = "~Module signature appended~\n";
  private static final int SIGNATURE_FIELDS = 12;

  private KernelModule() {}

  /** The modules that must be loaded before it, by name. */
  static List<String> dependencies(byte[] module) throws IOException {
    String info = section(module, ".modinfo");
    for (String field : info.split("\0", -1)) {
      if (field.startsWith("depends=")) {
        String names = field.substring("depends=".length());
        return names.isEmpty() ? List.of() : List.of(names.split(",", -1));
      }
    }
    return List.of();
  }

  /** A module's name as the kernel has it, from the file's name. */
  static String name(String file) {
    String base = file.substring(file.lastIndexOf('/') + 1);
    int dot = base.indexOf(".ko");
    return (dot < 0 ? base : base.substring(0, dot)).replace('-', '_');
  }

  /**
   * The module without the signature that may stand at its end. To check one costs an emulated
   * guest up to 100 million instructions, and says nothing that the check of the package has not
   * said; a kernel that does not insist on signatures marks itself tainted ("E") instead. Source:
   * Linux include/linux/module_signature.h.
   */
  static byte[] withoutSignature(byte[] module) {
    byte[] mark = SIGNATURE_MARK.getBytes(StandardCharsets.US_ASCII);
    int end = module.length - mark.length;
    if (end < SIGNATURE_FIELDS
        || !Arrays.equals(module, end, module.length, mark, 0, mark.length)) {
      return module;
    }
    int length = ByteBuffer.wrap(module).getInt(end - 4); // the one field in network order
    int kept = end - SIGNATURE_FIELDS - length;
    return length < 0 || kept < 0 ? module : Arrays.copyOf(module, kept);
  }

  private static String section(byte[] module, String wanted) throws IOException {
    ByteBuffer elf = ByteBuffer.wrap(module).order(ByteOrder.LITTLE_ENDIAN);
    try {
      if (elf.getInt(0) != MAGIC || elf.get(4) != 2) {
        throw new IOException("not a 64-bit ELF file");
      }
      long table = elf.getLong(SECTION_TABLE);
      int size = elf.getShort(SECTION_SIZE);
      int count = elf.getShort(SECTION_COUNT);
      int names = Math.toIntExact(table) + size * elf.getShort(SECTION_NAMES);
      int nameBase = Math.toIntExact(elf.getLong(names + 24));
      for (int i = 0; i < count; i++) {
        int header = Math.toIntExact(table) + i * size;
        int at = nameBase + elf.getInt(header);
        if (new String(module, at, wanted.length() + 1, StandardCharsets.ISO_8859_1)
            .equals(wanted + "\0")) {
          int offset = Math.toIntExact(elf.getLong(header + 24));
          int length = Math.toIntExact(elf.getLong(header + 32));
          return new String(module, offset, length, StandardCharsets.ISO_8859_1);
        }
      }
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      throw new IOException("a damaged ELF file", e);
    }
    return "";
  }
}
