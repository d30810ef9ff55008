package isola.machine.devices.interrupt;

/** Constants of the Intel 8259A data sheet (231468) and, for ELCR, the 82371SB one (290550). */
public final class PicSpec {
  /** First port of the master: command; the next is data. */
  public static final int MASTER_PORT = 0x20;

  /** First port of the slave. */
  public static final int SLAVE_PORT = 0xa0;

  /** Edge/level control registers, one byte each for master and slave. */
  public static final int ELCR_PORT = 0x4d0;

  /** The master's input that the slave's output drives. */
  public static final int CASCADE = 2;

  // Initialization command word 1.
  static final int ICW1 = 1 << 4;
  static final int ICW1_ICW4 = 1;
  static final int ICW1_SINGLE = 1 << 1;
  static final int ICW1_LEVEL = 1 << 3;

  // Initialization command word 4.
  static final int ICW4_AUTO_EOI = 1 << 1;
  static final int ICW4_FULLY_NESTED = 1 << 4;

  // Operation command word 2: bits 7:5.
  static final int OCW2_EOI = 1 << 5;
  static final int OCW2_SPECIFIC = 1 << 6;
  static final int OCW2_ROTATE = 1 << 7;

  // Operation command word 3.
  static final int OCW3 = 1 << 3;
  static final int OCW3_READ = 1 << 1;
  static final int OCW3_READ_ISR = 1;
  static final int OCW3_POLL = 1 << 2;
  static final int OCW3_MASK_CHANGE = 1 << 6;
  static final int OCW3_MASK_SPECIAL = 1 << 5;

  /** What a poll answers if something waits; the number is in the low bits. */
  static final int POLL_PENDING = 1 << 7;

  /** Inputs that ELCR can make level-triggered: not the timer, keyboard and cascade. */
  static final int ELCR_MASTER_WRITABLE = 0xf8;

  /** As above, without the RTC and the coprocessor. */
  static final int ELCR_SLAVE_WRITABLE = 0xde;

  private PicSpec() {}
}
