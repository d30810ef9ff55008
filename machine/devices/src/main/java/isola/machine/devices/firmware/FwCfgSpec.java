package isola.machine.devices.firmware;

/** Constants of QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst). */
public final class FwCfgSpec {
  /** First of two ports: selector and data. */
  public static final int PORT = 0x510;

  /** How many ports. */
  public static final int PORTS = 2;

  /** Four letters by which the device is known. */
  static final int SIGNATURE = 0x00;

  /** Feature bits: 1 is this port interface. */
  static final int ID = 0x01;

  /** Bytes of memory, 8 bytes. */
  public static final int RAM_SIZE = 0x03;

  /** Processors that run at start, 2 bytes. */
  public static final int PROCESSORS = 0x05;

  /** Processors that there can be, 2 bytes. */
  public static final int MAX_PROCESSORS = 0x0f;

  /** The list of files. */
  static final int DIRECTORY = 0x19;

  /** Selector of the first file. */
  static final int FIRST_FILE = 0x20;

  /** Longest file name, its terminating zero included. */
  static final int NAME_BYTES = 56;

  /** Selector bits that name an item; bit 14 once asked for writing. */
  static final int KEY_BITS = 0xbfff;

  private FwCfgSpec() {}
}
