package isola.machine.devices.power;

/** Constants of ACPI 6.4 chapter 4, and where this PC has the registers. */
public final class AcpiSpec {
  /** First port of the block. */
  public static final int PORT = 0x600;

  /** Ports of the block. */
  public static final int PORTS = 0x40;

  // Register offsets in the block, for the FADT.
  public static final int PM1_EVENT = 0x00;
  public static final int PM1_CONTROL = 0x04;
  public static final int PM_TIMER = 0x08;
  public static final int GPE0 = 0x20;
  public static final int GPE0_BYTES = 16;

  /** SMI command port: writing ACPI enable and disable values there does what firmware would. */
  public static final int SMI_COMMAND_PORT = 0xb2;

  public static final int ACPI_ENABLE = 0xa0;
  public static final int ACPI_DISABLE = 0xa1;

  /** What _S5 must name: the SLP_TYP of soft off. */
  public static final int SLP_TYP_S5 = 5;

  /** What _S3 must name: the SLP_TYP of suspend to memory. */
  public static final int SLP_TYP_S3 = 1;

  /** PM timer frequency in Hz, 4.8.3.3. */
  public static final long PM_TIMER_HZ = 3_579_545;

  /** Interrupt request of the SCI. */
  public static final int SCI_IRQ = 9;

  // PM1 status and enable, tables 4.12 and 4.13.
  static final int TIMER_EVENT = 1;
  static final int GLOBAL_EVENT = 1 << 5;
  static final int POWER_BUTTON = 1 << 8;
  static final int SLEEP_BUTTON = 1 << 9;
  static final int RTC_EVENT = 1 << 10;
  static final int WAKE_STATUS = 1 << 15;
  static final int STATUS_BITS =
      TIMER_EVENT | GLOBAL_EVENT | POWER_BUTTON | SLEEP_BUTTON | RTC_EVENT | WAKE_STATUS | 1 << 4;
  static final int ENABLE_BITS =
      TIMER_EVENT | GLOBAL_EVENT | POWER_BUTTON | SLEEP_BUTTON | RTC_EVENT;

  /** What wakes the machine if it is enabled. */
  static final int WAKING_BITS = SLEEP_BUTTON | RTC_EVENT;

  // PM1 control, table 4.14.
  static final int SCI_ENABLE = 1;
  static final int SLP_TYP_SHIFT = 10;
  static final int SLP_ENABLE = 1 << 13;
  static final int CONTROL_WRITABLE = 1 << 1 | 7 << SLP_TYP_SHIFT;

  private AcpiSpec() {}
}
