package isola.machine.board.saved;

import isola.core.memory.GuestMemory;

/**
 * The layout of a saved machine's file, version 1; docs/saved-machines.md. All numbers are
 * little-endian; all parts begin on a page.
 */
public final class SavedFormat {
  /** The version that is written, and the only one that is read. */
  public static final int VERSION = 1;

  /** A letter beyond ASCII, the name, and a line end: a file that was sent as text shows it. */
  static final byte[] MAGIC = {(byte) 0x8e, 'I', 'S', 'O', 'L', 'A', '\r', '\n'};

  static final int PAGE = GuestMemory.PAGE_SIZE;

  // The header, one page; what is not named is zero.
  static final int HEADER_VERSION = 8;
  static final int HEADER_PROCESSORS = 12;
  static final int HEADER_DESCRIPTION_BYTES = 16;
  static final int HEADER_MEMORY_BYTES = 24;

  /** SHA-256 of the header with zeros here, the description and the processors. */
  static final int HEADER_DIGEST = 32;

  static final int DIGEST_BYTES = 32;

  /** The longest description: some 64 processors need a tenth of it. */
  static final int LONGEST_DESCRIPTION = 4 << 20;

  /** Most processors. */
  static final int MOST_PROCESSORS = 64;

  /** Most pieces of memory. */
  static final int MOST_EXTENTS = 1 << 14;

  private SavedFormat() {}

  static long padded(long bytes) {
    return (bytes + PAGE - 1) & -PAGE;
  }
}
