package isola.machine.devices.input;

/**
 * Constants of the 8042 keyboard controller, the keyboard and the PS/2 mouse (IBM PS/2 hardware
 * interface technical reference, "Keyboard and auxiliary device controller", "Keyboard", "Mouse").
 */
public final class I8042Spec {
  /** Data port. */
  public static final int DATA_PORT = 0x60;

  /** Command and status port. */
  public static final int COMMAND_PORT = 0x64;

  /** The keyboard's interrupt request. */
  public static final int KEYBOARD_IRQ = 1;

  /** The mouse's interrupt request. */
  public static final int MOUSE_IRQ = 12;

  // Status register.
  static final int STATUS_OUTPUT_FULL = 1;
  static final int STATUS_SYSTEM = 1 << 2;
  static final int STATUS_COMMAND = 1 << 3;
  static final int STATUS_UNLOCKED = 1 << 4;
  static final int STATUS_MOUSE = 1 << 5;

  // Command byte.
  static final int KEYBOARD_INTERRUPT = 1;
  static final int MOUSE_INTERRUPT = 1 << 1;
  static final int SYSTEM = 1 << 2;
  static final int KEYBOARD_DISABLED = 1 << 4;
  static final int MOUSE_DISABLED = 1 << 5;
  static final int TRANSLATE = 1 << 6;

  // Controller commands.
  static final int READ_RAM = 0x20;
  static final int WRITE_RAM = 0x60;
  static final int RAM_END = 0x80;
  static final int DISABLE_MOUSE = 0xa7;
  static final int ENABLE_MOUSE = 0xa8;
  static final int TEST_MOUSE = 0xa9;
  static final int SELF_TEST = 0xaa;
  static final int TEST_KEYBOARD = 0xab;
  static final int DISABLE_KEYBOARD = 0xad;
  static final int ENABLE_KEYBOARD = 0xae;
  static final int READ_INPUT_PORT = 0xc0;
  static final int READ_OUTPUT_PORT = 0xd0;
  static final int WRITE_OUTPUT_PORT = 0xd1;
  static final int ECHO_KEYBOARD = 0xd2;
  static final int ECHO_MOUSE = 0xd3;
  static final int WRITE_MOUSE = 0xd4;
  static final int DISABLE_A20 = 0xdd;
  static final int ENABLE_A20 = 0xdf;
  static final int PULSE = 0xf0;

  static final int SELF_TEST_PASSED = 0x55;
  static final int INTERFACE_PASSED = 0;
  static final int INPUT_PORT = 0x80;

  // Output port; a zero in bit 0 holds the processor in reset.
  static final int OUTPUT_NOT_RESET = 1;
  static final int OUTPUT_A20 = 1 << 1;

  // Answers of both devices.
  static final int ACK = 0xfa;
  static final int RESEND = 0xfe;
  static final int TEST_PASSED = 0xaa;
  static final int ECHO = 0xee;

  // Commands of both devices.
  static final int READ_ID = 0xf2;
  static final int SET_RATE = 0xf3;
  static final int ENABLE = 0xf4;
  static final int DISABLE = 0xf5;
  static final int DEFAULTS = 0xf6;
  static final int RESET = 0xff;

  // Keyboard commands.
  static final int SET_LEDS = 0xed;
  static final int SCAN_SET = 0xf0;

  // Mouse commands.
  static final int SCALING_1 = 0xe6;
  static final int SCALING_2 = 0xe7;
  static final int SET_RESOLUTION = 0xe8;
  static final int STATUS_REQUEST = 0xe9;
  static final int STREAM_MODE = 0xea;
  static final int READ_DATA = 0xeb;
  static final int RESET_WRAP = 0xec;
  static final int SET_WRAP = 0xee;
  static final int REMOTE_MODE = 0xf0;

  /** Prefix of a released key in set 2. */
  static final int BREAK = 0xf0;

  /** Bytes of answers and events that a device holds at most. */
  static final int QUEUE_BYTES = 64;

  /** Space kept for answers: events do not use it. */
  static final int ANSWER_BYTES = 16;

  private I8042Spec() {}
}
