package isola.cpu.x86.cpu;

import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;

/**
 * The software TLB: where a linear page is on the host, off-heap behind the architectural state so
 * that generated code can use it inline. Owner thread only.
 *
 * <p>Three tables, one for each way pages are reached, so that a change of privilege is a change of
 * base address: supervisor, supervisor while SMAP is suspended (RFLAGS.AC), user. A fourth stays
 * empty and stands in while every access must be looked at (alignment checks, data breakpoints).
 *
 * <p>An entry holds one tag for each kind of access and one addend: the access may go straight to
 * {@code linear + addend} if the tag equals {@code (linear + size - 1) & -4096}. Pages of devices,
 * read-only memory and pages with {@link isola.core.memory.PageFlags} have no write tag.
 */
public final class Tlb {
  /** Entries of one table, a power of two. */
  public static final int ENTRIES = 4096;

  /** Bytes of one entry. */
  public static final int ENTRY_SIZE = 32;

  /** Binary logarithm of {@link #ENTRY_SIZE}. */
  public static final int ENTRY_SHIFT = 5;

  /** Inside an entry: tag for loads. */
  public static final int READ = 0;

  /** Inside an entry: tag for stores. */
  public static final int WRITE = 8;

  /** Inside an entry: host address of the page. */
  public static final int HOST = 16;

  /** Inside an entry: host address minus linear address. */
  public static final int ADDEND = 24;

  /** A tag that no access matches, of all entries but the last of each table. */
  private static final long EMPTY = -1;

  /**
   * A tag that no access matches, by the entry's number; every odd number is meant for one, as no
   * tag of a page is odd. Generated code exclusive-ors an address with the tag and takes all that
   * is less than a page for a hit, so in the entry that serves the last page of the address space
   * -1 would be one.
   */
  public static long empty(int number) {
    return (number & (ENTRIES - 1)) == ENTRIES - 1 ? 1 : EMPTY;
  }

  /** Bytes of one table. */
  public static final int TABLE_SIZE = ENTRIES * ENTRY_SIZE;

  /** Table numbers; the table begins at {@link #OFFSET} plus this times {@link #TABLE_SIZE}. */
  public static final int SUPERVISOR = 0;

  public static final int SUPERVISOR_AC = 1;
  public static final int USER = 2;

  /** The table that is never filled. */
  public static final int NEVER = 3;

  private static final int TABLES = 4;

  /** Where the tables begin in the processor's state. */
  public static final int OFFSET = CpuState.ARCHITECTURAL_SIZE;

  /**
   * From an entry: tag for instruction fetch. It stands in tables of its own, behind those for
   * data, so that code and data never push each other out.
   */
  public static final int EXECUTE = TABLES * TABLE_SIZE;

  /** From an entry: {@link #codeKey} of a page that may be executed, else {@link #empty}. */
  public static final int CODE_KEY = EXECUTE + 8;

  /** From an entry: host address minus linear address of a page that may be executed. */
  public static final int CODE_ADDEND = EXECUTE + ADDEND;

  /** Entries of the pieces of a page of 4 MiB. */
  private static final int PIECES = 1 << 10;

  private static final int TABLES_SIZE = 2 * TABLES * TABLE_SIZE;
  private static final int COUNT = 2 * TABLES * ENTRIES;

  /** In {@link #KINDS}: a global page. */
  public static final int GLOBAL = 1;

  /** In {@link #KINDS}: a piece of a large page. */
  public static final int LARGE = 2;

  /**
   * In {@link #KINDS} of data: bits 17:12 of the host page, by which the entries of a host page are
   * looked for.
   */
  public static final int HOST_BITS = 0xfc;

  private static final long EACH = 0x0101_0101_0101_0101L;
  private static final long EACH_HOST_BITS = 0xfcfc_fcfc_fcfc_fcfcL;
  private static final long EACH_SIGN = 0x8080_8080_8080_8080L;

  // What follows stands in the processor's state too, as generated code fills entries.

  /**
   * One byte for each entry, {@link #GLOBAL}, {@link #LARGE} and {@link #HOST_BITS}; entry {@code
   * i} of data table {@code t} has number {@code t * ENTRIES + i}.
   */
  public static final int KINDS = OFFSET + TABLES_SIZE;

