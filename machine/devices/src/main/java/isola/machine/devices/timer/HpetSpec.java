package isola.machine.devices.timer;

/** Constants of the IA-PC HPET specification 1.0a. */
public final class HpetSpec {
  /** Where a PC has it. */
  public static final long BASE = 0xfed0_0000L;

  /** Size of the registers in bytes. */
  public static final int WINDOW = 1024;

  /** Length of a tick in femtoseconds: 10 ns. */
  public static final int PERIOD_FEMTOS = 10_000_000;

  /** The same in nanoseconds. */
  static final long TICK_NANOS = 10;

  /** Comparators. */
  public static final int TIMERS = 3;

  /** I/O APIC inputs that a comparator can be routed to: 16 to 23, as on Intel's ICH. */
  static final int ROUTES = 0x00ff_0000;

  /** 64 bits, {@link #TIMERS}, legacy replacement capable, Intel; 2.3.4. */
  public static final int CAPABILITIES = 0x8086_a001 | (TIMERS - 1) << 8;

  // Registers, table 1.
  static final int ID = 0x000;
  static final int CONFIGURATION = 0x010;
  static final int STATUS = 0x020;
  static final int COUNTER = 0x0f0;
  static final int TIMER_0 = 0x100;
  static final int TIMER_STRIDE = 0x20;
  static final int TIMER_CONFIGURATION = 0;
  static final int TIMER_COMPARATOR = 8;

  // General configuration, 2.3.5.
  static final int ENABLE = 1;
  static final int LEGACY = 1 << 1;

  // Timer configuration, 2.3.8.
  static final long LEVEL = 1 << 1;
  static final long INTERRUPT = 1 << 2;
  static final long PERIODIC = 1 << 3;
  static final long CAN_PERIODIC = 1 << 4;
  static final long CAN_64 = 1 << 5;
  static final long SET_ACCUMULATOR = 1 << 6;
  static final long MODE_32 = 1 << 8;
  static final long ROUTE = 0x1f << 9;
  static final long WRITABLE = LEVEL | INTERRUPT | PERIODIC | SET_ACCUMULATOR | MODE_32 | ROUTE;

  private HpetSpec() {}
}
