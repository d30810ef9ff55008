package isola.machine.board.boot;

import isola.core.memory.GuestMemory;
import isola.machine.board.boot.BootException.Problem;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The Multiboot Specification 0.6.96: an ELF image, or one that gives its addresses in its header.
 * Ramdisks become modules.
 *
 * @param elf the image's segments, or null if its header gives the addresses
 * @param addresses the addresses from its header, or null
 */
record MultibootBoot(@Nullable ElfImage elf, @Nullable Addresses addresses)
    implements BootProtocol {

  /**
   * Address fields (3.1.3).
   *
   * @param fileOffset where in the file the bytes for {@code load} begin
   * @param load first address
   * @param loadEnd past the last address that the file fills
   * @param bssEnd past the last address used
   * @param entry where to begin
   */
  record Addresses(long fileOffset, long load, long loadEnd, long bssEnd, long entry) {}

  /** The header lies in the first 8192 bytes (3.1). */
  static final int SEARCHED = 8192;

  private static final int MAGIC = 0x1bad_b002;
  private static final int LOADER_MAGIC = 0x2bad_b002;
  private static final int HAS_ADDRESSES = 1 << 16;
  private static final int HEADER_SIZE = 32;
  private static final int MAX_MODULES = 32;

  // Information (3.3): flags and offsets.
  private static final int INFO_MEMORY = 1;
  private static final int INFO_COMMAND_LINE = 1 << 2;
  private static final int INFO_MODULES = 1 << 3;
  private static final int INFO_MAP = 1 << 6;
  private static final int INFO_LOADER_NAME = 1 << 9;
  private static final int FLAGS_AT = 0;
  private static final int MEM_LOWER_AT = 4;
  private static final int MEM_UPPER_AT = 8;
  private static final int COMMAND_LINE_AT = 16;
  private static final int MODULES_COUNT_AT = 20;
  private static final int MODULES_AT = 24;
  private static final int MAP_LENGTH_AT = 44;
  private static final int MAP_AT = 48;
  private static final int LOADER_NAME_AT = 64;
  private static final long LOADER_NAME = LoaderArea.PARAMETERS + 128;
  private static final long MODULE_NAMES = LoaderArea.PARAMETERS + 256;

  /** Where a header begins, or -1. */
  static int headerIn(ByteBuffer head) {
    for (int at = 0; at + 12 <= head.limit(); at += 4) {
      if (head.getInt(at) == MAGIC && head.getInt(at + 4) + head.getInt(at + 8) == -MAGIC) {
        return at;
      }
    }
    return -1;
  }

  static MultibootBoot parse(BootFile kernel, ByteBuffer head, int header, @Nullable ElfImage elf) {
    if ((head.getInt(header + 4) & HAS_ADDRESSES) == 0) {
      if (elf == null) {
        throw new BootException(
            Problem.MALFORMED,
            kernel.name() + " has a multiboot header without addresses, and is no ELF file.");
      }
      return new MultibootBoot(elf, null);
    }
    if (header + HEADER_SIZE > head.limit()) {
      throw new BootException(
          Problem.TRUNCATED, kernel.name() + " is cut off in its multiboot header.");
    }
    long own = head.getInt(header + 12) & 0xffff_ffffL;
    long load = head.getInt(header + 16) & 0xffff_ffffL;
    long loadEnd = head.getInt(header + 20) & 0xffff_ffffL;
    long bssEnd = head.getInt(header + 24) & 0xffff_ffffL;
    long entry = head.getInt(header + 28) & 0xffff_ffffL;
    long offset = header - (own - load);
    long size = kernel.size();
    long end = loadEnd == 0 ? load + size - offset : loadEnd;
    if (own < load || offset < 0 || end < load || (bssEnd != 0 && bssEnd < end)) {
      throw new BootException(
          Problem.MALFORMED,
          kernel.name() + " has contradictory addresses in its multiboot header.");
    }
    if (end - load > size - offset) {
      throw new BootException(
          Problem.TRUNCATED,
          kernel.name() + " is cut off: it ends before what its multiboot header announces.");
    }
    return new MultibootBoot(
        null, new Addresses(offset, load, end, bssEnd == 0 ? end : bssEnd, entry));
  }

  @Override
  public String name() {
    return "multiboot";
  }

  @Override
  public CpuEntry load(BootTarget target) {
    long end = loadImage(target);
    GuestMemory memory = target.memory();
    long info = LoaderArea.PARAMETERS;
    memory.put(
        info + FLAGS_AT,
        4,
        INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MAP | INFO_LOADER_NAME);
    memory.put(info + MEM_LOWER_AT, 4, BoardSpec.EBDA_BASE >> 10);
    memory.put(info + MEM_UPPER_AT, 4, target.map().main().size() >> 10);
    String line = target.kernel().name();
    line = line.substring(line.lastIndexOf('/') + 1).replace(' ', '_');
    if (!target.commandLine().isEmpty()) {
      line += " " + target.commandLine();
    }
    memory.put(info + COMMAND_LINE_AT, 4, target.loadCommandLine(line, Integer.MAX_VALUE));
    loadModules(target, end);
    writeMap(target);
    string(memory, LOADER_NAME, "isola");
    memory.put(info + LOADER_NAME_AT, 4, LOADER_NAME);
    ElfImage image = elf;
    Addresses at = addresses;
    long entry = image != null ? image.entry() : at != null ? at.entry : 0;
    return new CpuEntry(
        CpuEntry.Mode.PROTECTED_32,
        entry,
        LOADER_MAGIC,
        info,
        0,
        LoaderArea.STACK,
        CpuEntry.Selectors.FLAT);
  }

  private long loadImage(BootTarget target) {
    if (elf != null) {
      return elf.load(target);
    }
    Addresses at = addresses;
    if (at == null) {
      return 0;
    }
    if (!target.fits(at.load, at.bssEnd - at.load)) {
      throw target.tooLittleMemory(at.bssEnd);
    }
    target.load(at.fileOffset, at.load, at.loadEnd - at.load);
    return at.bssEnd;
  }

  private static void loadModules(BootTarget target, long end) {
    GuestMemory memory = target.memory();
    if (target.initrds().size() > MAX_MODULES) {
      throw new BootException(
          Problem.INITRD_DOES_NOT_FIT,
          "A multiboot image takes at most %d modules.".formatted(MAX_MODULES));
    }
    long at = Math.max(end, BoardSpec.EXTENDED_BASE);
    long name = MODULE_NAMES;
    long entry = LoaderArea.LISTS;
    for (BootFile module : target.initrds()) {
      at = at + 4095 & -4096;
      long size = target.loadRamdisk(module, at);
      memory.put(entry, 4, at);
      memory.put(entry + 4, 4, at + size);
      memory.put(entry + 8, 4, name);
      name += string(memory, name, module.name());
      entry += 16;
      at += size;
    }
    memory.put(LoaderArea.PARAMETERS + MODULES_COUNT_AT, 4, target.initrds().size());
    memory.put(LoaderArea.PARAMETERS + MODULES_AT, 4, LoaderArea.LISTS);
  }

  /** Writes at most 100 bytes of a string and a zero; returns how much room it took. */
  private static long string(GuestMemory memory, long address, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(bytes.length, 100);
    memory.write(address, bytes, 0, length);
    memory.put(address + length, 1, 0);
    return length + 1L;
  }

  private static void writeMap(BootTarget target) {
    GuestMemory memory = target.memory();
    long map = LoaderArea.LISTS + MAX_MODULES * 16;
    long at = map;
    for (MemoryMap.Range range : target.map().ranges()) {
      memory.put(at, 4, 20);
      memory.put(at + 4, 8, range.base());
      memory.put(at + 12, 8, range.size());
      memory.put(at + 20, 4, range.kind().number());
      at += 24;
    }
    memory.put(LoaderArea.PARAMETERS + MAP_LENGTH_AT, 4, at - map);
    memory.put(LoaderArea.PARAMETERS + MAP_AT, 4, map);
  }
}
