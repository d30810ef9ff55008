package isola.machine.board.boot;

import isola.core.memory.GuestMemory;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The PVH protocol: an ELF kernel that names its 32-bit entry point in a note (Xen
 * docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h).
 *
 * @param elf the kernel
 * @param entry physical address of its entry point
 */
record PvhBoot(ElfImage elf, long entry) implements BootProtocol {
  private static final int PHYS32_ENTRY = 18;
  private static final int XEN = 0x006e_6558;
  private static final int START_INFO_MAGIC = 0x336e_c578;
  private static final int START_INFO_SIZE = 56;
  private static final int MAX_NOTES = 1 << 20;
  private static final long LONGEST_COMMAND_LINE = 2047;

  /** The entry point that a kernel's notes give, or -1. */
  static long entryOf(BootFile file, ElfImage elf) {
    for (ElfImage.Segment segment : elf.segments()) {
      if (segment.type() == ElfImage.PT_NOTE) {
        int length = (int) Math.min(segment.fileSize(), MAX_NOTES);
        ByteBuffer notes =
            ByteBuffer.wrap(file.bytes(segment.offset(), length)).order(ByteOrder.LITTLE_ENDIAN);
        long entry = search(notes);
        if (entry >= 0) {
          return entry;
        }
      }
    }
    return -1;
  }

  private static long search(ByteBuffer notes) {
    for (long at = 0; at + 12 <= notes.limit(); ) {
      long nameSize = notes.getInt((int) at) & 0xffff_ffffL;
      long size = notes.getInt((int) at + 4) & 0xffff_ffffL;
      int type = notes.getInt((int) at + 8);
      long name = at + 12;
      long content = name + (nameSize + 3 & -4);
      at = content + (size + 3 & -4);
      if (at <= notes.limit()
          && type == PHYS32_ENTRY
          && nameSize == 4
          && notes.getInt((int) name) == XEN
          && size >= 4) {
        return notes.getInt((int) content) & 0xffff_ffffL;
      }
    }
    return -1;
  }

  @Override
  public String name() {
    return "PVH";
  }

  @Override
  public CpuEntry load(BootTarget target) {
    long end = elf.load(target);
    BootTarget.Ramdisk ramdisk = target.loadRamdisks(end, BoardSpec.LOW_RAM_END);
    long commandLine = target.loadCommandLine(target.commandLine(), LONGEST_COMMAND_LINE);
    GuestMemory memory = target.memory();
    boolean module = ramdisk.size() > 0;
    long modules = LoaderArea.LISTS;
    if (module) {
      memory.put(modules, 8, ramdisk.address());
      memory.put(modules + 8, 8, ramdisk.size());
    }
    long map = LoaderArea.LISTS + 64;
    int entries = 0;
    for (MemoryMap.Range range : target.map().ranges()) {
      memory.put(map + entries * 24L, 8, range.base());
      memory.put(map + entries * 24L + 8, 8, range.size());
      memory.put(map + entries * 24L + 16, 4, range.kind().number());
      entries++;
    }
    ByteBuffer info = ByteBuffer.allocate(START_INFO_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    info.putInt(START_INFO_MAGIC).putInt(1).putInt(0).putInt(module ? 1 : 0);
    info.putLong(module ? modules : 0).putLong(commandLine).putLong(target.rsdp());
    info.putLong(map).putInt(entries).putInt(0);
    memory.write(LoaderArea.PARAMETERS, info.array(), 0, START_INFO_SIZE);
    return new CpuEntry(
        CpuEntry.Mode.PROTECTED_32,
        entry,
        0,
        LoaderArea.PARAMETERS,
        0,
        LoaderArea.STACK,
        CpuEntry.Selectors.FLAT);
  }
}
