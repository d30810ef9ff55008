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
   * A tag that no access matches, by the entry's number. Generated code exclusive-ors an address
   * with the tag and takes all that is less than a page for a hit, so in the entry that serves the
   * last page of the address space -1 would be one. No tag of a page is odd.
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

  /** Bytes of all tables. */
  public static final int SIZE = 2 * TABLES * TABLE_SIZE;

  private static final byte GLOBAL = 1;
  private static final byte LARGE = 2;

  private static final int JOURNAL = 4096;

  private final long tables;

  /** What is known of each entry beside its tags: {@link #GLOBAL}, {@link #LARGE}. */
  private final byte[] kind = new byte[2 * TABLES * ENTRIES];

  /** Entries of pages that are not global, filled since the last flush. */
  private final short[] journal = new short[JOURNAL];

  private int journalled;

  /** The same for global pages, which only a flush of everything drops. */
  private final short[] globalJournal = new short[JOURNAL];

  private int globalsJournalled;

  Tlb(long state) {
    tables = state + OFFSET;
    clear();
  }

  private void clear() {
    RawMemory.fill(tables, SIZE, (byte) EMPTY);
    for (int last = ENTRIES - 1; last < 2 * TABLES * ENTRIES; last += ENTRIES) {
      drop(last);
    }
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
    if (journalled < JOURNAL && globalsJournalled < JOURNAL) {
      drop(journal, journalled);
      drop(globalJournal, globalsJournalled);
    } else {
      clear();
    }
    journalled = 0;
    globalsJournalled = 0;
  }

  private void drop(short[] numbers, int count) {
    for (int i = 0; i < count; i++) {
      drop(numbers[i] & 0xffff);
    }
  }

  /** Drops all but global pages. */
  void flushNonGlobal() {
    if (journalled < JOURNAL) {
      drop(journal, journalled);
    } else {
      for (int i = 0; i < kind.length; i++) {
        if ((kind[i] & GLOBAL) == 0) {
          drop(i);
        }
      }
    }
    journalled = 0;
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
    long mixed =
        (page >>> 12) * 0x9e37_79b9_7f4a_7c15L + (hostPage >>> 12) * 0xc2b2_ae3d_27d4_eb4fL;
    return (mixed ^ mixed >>> 29) * 0xd6e8_feb8_6659_fd93L << 12;
  }

  private boolean present(int number, long page, long mask) {
    long entry = tables + ((long) number << ENTRY_SHIFT);
    if (number >= TABLES * ENTRIES) {
      // What stands in the place of the second tag is a key.
      return matches(number, RawMemory.getLong(entry), page, mask);
    }
    return matches(number, RawMemory.getLong(entry + READ), page, mask)
        || matches(number, RawMemory.getLong(entry + WRITE), page, mask);
  }

  private static boolean matches(int number, long tag, long page, long mask) {
    return tag != empty(number) && (tag & mask) == (page & mask);
  }

  /** Drops one page from all tables; a large one whole. */
  void invalidate(long linear) {
    int index = (int) (linear >>> 12 & (ENTRIES - 1));
    boolean large = false;
    for (int t = 0; t < 2 * TABLES; t++) {
      int number = t * ENTRIES + index;
      if (present(number, linear, -4096)) {
        large |= (kind[number] & LARGE) != 0;
        drop(number);
      }
    }
    // A large page sits here as many small ones, of which this one may have been pushed out.
    if (large || largePages(linear)) {
      for (int i = 0; i < kind.length; i++) {
        if ((kind[i] & LARGE) != 0 && present(i, linear, -(1L << 30))) {
          drop(i);
        }
      }
    }
  }

  /**
   * Linear addresses that any large page was ever filled from, in whole GiB: for the lower half of
   * the address space and for the upper.
   */
  private final long[] largeFirst = {-1, -1};

  private final long[] largeLast = new long[2];

  private boolean largePages(long linear) {
    int half = (int) (linear >>> 63);
    return Long.compareUnsigned(linear, largeFirst[half]) >= 0
        && Long.compareUnsigned(linear, largeLast[half]) <= 0;
  }

  private void noteLarge(long page) {
    int half = (int) (page >>> 63);
    long first = page & -(1L << 30);
    if (Long.compareUnsigned(first, largeFirst[half]) < 0) {
      largeFirst[half] = first;
    }
    long last = page | ((1L << 30) - 1);
    if (Long.compareUnsigned(last, largeLast[half]) > 0) {
      largeLast[half] = last;
    }
  }

  /** Enters a page for data; tags not allowed are {@link #empty}. */
  void fill(
      int table,
      long linear,
      boolean read,
      boolean write,
      long addend,
      boolean global,
      boolean large) {
    int number = table * ENTRIES + (int) (linear >>> 12 & (ENTRIES - 1));
    long page = linear & -4096;
    long none = empty(number);
    enter(number, read ? page : none, write ? page : none, page, addend, global, large);
  }

  /** Enters a page that may be executed. */
  void fillCode(int table, long linear, long addend, boolean global, boolean large) {
    int number = (TABLES + table) * ENTRIES + (int) (linear >>> 12 & (ENTRIES - 1));
    long page = linear & -4096;
    enter(number, page, codeKey(page, page + addend), page, addend, global, large);
  }

  private void enter(
      int number,
      long first8,
      long second8,
      long page,
      long addend,
      boolean global,
      boolean large) {
    long entry = tables + ((long) number << ENTRY_SHIFT);
    RawMemory.putLong(entry + READ, first8);
    RawMemory.putLong(entry + WRITE, second8);
    RawMemory.putLong(entry + HOST, page + addend);
    RawMemory.putLong(entry + ADDEND, addend);
    kind[number] = (byte) ((global ? GLOBAL : 0) | (large ? LARGE : 0));
    if (global) {
      if (globalsJournalled < JOURNAL) {
        globalJournal[globalsJournalled++] = (short) number;
      }
    } else if (journalled < JOURNAL) {
      journal[journalled++] = (short) number;
    }
    if (large) {
      noteLarge(page);
    }
  }

  /** Forgets that any page whose host page begins at {@code hostPage} may be written. */
  void protect(long hostPage) {
    for (int i = 0; i < NEVER * ENTRIES; i++) {
      long entry = tables + ((long) i << ENTRY_SHIFT);
      long tag = RawMemory.getLong(entry + WRITE);
      if (tag != empty(i) && tag + RawMemory.getLong(entry + ADDEND) == hostPage) {
        RawMemory.putLong(entry + WRITE, empty(i));
      }
    }
  }
}