  /** Entries that a journal holds at most; it then no longer counts. */
  public static final int JOURNAL_LIMIT = 4096;

  /** Numbers, of 2 bytes, of entries that are not global and were filled since the last flush. */
  public static final int JOURNAL = KINDS + COUNT;

  /** The same for global pages, which only a flush of everything drops. */
  public static final int GLOBAL_JOURNAL = JOURNAL + 2 * JOURNAL_LIMIT;

  /** One bit for each {@link #largeBit}: entries of large pages may lie there. */
  public static final int LARGE_BITS = GLOBAL_JOURNAL + 2 * JOURNAL_LIMIT;

  private static final int LARGE_BYTES = 1 << 12;

  /** The same for pages of 1 GiB, by {@link #gigaBit}. */
  public static final int GIGA_BITS = LARGE_BITS + LARGE_BYTES;

  private static final int GIGA_BYTES = 1 << 7;

  /** How many numbers the journals hold, 4 bytes each. */
  public static final int JOURNALLED = GIGA_BITS + GIGA_BYTES;

  public static final int GLOBALS_JOURNALLED = JOURNALLED + 4;

  /** Bytes of all that from {@link #OFFSET} on, whole pages. */
  public static final int SIZE = (GLOBALS_JOURNALLED + 4 - OFFSET + 4095) & -4096;

  /** Odd numbers that {@link #codeKey} multiplies with. */
  public static final long KEY_PAGE = 0x9e37_79b9_7f4a_7c15L;

  public static final long KEY_HOST = 0xc2b2_ae3d_27d4_eb4fL;
  public static final long KEY_MIX = 0xd6e8_feb8_6659_fd93L;

  private final long state;
  private final long tables;

  Tlb(long state) {
    this.state = state;
    tables = state + OFFSET;
    clear();
  }

  private void clear() {
    RawMemory.fill(tables, TABLES_SIZE, (byte) EMPTY);
    for (int last = ENTRIES - 1; last < 2 * TABLES * ENTRIES; last += ENTRIES) {
      drop(last);
    }
  }

  /** Number of the bit in {@link #LARGE_BITS} for 2 MiB of linear addresses: 14:0. */
  private static int largeBit(long linear) {
    return (int) (linear >>> 21) & 0x3fff | (int) (linear >>> 63) << 14;
  }

  /** Number of the bit in {@link #GIGA_BITS} for 1 GiB: 9:0. */
  private static int gigaBit(long linear) {
    return (int) (linear >>> 30) & 0x1ff | (int) (linear >>> 63) << 9;
  }

  private boolean bit(int bits, int number) {
    return (RawMemory.getByte(state + bits + (number >>> 3)) >>> (number & 7) & 1) != 0;
  }

  private void setBit(int bits, int number) {
    long at = state + bits + (number >>> 3);
    RawMemory.putByte(at, (byte) (RawMemory.getByte(at) | 1 << (number & 7)));
  }

  private int kind(int number) {
    return RawMemory.getByte(state + KINDS + number);
  }

  private int journalled(int counter) {
    return RawMemory.getInt(state + counter);
  }

  /** Host address of a table. */
  long table(int number) {
    return tables + (long) number * TABLE_SIZE;
  }

  /** Host address of the entry of a linear address in a table. */
  public static long entry(long table, long linear) {
    return table + ((linear >>> 12 & (ENTRIES - 1)) << ENTRY_SHIFT);
  }

  void flushAll() {
    int some = journalled(JOURNALLED);
    int globals = journalled(GLOBALS_JOURNALLED);
    if (some < JOURNAL_LIMIT && globals < JOURNAL_LIMIT) {
      drop(JOURNAL, some);
      drop(GLOBAL_JOURNAL, globals);
    } else {
      clear();
    }
    RawMemory.fill(state + LARGE_BITS, LARGE_BYTES + GIGA_BYTES, (byte) 0);
    RawMemory.putInt(state + JOURNALLED, 0);
    RawMemory.putInt(state + GLOBALS_JOURNALLED, 0);
  }

