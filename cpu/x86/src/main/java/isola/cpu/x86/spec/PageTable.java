package isola.cpu.x86.spec;

/** Paging-structure entry bits and page-fault error code bits (Intel SDM vol. 3A 4.3 to 4.7). */
public final class PageTable {
  public static final long P = 1;
  public static final long RW = 1 << 1;
  public static final long US = 1 << 2;
  public static final long PWT = 1 << 3;
  public static final long PCD = 1 << 4;
  public static final long A = 1 << 5;
  public static final long D = 1 << 6;
  public static final long PS = 1 << 7;
  public static final long G = 1 << 8;
  public static final long NX = 1L << 63;

  /** Protection key of a leaf entry, bits 62:59. */
  public static final int KEY_SHIFT = 59;

  /** Error code: the page was present. */
  public static final int ERROR_P = 1;

  /** Error code: a write. */
  public static final int ERROR_W = 1 << 1;

  /** Error code: a user-mode access. */
  public static final int ERROR_U = 1 << 2;

  /** Error code: a reserved bit was set. */
  public static final int ERROR_RSVD = 1 << 3;

  /** Error code: an instruction fetch. */
  public static final int ERROR_I = 1 << 4;

  /** Error code: protection keys. */
  public static final int ERROR_PK = 1 << 5;

  private PageTable() {}
}
