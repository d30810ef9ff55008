package isola.machine.board.boot;

import isola.core.memory.GuestMemory;
import isola.machine.board.boot.BootException.Problem;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Linux's own boot protocol for x86 (Linux Documentation/arch/x86/boot.rst): a bzImage, entered in
 * 64-bit mode where the kernel offers it, in 32-bit protected mode otherwise. What else carries the
 * same header (memtest86+) is started the same way.
 *
 * @param header the first bytes of the file
 * @param setupBytes size of the boot sector and real-mode code, which are not used here
 * @param fileSize size of the file in bytes
 */
record LinuxBoot(ByteBuffer header, long setupBytes, long fileSize) implements BootProtocol {
  private static final int HDRS = 0x5372_6448;
  private static final int BOOT_FLAG = 0xaa55;
  private static final int SECTOR = 512;
  private static final int OLDEST = 0x0200;

  // Offsets in the file, which are those in boot_params.
  private static final int SETUP_SECTS = 0x1f1;
  private static final int BOOT_FLAG_AT = 0x1fe;
  private static final int JUMP_TARGET = 0x201;
  private static final int HEADER_AT = 0x202;
  private static final int VERSION = 0x206;
  private static final int TYPE_OF_LOADER = 0x210;
  private static final int LOADFLAGS = 0x211;
  private static final int CODE32_START = 0x214;
  private static final int RAMDISK_IMAGE = 0x218;
  private static final int RAMDISK_SIZE = 0x21c;
  private static final int HEAP_END_PTR = 0x224;
  private static final int CMD_LINE_PTR = 0x228;
  private static final int INITRD_ADDR_MAX = 0x22c;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int RELOCATABLE = 0x234;
  private static final int XLOADFLAGS = 0x236;
  private static final int CMDLINE_SIZE = 0x238;
  private static final int PREF_ADDRESS = 0x258;
  private static final int INIT_SIZE = 0x260;

  // Linux Documentation/arch/x86/zero-page.rst
  private static final int ACPI_RSDP_ADDR = 0x70;
  private static final int E820_ENTRIES = 0x1e8;
  private static final int HEADER_START = 0x1f1;
  private static final int E820_TABLE = 0x2d0;
  private static final int E820_ENTRY = 20;

  private static final int LOADED_HIGH = 1;
  private static final int CAN_USE_HEAP = 0x80;
  private static final int XLF_KERNEL_64 = 1;
  private static final int LOADER_UNDEFINED = 0xff;
  private static final int ENTRY_64 = 0x200;
  private static final long LOWEST_RAMDISK_LIMIT = 0x37ff_ffffL;

  static boolean recognises(ByteBuffer head) {
    return head.limit() >= HEADER_AT + 4
        && head.getInt(HEADER_AT) == HDRS
        && (head.getShort(BOOT_FLAG_AT) & 0xffff) == BOOT_FLAG;
  }

  static LinuxBoot parse(BootFile kernel, ByteBuffer head) {
    long size = kernel.size();
    int sectors = head.get(SETUP_SECTS) & 0xff;
    long setup = ((sectors == 0 ? 4 : sectors) + 1L) * SECTOR;
    if (head.limit() < INIT_SIZE + 4 || size <= setup) {
      throw new BootException(
          Problem.TRUNCATED,
          "%s is cut off: it has %d bytes, and its header announces %d before the kernel proper."
              .formatted(kernel.name(), size, setup));
    }
    // syssize, in 16-byte paragraphs: the protected-mode kernel.
    long announced = setup + (head.getInt(0x1f4) & 0xffff_ffffL) * 16;
    if (size < announced - 15) {
      throw new BootException(
          Problem.TRUNCATED,
          "%s is cut off: it has %d bytes of %d.".formatted(kernel.name(), size, announced));
    }
    LinuxBoot boot = new LinuxBoot(head, setup, size);
    if (boot.version() < OLDEST || (head.get(LOADFLAGS) & LOADED_HIGH) == 0) {
      throw new BootException(
          Problem.MALFORMED,
          "%s is a kernel in a format older than bzImage, which is not supported."
              .formatted(kernel.name()));
    }
    return boot;
  }

  private int version() {
    return header.getShort(VERSION) & 0xffff;
  }