  private void drop(int journal, int count) {
    for (int i = 0; i < count; i++) {
      drop(RawMemory.getShort(state + journal + i * 2L) & 0xffff);
    }
  }

  /** Drops all but global pages. */
  void flushNonGlobal() {
    int some = journalled(JOURNALLED);
    if (some < JOURNAL_LIMIT) {
      drop(JOURNAL, some);
    } else {
      for (int i = 0; i < COUNT; i++) {
        if ((kind(i) & GLOBAL) == 0) {
          drop(i);
        }
      }
    }
    RawMemory.putInt(state + JOURNALLED, 0);
  }

  private void drop(int number) {
    long entry = tables + ((long) number << ENTRY_SHIFT);
    RawMemory.putLong(entry + READ, empty(number));
    RawMemory.putLong(entry + WRITE, empty(number));
  }

  /**
   * One number for a linear page and the host page behind it, a multiple of 4096: generated code
   * compares it to know that its page is still mapped where it was. Distinct pairs give distinct
   * numbers but for a chance of one in 2 to the 52nd.
   */
  public static long codeKey(long page, long hostPage) {
    long mixed = (page >>> 12) * KEY_PAGE + (hostPage >>> 12) * KEY_HOST;
    return (mixed ^ mixed >>> 29) * KEY_MIX << 12;
  }

  /** Number of entry 0 of a table for code, as {@link #KINDS} and the journals count. */
  public static int codeNumber(int table) {
    return (TABLES + table) * ENTRIES;
  }

  /** Drops one page from all tables; a large one whole. */
  void invalidate(long linear) {
    int index = (int) (linear >>> 12 & (ENTRIES - 1));
    boolean large = false;
    for (int t = 0; t < 2 * TABLES; t++) {
      int number = t * ENTRIES + index;
      if (tag(number) == (linear & -4096)) {
        large |= (kind(number) & LARGE) != 0;
        drop(number);
      }
    }
    // A large page sits here as many small ones, of which this one may have been pushed out.
    if (large || bit(LARGE_BITS, largeBit(linear)) || bit(GIGA_BITS, gigaBit(linear))) {
      invalidateLarge(linear);
    }
  }

  /**
   * Drops all pieces of large pages in 4 MiB, or in a GiB if there may be such a page, and the bits
   * that say that there are some.
   */
  private void invalidateLarge(long linear) {
    if (bit(GIGA_BITS, gigaBit(linear))) {
      boolean others = false;
      for (int table = 0; table < 2 * TABLES; table++) {
        others |= dropLarge(table * ENTRIES, ENTRIES, linear, 30) != 0;
      }
      clearBit(GIGA_BITS, gigaBit(linear), others);
    }
    // The pieces of a page of 4 MiB, of which two bits tell, are neighbours in a table.
    int halves = 0;
    int first = (int) (linear >>> 12) & (ENTRIES - 1) & -PIECES;
    for (int table = 0; table < 2 * TABLES; table++) {
      halves |= dropLarge(table * ENTRIES + first, PIECES, linear, 22);
    }
    clearBit(LARGE_BITS, largeBit(linear & -(1L << 22)), (halves & 1) != 0);
    clearBit(LARGE_BITS, largeBit(linear | 1L << 21), (halves & 2) != 0);
  }

  /**
   * Drops pieces of large pages among some entries of a table that are in the same page of {@code
   * shift} address bits. Returns which others share a bit with it: by half of 4 MiB where that is
   * the page, else as 1.
   */
  private int dropLarge(int first, int count, long linear, int shift) {
    int others = 0;
    for (int i = first; i < first + count; i += 8) {
      // Eight kinds at a time: most are none of a large page.
      if ((RawMemory.getLong(state + KINDS + i) & LARGE * EACH) == 0) {
        continue;
      }
      for (int j = i; j < i + 8; j++) {
        long tag = (kind(j) & LARGE) == 0 ? EMPTY : tag(j);
        if ((tag & 1) != 0) {
          continue;
        }
        if ((tag ^ linear) >>> shift == 0) {
          drop(j);
        } else if (shift == 30) {
          others |= gigaBit(tag) == gigaBit(linear) ? 1 : 0;
        } else if (largeBit(tag | 1L << 21) == largeBit(linear | 1L << 21)) {
          others |= (tag >>> 21 & 1) == 0 ? 1 : 2;
        }
      }
    }
    return others;
  }

