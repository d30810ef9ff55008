package isola.cpu.x86.arith;

/**
 * Numbers of floating-point arithmetic (Intel SDM vol. 1, 4.8, 4.9, 8.1 and 10.2.3). Exception bits
 * stand at the same place in the x87 status and control words and in MXCSR's flags.
 */
public final class FloatSpec {
  /** Invalid operation. */
  public static final int IE = 1;

  /** Denormal operand. */
  public static final int DE = 1 << 1;

  /** Division by zero. */
  public static final int ZE = 1 << 2;

  /** Overflow. */
  public static final int OE = 1 << 3;

  /** Underflow. */
  public static final int UE = 1 << 4;

  /** Inexact result (precision). */
  public static final int PE = 1 << 5;

  /** All six exceptions. */
  public static final int EXCEPTIONS = 0x3f;

  /** Exceptions found before a result is computed: nothing is delivered if one is unmasked. */
  public static final int BEFORE = IE | DE | ZE;

  /** Rounding control: to nearest, ties to even. */
  public static final int NEAREST = 0;

  /** Rounding control: toward minus infinity. */
  public static final int DOWN = 1;

  /** Rounding control: toward plus infinity. */
  public static final int UP = 2;

  /** Rounding control: toward zero. */
  public static final int TRUNCATE = 3;

  /** MXCSR: denormal operands are zeros. */
  public static final int MXCSR_DAZ = 1 << 6;

  /** MXCSR: where the six exception masks begin. */
  public static final int MXCSR_MASK_SHIFT = 7;

  /** MXCSR: where the two rounding control bits begin. */
  public static final int MXCSR_RC_SHIFT = 13;

  /** MXCSR: tiny results become zeros when underflow is masked. */
  public static final int MXCSR_FTZ = 1 << 15;

  /** MXCSR bits that may be set. */
  public static final int MXCSR_VALID = 0xffff;

  /** Exponent bias of the 80-bit format. */
  public static final int BIAS80 = 16383;

  /** Added to or taken from the exponent of an unmasked underflow or overflow (SDM 4.9.1.5). */
  public static final int WRAP80 = 24576;

  /** Sign and exponent of the default NaN. */
  public static final int DEFAULT_NAN_SE = 0xffff;

  /** Significand of the default NaN. */
  public static final long DEFAULT_NAN_SIGNIFICAND = 0xc000_0000_0000_0000L;

  /** Default NaN of the 32-bit format. */
  public static final int DEFAULT_NAN32 = 0xffc0_0000;

  /** Default NaN of the 64-bit format. */
  public static final long DEFAULT_NAN64 = 0xfff8_0000_0000_0000L;

  private FloatSpec() {}
}
