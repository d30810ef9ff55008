package isola.machine.board.boot;

import isola.machine.board.boot.BootException.Problem;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Names images that are no kernels for this machine, so that the user learns what the file is. */
final class OtherImages {
  // Linux Documentation/arch/arm64/booting.rst, riscv/boot-image-header.rst; arm/boot/compressed.
  private static final int ARM64_MAGIC = 0x644d_5241;
  private static final int RISCV_MAGIC = 0x0543_5352;
  private static final int ARM_ZIMAGE_MAGIC = 0x016f_2818;
  private static final int EFI_ZBOOT = 0x676d_697a;
  private static final int MZ = 0x5a4d;

  private OtherImages() {}

  /** To be thrown: what the file seems to be. */
  static BootException explain(BootFile kernel, ByteBuffer head) {
    String name = kernel.name();
    if (head.limit() == 0) {
      return new BootException(Problem.TRUNCATED, name + " is empty.");
    }
    if (magic(head, 0x38) == ARM64_MAGIC) {
      return otherArchitecture(name, "64-bit ARM");
    }
    if (magic(head, 0x38) == RISCV_MAGIC) {
      return otherArchitecture(name, "RISC-V");
    }
    if (magic(head, 0x24) == ARM_ZIMAGE_MAGIC) {
      return otherArchitecture(name, "32-bit ARM");
    }
    boolean mz = head.limit() >= 2 && (head.getShort(0) & 0xffff) == MZ;
    if (mz && magic(head, 4) == EFI_ZBOOT) {
      return new BootException(
          Problem.OTHER_ARCHITECTURE,
          name + " is a compressed EFI image of a kernel for another architecture.");
    }
    String packed = compression(head);
    if (packed != null) {
      return new BootException(
          Problem.NOT_A_KERNEL,
          "%s is not a kernel but a file compressed with %s; unpack it first."
              .formatted(name, packed));
    }
    if (mz) {
      return new BootException(
          Problem.NOT_A_KERNEL,
          name + " is an EFI or Windows program, or a kernel cut off in its header.");
    }
    return new BootException(
        Problem.NOT_A_KERNEL,
        name + " is not a kernel: neither a bzImage, nor an ELF kernel, nor a multiboot image.");
  }

  /** To be thrown: a kernel for another architecture. */
  static BootException otherArchitecture(String name, String architecture) {
    return new BootException(
        Problem.OTHER_ARCHITECTURE,
        "%s is a kernel for %s processors; this machine is an x86-64 PC."
            .formatted(name, architecture));
  }

  private static @Nullable String compression(ByteBuffer head) {
    int first = magic(head, 0);
    if ((first & 0xffff) == 0x8b1f) {
      return "gzip";
    }
    return switch (first) {
      case 0xfd2f_b528 -> "zstd";
      case 0x587a_37fd -> "xz";
      case 0x184d_2204, 0x184c_2102 -> "lz4";
      default -> (first & 0xff_ffff) == 0x68_5a42 ? "bzip2" : null;
    };
  }

  private static int magic(ByteBuffer head, int offset) {
    return head.limit() >= offset + 4 ? head.getInt(offset) : 0;
  }
}
