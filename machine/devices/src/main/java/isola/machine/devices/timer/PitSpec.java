package isola.machine.devices.timer;

/** Constants of the Intel 8254 data sheet (231164) and of the PC's port 0x61. */
public final class PitSpec {
  /** First of four ports: three channels and the control word. */
  public static final int PORT = 0x40;

  /** System control port B, with channel 2's gate and output. */
  public static final int SPEAKER_PORT = 0x61;

  /** Input clock: a third of the colour burst's quadruple, in Hz, as everybody rounds it. */
  public static final long HZ = 1_193_182;

  static final int CHANNELS = 3;
  static final int CONTROL = 3;

  // Control word.
  static final int READ_BACK = 3;
  static final int ACCESS_LATCH = 0;
  static final int ACCESS_LOW = 1;
  static final int ACCESS_HIGH = 2;
  static final int ACCESS_BOTH = 3;

  // Read-back command: the bits are low for "do it".
  static final int NO_COUNT = 1 << 5;
  static final int NO_STATUS = 1 << 4;

  // Status byte.
  static final int STATUS_OUTPUT = 1 << 7;
  static final int STATUS_NULL_COUNT = 1 << 6;

  // Port 0x61 (82371SB 2.5.6, NMI status and control).
  static final int GATE_2 = 1;
  static final int SPEAKER_DATA = 1 << 1;
  static final int PORT_61_WRITABLE = 0xf;
  static final int REFRESH = 1 << 4;
  static final int OUTPUT_2 = 1 << 5;

  /** How long each level of the refresh toggle lasts, in nanoseconds. */
  static final long REFRESH_NANOS = 15_085;

  private PitSpec() {}
}
