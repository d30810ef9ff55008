package isola.machine.devices.serial;

/** Constants of the National PC16550D data sheet (TL/C/8652). */
public final class UartSpec {
  /** COM1's first port. */
  public static final int COM1_PORT = 0x3f8;

  /** COM2's first port. */
  public static final int COM2_PORT = 0x2f8;

  /** COM1's interrupt request. */
  public static final int COM1_IRQ = 4;

  /** COM2's interrupt request. */
  public static final int COM2_IRQ = 3;

  /** How many ports. */
  public static final int PORTS = 8;

  static final int FIFO_BYTES = 16;

  // Registers, section 8.0.
  static final int DATA = 0;
  static final int IER = 1;
  static final int IIR = 2;
  static final int LCR = 3;
  static final int MCR = 4;
  static final int LSR = 5;
  static final int MSR = 6;
  static final int SCRATCH = 7;

  // Interrupt enable, 8.7.
  static final int IER_RECEIVED = 1;
  static final int IER_EMPTY = 1 << 1;
  static final int IER_LINE = 1 << 2;
  static final int IER_MODEM = 1 << 3;

  // Interrupt identification, 8.6.
  static final int IIR_NONE = 1;
  static final int IIR_MODEM = 0;
  static final int IIR_EMPTY = 2;
  static final int IIR_RECEIVED = 4;
  static final int IIR_LINE = 6;
  static final int IIR_TIMEOUT = 0xc;
  static final int IIR_FIFOS = 0xc0;

  // FIFO control, 8.5.
  static final int FCR_ENABLE = 1;
  static final int FCR_CLEAR_RECEIVER = 1 << 1;

  // Line control, 8.1.
  static final int LCR_DIVISOR = 1 << 7;
  static final int LCR_BREAK = 1 << 6;

  // Line status, 8.4.
  static final int LSR_DATA = 1;
  static final int LSR_OVERRUN = 1 << 1;
  static final int LSR_BREAK = 1 << 4;
  static final int LSR_EMPTY = 1 << 5 | 1 << 6;

  // Modem control, 8.8.
  static final int MCR_DTR = 1;
  static final int MCR_RTS = 1 << 1;
  static final int MCR_OUT1 = 1 << 2;
  static final int MCR_OUT2 = 1 << 3;
  static final int MCR_LOOP = 1 << 4;

  // Modem status, 8.9.
  static final int MSR_CTS = 1 << 4;
  static final int MSR_DSR = 1 << 5;
  static final int MSR_RI = 1 << 6;
  static final int MSR_DCD = 1 << 7;
  static final int MSR_DELTA_RI = 1 << 2;

  /** A character's time at 115,200 baud, 10 bits, in nanoseconds. */
  static final long CHARACTER_NANOS = 86_806;

  private UartSpec() {}
}
