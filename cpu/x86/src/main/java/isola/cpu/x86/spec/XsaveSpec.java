package isola.cpu.x86.spec;

/** The XSAVE feature set (Intel SDM vol. 1, chapter 13). */
public final class XsaveSpec {
  /** State components as XCR0 bits. */
  public static final int X87 = 1;

  public static final int SSE = 1 << 1;
  public static final int AVX = 1 << 2;
  public static final int PKRU = 1 << 9;

  /** Component number of the upper halves of YMM registers. */
  public static final int AVX_COMPONENT = 2;

  /** Component number of PKRU. */
  public static final int PKRU_COMPONENT = 9;

  /** Legacy region, in bytes; then the header. */
  public static final int LEGACY_SIZE = 512;

  public static final int HEADER_SIZE = 64;
  public static final int XSTATE_BV = 512;
  public static final int XCOMP_BV = 520;

  /** First byte after the header. */
  public static final int EXTENDED = 576;

  /** XCOMP_BV: compacted format. */
  public static final long COMPACTED = 1L << 63;

  /** Sizes in bytes. */
  public static final int AVX_SIZE = 256;

  public static final int PKRU_SIZE = 8;

  /** Standard-format offsets; CPUID leaf 0Dh tells them to the guest. */
  public static final int AVX_OFFSET = 576;

  public static final int PKRU_OFFSET = 832;

  /** FXSAVE area offsets (Intel SDM vol. 1, 10.5.1, table 10-2). */
  public static final int FCW = 0;

  public static final int FSW = 2;
  public static final int FTW = 4;
  public static final int FOP = 6;
  public static final int FIP = 8;
  public static final int FDP = 16;
  public static final int MXCSR = 24;
  public static final int MXCSR_MASK = 28;
  public static final int ST = 32;
  public static final int XMM = 160;

  /** Bytes of the x87 registers, and of all sixteen XMM registers. */
  public static final int ST_BYTES = 128;

  public static final int XMM_BYTES = 256;

  /** MXCSR bits that exist: all sixteen, DAZ included. */
  public static final int MXCSR_VALID = 0xffff;

  public static final int MXCSR_INIT = 0x1f80;
  public static final int FCW_INIT = 0x37f;

  private XsaveSpec() {}
}
