package isola.machine.board.boot;

import isola.machine.board.boot.BootException.Problem;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * What a loader needs of an ELF executable (System V ABI, generic, chapters 4 and 5).
 *
 * @param is64 whether its structures are the 64-bit ones
 * @param entry address of its entry point
 * @param segments its program headers in order
 */
record ElfImage(boolean is64, long entry, List<Segment> segments) {
  /** A program header. */
  record Segment(int type, long offset, long physical, long fileSize, long memorySize) {}

  static final int PT_LOAD = 1;
  static final int PT_NOTE = 4;

  private static final int MAGIC = 0x464c_457f;
  private static final int EHDR_32 = 52;
  private static final int EHDR_64 = 64;
  private static final int EM_386 = 3;
  private static final int EM_X86_64 = 62;
  private static final int ET_REL = 1;

  static boolean recognises(ByteBuffer head) {
    return head.limit() >= 4 && head.getInt(0) == MAGIC;
  }

  static ElfImage parse(BootFile file, ByteBuffer head) {
    if (head.limit() < EHDR_64) {
      throw truncated(file);
    }
    int dataFormat = head.get(5);
    int machine =
        dataFormat == 2 ? Short.reverseBytes(head.getShort(18)) & 0xffff : head.getShort(18);
    if (machine != EM_386 && machine != EM_X86_64) {
      throw OtherImages.otherArchitecture(file.name(), architecture(machine));
    }
    boolean is64 = head.get(4) == 2;
    if (dataFormat != 1 || head.getShort(16) == ET_REL) {
      throw new BootException(
          Problem.NOT_A_KERNEL, file.name() + " is an ELF file, but not an executable one.");
    }
    long table = is64 ? head.getLong(32) : head.getInt(28) & 0xffff_ffffL;
    int entrySize = head.getShort(is64 ? 54 : 42) & 0xffff;
    int count = head.getShort(is64 ? 56 : 44) & 0xffff;
    if (entrySize < (is64 ? 56 : 32)) {
      throw new BootException(
          Problem.MALFORMED, file.name() + " is an ELF file with a broken program header table.");
    }
    long size = file.size();
    if (table < EHDR_32 || table > size - (long) entrySize * count) {
      throw truncated(file);
    }
    ByteBuffer headers =
        ByteBuffer.wrap(file.bytes(table, entrySize * count)).order(ByteOrder.LITTLE_ENDIAN);
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Segment segment = segment(headers, i * entrySize, is64);
      if (segment.offset < 0
          || segment.fileSize < 0
          || segment.memorySize < segment.fileSize
          || segment.physical < 0
          || segment.physical + segment.memorySize < 0) {
        if (segment.type == PT_LOAD) {
          throw new BootException(
              Problem.MALFORMED, "%s has a broken segment %d.".formatted(file.name(), i));
        }
        continue;
      }
      if (segment.fileSize > size - segment.offset) {
        throw truncated(file);
      }
      segments.add(segment);
    }
    long entry = is64 ? head.getLong(24) : head.getInt(24) & 0xffff_ffffL;
    return new ElfImage(is64, entry, List.copyOf(segments));
  }

  private static Segment segment(ByteBuffer headers, int at, boolean is64) {
    return is64
        ? new Segment(
            headers.getInt(at),
            headers.getLong(at + 8),
            headers.getLong(at + 24),
            headers.getLong(at + 32),
            headers.getLong(at + 40))
        : new Segment(
            headers.getInt(at),
            headers.getInt(at + 4) & 0xffff_ffffL,
            headers.getInt(at + 12) & 0xffff_ffffL,
            headers.getInt(at + 16) & 0xffff_ffffL,
            headers.getInt(at + 20) & 0xffff_ffffL);
  }

  private static BootException truncated(BootFile file) {
    return new BootException(
        Problem.TRUNCATED,
        "%s is cut off: it ends before what its ELF headers announce.".formatted(file.name()));
  }

  private static String architecture(int machine) {
    return switch (machine) {
      case 8 -> "MIPS";
      case 20, 21 -> "PowerPC";
      case 22 -> "IBM Z";
      case 40 -> "32-bit ARM";
      case 183 -> "64-bit ARM";
      case 243 -> "RISC-V";
      case 258 -> "LoongArch";
      default -> "unknown (ELF machine %d)".formatted(machine);
    };
  }

  /** Copies its segments to their physical addresses; returns past the last byte they occupy. */
  long load(BootTarget target) {
    long end = 0;
    for (Segment segment : segments) {
      if (segment.type == PT_LOAD && segment.memorySize > 0) {
        if (!target.fits(segment.physical, segment.memorySize)) {
          throw target.tooLittleMemory(segment.physical + segment.memorySize);
        }
        target.load(segment.offset, segment.physical, segment.fileSize);
        end = Math.max(end, segment.physical + segment.memorySize);
      }
    }
    if (end == 0) {
      throw new BootException(
          Problem.MALFORMED, target.kernel().name() + " is an ELF file with nothing to load.");
    }
    return end;
  }
}
