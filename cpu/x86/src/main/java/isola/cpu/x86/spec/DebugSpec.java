package isola.cpu.x86.spec;

/** Debug register bits (Intel SDM vol. 3B 17.2). */
public final class DebugSpec {
  /** DR6: conditions of breakpoints 0 to 3. */
  public static final int B_MASK = 0xf;

  /** DR6: a debug register was touched while DR7.GD was set. */
  public static final int BD = 1 << 13;

  /** DR6: single step. */
  public static final int BS = 1 << 14;

  /** DR6: task switch to a task whose TSS has the T bit. */
  public static final int BT = 1 << 15;

  /** DR6 bits that always read as one: 31:16 without RTM and bus-lock reports, and 11:4. */
  public static final int DR6_FIXED = 0xffff_0ff0;

  /** DR6 bits that software can write. */
  public static final int DR6_WRITABLE = B_MASK | BD | BS | BT;

  /** DR7 bit that always reads as one. */
  public static final int DR7_FIXED = 1 << 10;

  /** DR7: general detect enable. */
  public static final int GD = 1 << 13;

  /** DR7 bits that software can write: enables, LE, GE, GD, and the four R/W and LEN fields. */
  public static final int DR7_WRITABLE = 0xffff_23ff;

  /** DR7 local enables, cleared by a task switch. */
  public static final int LOCAL_ENABLES = 0x155;

  /** DR7: all eight enables. */
  public static final int ENABLES = 0xff;

  /** DR7 R/W field: instruction execution. */
  public static final int EXECUTE = 0;

  /** DR7 R/W field: data writes. */
  public static final int WRITE = 1;

  /** DR7 R/W field: I/O reads and writes, with CR4.DE. */
  public static final int IO = 2;

  /** DR7 R/W field: data reads and writes. */
  public static final int READ_WRITE = 3;

  private DebugSpec() {}
}
