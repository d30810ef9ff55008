package isola.machine.board;

import isola.core.bus.PortDevice;

/**
 * The ports at which programs made for QEMU ask for the machine's size (QEMU
 * docs/specs/fw_cfg.rst): a selector of 16 bits, then its value byte by byte. Any thread.
 */
final class ConfigurationPorts implements PortDevice {
  static final int PORT = 0x510;
  static final int PORTS = 2;

  private static final int SIGNATURE = 0;
  private static final int ID = 1;
  private static final int RAM_SIZE = 3;
  private static final int CPUS = 5;
  private static final int MAX_CPUS = 0xf;
  private static final int QEMU = 0x554d_4551;

  private final int cpus;
  private final long memory;
  private long rest;

  ConfigurationPorts(int cpus, long memory) {
    this.cpus = cpus;
    this.memory = memory;
  }

  @Override
  public synchronized int in(int offset, int size) {
    if (offset != 1 || size != 1) {
      return offset == 0 ? 0 : -1;
    }
    int value = (int) rest & 0xff;
    rest >>>= 8;
    return value;
  }

  @Override
  public synchronized void out(int offset, int size, int value) {
    if (offset == 0 && size == 2) {
      rest =
          switch (value) {
            case SIGNATURE -> QEMU;
            case ID -> 1;
            case RAM_SIZE -> memory;
            case CPUS, MAX_CPUS -> cpus;
            default -> 0;
          };
    }
  }
}
