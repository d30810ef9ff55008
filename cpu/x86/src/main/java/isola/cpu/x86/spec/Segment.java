package isola.cpu.x86.spec;

/**
 * Segment register numbers, as ModRM.reg encodes them (Intel SDM vol. 2A 2.1, table 2-1), then LDTR
 * and TR.
 */
public final class Segment {
  public static final int ES = 0;
  public static final int CS = 1;
  public static final int SS = 2;
  public static final int DS = 3;
  public static final int FS = 4;
  public static final int GS = 5;
  public static final int LDTR = 6;
  public static final int TR = 7;

  private Segment() {}
}
