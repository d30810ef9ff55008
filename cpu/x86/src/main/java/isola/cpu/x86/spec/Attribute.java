package isola.cpu.x86.spec;

/** Segment access rights as {@code CpuState} keeps them (Intel SDM vol. 3C 25.4.1, 3A 3.4.5). */
public final class Attribute {
  /** Type bit 0: accessed. */
  public static final int ACCESSED = 1;

  /** Type bit 1 of a data segment. */
  public static final int WRITABLE = 1 << 1;

  /** Type bit 1 of a code segment. */
  public static final int READABLE = 1 << 1;

  /** Type bit 2 of a data segment. */
  public static final int EXPAND_DOWN = 1 << 2;

  /** Type bit 2 of a code segment. */
  public static final int CONFORMING = 1 << 2;

  /** Type bit 3: code. */
  public static final int CODE = 1 << 3;

  /** Code or data, not a system segment. */
  public static final int S = 1 << 4;

  public static final int DPL = 3 << 5;
  public static final int DPL_SHIFT = 5;
  public static final int P = 1 << 7;
  public static final int AVL = 1 << 12;
  public static final int L = 1 << 13;
  public static final int DB = 1 << 14;
  public static final int G = 1 << 15;
  public static final int UNUSABLE = 1 << 16;

  private Attribute() {}
}
