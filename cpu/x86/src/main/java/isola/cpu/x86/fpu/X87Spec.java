package isola.cpu.x86.fpu;

/** Bits of the x87 status and control words (Intel SDM vol. 1, 8.1.3 and 8.1.5). */
final class X87Spec {
  /** Status word: stack fault. */
  static final int SF = 1 << 6;

  /** Status word: an unmasked exception waits (error summary). */
  static final int ES = 1 << 7;

  static final int C0 = 1 << 8;
  static final int C1 = 1 << 9;
  static final int C2 = 1 << 10;
  static final int C3 = 1 << 14;

  /** Status word: the four condition bits. */
  static final int CONDITION = C0 | C1 | C2 | C3;

  static final int TOP_SHIFT = 11;
  static final int TOP = 7 << TOP_SHIFT;

  /** Status word: follows {@link #ES}. */
  static final int BUSY = 1 << 15;

  /** Control word after FNINIT. */
  static final int FCW_INITIAL = 0x37f;

  /** Control word bits that can be set; bit 6 reads as one. */
  static final int FCW_VALID = 0x1f3f;

  static final int FCW_ONE = 0x40;

  private X87Spec() {}
}
