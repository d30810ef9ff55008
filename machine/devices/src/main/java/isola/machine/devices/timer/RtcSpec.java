package isola.machine.devices.timer;

/** Constants of the Motorola MC146818A data sheet and of the PC's CMOS memory. */
public final class RtcSpec {
  /** Index port; data is the next. */
  public static final int PORT = 0x70;

  /** Bytes of CMOS memory, the clock's included. */
  public static final int BYTES = 128;

  // Clock registers.
  static final int SECONDS = 0;
  static final int SECONDS_ALARM = 1;
  static final int MINUTES = 2;
  static final int MINUTES_ALARM = 3;
  static final int HOURS = 4;
  static final int HOURS_ALARM = 5;
  static final int DAY_OF_WEEK = 6;
  static final int DAY = 7;
  static final int MONTH = 8;
  static final int YEAR = 9;
  static final int A = 10;
  static final int B = 11;
  static final int C = 12;
  static final int D = 13;

  /** Shutdown status, by which firmware knows why the processor was reset. */
  public static final int SHUTDOWN_STATUS = 0x0f;

  /** Base memory in KiB, low byte; the high byte follows. */
  public static final int BASE_MEMORY = 0x15;

  /** Memory from 1 MiB to at most 64 MiB in KiB, low byte; the high byte follows. */
  public static final int EXTENDED_MEMORY = 0x17;

  /** The same where setup programs look for it. */
  public static final int EXTENDED_MEMORY_2 = 0x30;

  /** The century in the clock's own number format; ACPI's FADT names it. */
  public static final int CENTURY = 0x32;

  /** Memory from 16 MiB to 4 GiB in units of 64 KiB, low byte. */
  public static final int MEMORY_ABOVE_16M = 0x34;

  /** Memory from 4 GiB in units of 64 KiB, low byte of three. */
  public static final int MEMORY_ABOVE_4G = 0x5b;

  static final int A_UPDATE_IN_PROGRESS = 1 << 7;
  static final int A_WRITABLE = 0x7f;
  static final int A_DIVIDER = 0x70;
  static final int A_DIVIDER_RUNNING = 0x20;

  static final int B_SET = 1 << 7;
  static final int B_PERIODIC = 1 << 6;
  static final int B_ALARM = 1 << 5;
  static final int B_UPDATE = 1 << 4;
  static final int B_BINARY = 1 << 2;
  static final int B_24_HOURS = 1 << 1;

  static final int C_INTERRUPT = 1 << 7;
  static final int C_PERIODIC = 1 << 6;
  static final int C_ALARM = 1 << 5;
  static final int C_UPDATE = 1 << 4;

  static final int D_VALID = 1 << 7;

  /** In an alarm register: any value matches. */
  static final int ALARM_ANY = 0xc0;

  static final int HOURS_PM = 0x80;

  /**
   * How long before the new time shows the update-in-progress bit is set, in nanoseconds: 244 us of
   * warning and 1,984 us of update with a 32,768 Hz crystal ("Update cycle").
   */
  static final long UPDATE_WARNING = 2_228_000;

  /** The time base of periodic interrupts, in Hz. */
  static final long BASE_HZ = 32_768;

  private RtcSpec() {}
}
