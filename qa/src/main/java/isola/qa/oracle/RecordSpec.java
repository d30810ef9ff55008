package isola.qa.oracle;

/** Layout of a test case in memory shared with the host's side; see {@code host.c}. Bytes. */
final class RecordSpec {
  /** Where the data page is, on the host and in the guest. */
  static final long DATA = 0x2000_0000L;

  /** A page that can only be read, all zero. */
  static final long READ_ONLY = 0x2000_3000L;

  /** Where the code page is; code is followed by HLT. */
  static final long CODE = 0x3000_0000L;

  static final int PAGE = 4096;
  static final int CODE_BYTES = 192;

  /** 64 or 32, 4 bytes. */
  static final int MODE = 0;

  /** Bytes of code, 4 bytes. */
  static final int LENGTH = 4;

  static final int CODE_AT = 8;

  /** The seed that made the state, 8 bytes, for reports. */
  static final int SEED = 200;

  /** State before. */
  static final int IN = 256;

  /** Inside a state: sixteen registers. */
  static final int GPR = 0;

  static final int RIP = 128;
  static final int RFLAGS = 136;
  static final int TRAP = 144;
  static final int ERROR = 152;
  static final int CR2 = 160;

  /** FXSAVE image. */
  static final int FX = 192;

  /** Bytes of the FXSAVE image that belong to the processor. */
  static final int FX_BYTES = 464;

  /** Upper halves of the sixteen YMM registers. */
  static final int YMM = FX + 512;

  static final int YMM_BYTES = 256;

  static final int DATA_AT = YMM + YMM_BYTES;
  static final int STATE_BYTES = DATA_AT + PAGE;

  /** State after, by the host. */
  static final int OUT = IN + STATE_BYTES;

  static final int BYTES = OUT + STATE_BYTES;

  private RecordSpec() {}
}