  private long word(int offset) {
    return header.getInt(offset) & 0xffff_ffffL;
  }

  @Override
  public String name() {
    return is64() ? "Linux, 64-bit entry" : "Linux, 32-bit entry";
  }

  private boolean is64() {
    return version() >= 0x020c && (header.getShort(XLOADFLAGS) & XLF_KERNEL_64) != 0;
  }

  private boolean relocatable() {
    return version() >= 0x0205 && header.get(RELOCATABLE) != 0;
  }

  private long initSize() {
    long body = fileSize - setupBytes;
    return version() >= 0x020a ? Math.max(word(INIT_SIZE), body) : body * 3;
  }

  /** Where the kernel proper goes. */
  private long loadAddress(BootTarget target) {
    if (version() < 0x020a) {
      return word(CODE32_START);
    }
    long preferred = header.getLong(PREF_ADDRESS);
    if (!relocatable() || target.fits(preferred, initSize())) {
      return preferred;
    }
    long alignment = Math.max(1 << 12, word(KERNEL_ALIGNMENT));
    long lowest = (BoardSpec.EXTENDED_BASE + alignment - 1) / alignment * alignment;
    return target.fits(lowest, initSize()) ? lowest : preferred;
  }

  @Override
  public CpuEntry load(BootTarget target) {
    long address = loadAddress(target);
    long size = initSize();
    if (address < BoardSpec.EXTENDED_BASE || size < 0 || address + size < 0) {
      throw new BootException(
          Problem.MALFORMED,
          "%s has a broken header: load address 0x%x, 0x%x bytes."
              .formatted(target.kernel().name(), address, size));
    }
    if (!target.fits(address, size)) {
      throw target.tooLittleMemory(address + size);
    }
    target.load(setupBytes, address, fileSize - setupBytes);
    long ramdiskMax = version() >= 0x0203 ? word(INITRD_ADDR_MAX) : LOWEST_RAMDISK_LIMIT;
    BootTarget.Ramdisk ramdisk = target.loadRamdisks(address + size, ramdiskMax + 1);
    long longest = version() >= 0x0206 ? word(CMDLINE_SIZE) : 255;
    long commandLine = target.loadCommandLine(target.commandLine(), longest);
    writeParameters(target, address, ramdisk, commandLine);
    boolean is64 = is64();
    return new CpuEntry(
        is64 ? CpuEntry.Mode.LONG_64 : CpuEntry.Mode.PROTECTED_32,
        is64 ? address + ENTRY_64 : address,
        0,
        0,
        LoaderArea.PARAMETERS,
        LoaderArea.STACK,
        CpuEntry.Selectors.BOOT_CS);
  }

  private void writeParameters(
      BootTarget target, long address, BootTarget.Ramdisk ramdisk, long commandLine) {
    ByteBuffer zero = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    int headerEnd = Math.min(HEADER_AT + (header.get(JUMP_TARGET) & 0xff), E820_TABLE);
    for (int at = HEADER_START; at < headerEnd; at++) {
      zero.put(at, header.get(at));
    }
    zero.put(TYPE_OF_LOADER, (byte) LOADER_UNDEFINED);
    zero.put(LOADFLAGS, (byte) (header.get(LOADFLAGS) | CAN_USE_HEAP));
    zero.putShort(HEAP_END_PTR, (short) 0xfe00);
    zero.putInt(CODE32_START, (int) address);
    zero.putInt(RAMDISK_IMAGE, (int) ramdisk.address());
    zero.putInt(RAMDISK_SIZE, (int) ramdisk.size());
    zero.putInt(CMD_LINE_PTR, (int) commandLine);
    zero.putLong(ACPI_RSDP_ADDR, target.rsdp());
    List<MemoryMap.Range> ranges = target.map().ranges();
    zero.put(E820_ENTRIES, (byte) ranges.size());
    int at = E820_TABLE;
    for (MemoryMap.Range range : ranges) {
      zero.putLong(at, range.base());
      zero.putLong(at + 8, range.size());
      zero.putInt(at + 16, range.kind().number());
      at += E820_ENTRY;
    }
    GuestMemory memory = target.memory();
    memory.write(LoaderArea.PARAMETERS, zero.array(), 0, zero.capacity());
  }
}