  /** The page of an entry, odd if it has none. */
  private long tag(int number) {
    long entry = tables + ((long) number << ENTRY_SHIFT);
    long tag = RawMemory.getLong(entry + READ);
    return (tag & 1) != 0 && number < TABLES * ENTRIES ? RawMemory.getLong(entry + WRITE) : tag;
  }

  private void clearBit(int bits, int number, boolean keep) {
    if (!keep) {
      long at = state + bits + (number >>> 3);
      RawMemory.putByte(at, (byte) (RawMemory.getByte(at) & ~(1 << (number & 7))));
    }
  }

  /**
   * Enters a page for data; tags not allowed are {@link #empty}.
   *
   * @param shift binary logarithm of the guest's page size
   */
  void fill(
      int table, long linear, boolean read, boolean write, long addend, boolean global, int shift) {
    int number = table * ENTRIES + (int) (linear >>> 12 & (ENTRIES - 1));
    long page = linear & -4096;
    long none = empty(number);
    enter(number, read ? page : none, write ? page : none, page, addend, global, shift);
  }

  /** Enters a page that may be executed. */
  void fillCode(int table, long linear, long addend, boolean global, int shift) {
    int number = (TABLES + table) * ENTRIES + (int) (linear >>> 12 & (ENTRIES - 1));
    long page = linear & -4096;
    enter(number, page, codeKey(page, page + addend), page, addend, global, shift);
  }

  private void enter(
      int number, long first8, long second8, long page, long addend, boolean global, int shift) {
    long entry = tables + ((long) number << ENTRY_SHIFT);
    RawMemory.putLong(entry + READ, first8);
    RawMemory.putLong(entry + WRITE, second8);
    RawMemory.putLong(entry + HOST, page + addend);
    RawMemory.putLong(entry + ADDEND, addend);
    int kind = (global ? GLOBAL : 0) | (shift > 12 ? LARGE : 0) | hostBits(page + addend);
    RawMemory.putByte(state + KINDS + number, (byte) kind);
    int counter = global ? GLOBALS_JOURNALLED : JOURNALLED;
    int journal = global ? GLOBAL_JOURNAL : JOURNAL;
    int count = journalled(counter);
    if (count < JOURNAL_LIMIT) {
      RawMemory.putShort(state + journal + count * 2L, (short) number);
      RawMemory.putInt(state + counter, count + 1);
    }
    if (shift > 12) {
      setBit(LARGE_BITS, largeBit(page));
      // A page of 4 MiB is two of these.
      if (shift == 22) {
        setBit(LARGE_BITS, largeBit(page ^ 1L << 21));
      } else if (shift == 30) {
        setBit(GIGA_BITS, gigaBit(page));
      }
    }
  }

  /** Forgets that any page whose host page begins at {@code hostPage} may be written. */
  void protect(long hostPage) {
    long wanted = hostBits(hostPage) * EACH;
    for (int i = 0; i < NEVER * ENTRIES; i += 8) {
      // Eight kinds at a time: which byte is zero, or may be?
      long others = (RawMemory.getLong(state + KINDS + i) ^ wanted) & EACH_HOST_BITS;
      if ((others - EACH & ~others & EACH_SIGN) != 0) {
        protect(i, hostPage);
      }
    }
  }

  private void protect(int first, long hostPage) {
    for (int i = first; i < first + 8; i++) {
      long entry = tables + ((long) i << ENTRY_SHIFT);
      if (RawMemory.getLong(entry + HOST) == hostPage
          && (RawMemory.getLong(entry + WRITE) & 1) == 0) {
        RawMemory.putLong(entry + WRITE, empty(i));
      }
    }
  }

  private static int hostBits(long hostPage) {
    return (int) (hostPage >>> 10) & HOST_BITS;
  }
}
