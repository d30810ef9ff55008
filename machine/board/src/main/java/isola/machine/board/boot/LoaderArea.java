package isola.machine.board.boot;

/**
 * Where a loader leaves its data: the top of conventional memory, below the extended BIOS data
 * area, as loaders on real PCs do. Guest physical addresses.
 */
final class LoaderArea {
  /** Linux's boot_params, PVH's start info or multiboot's information, one page. */
  static final long PARAMETERS = 0x9_0000L;

  /** Segment descriptors, one page. */
  static final long GDT = 0x9_1000L;

  /** Page tables of the 64-bit mode, six pages. */
  static final long PAGE_TABLES = 0x9_2000L;

  /** Lists of memory ranges and modules, one page. */
  static final long LISTS = 0x9_8000L;

  /** The command line and its terminating zero. */
  static final long COMMAND_LINE = 0x9_9000L;

  /** Room for it, in bytes. */
  static final int COMMAND_LINE_SIZE = 0x4000;

  /** Top of a small stack. */
  static final long STACK = 0x9_f000L;

  private LoaderArea() {}
}
