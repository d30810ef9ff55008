package isola.machine.devices.pci;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;

/**
 * Configuration mechanism #1: CONFIG_ADDRESS and CONFIG_DATA, for eight ports from 0xcf8 (PCI Local
 * Bus 3.0, 3.2.2.3.2). Only a four-byte access reaches CONFIG_ADDRESS; others at its ports are
 * ordinary I/O and go to the reset control register that shares them (0xcf9).
 */
public final class PciConfigPorts implements PortDevice, Stateful<PciConfigPorts.State> {
  /** Where it is attached. */
  public static final int PORT = 0xcf8;

  /** How many ports. */
  public static final int PORTS = 8;

  /**
   * Volatile state.
   *
   * @param address CONFIG_ADDRESS
   */
  public record State(int address) {}

  private static final int DATA = 4;
  private static final int ADDRESS_WRITABLE = 0x80ff_fffc;

  // Wiring.
  private final PciBus bus;
  private final PortDevice others;

  // Volatile state.
  private volatile int address;

  /**
   * The ports of a bus.
   *
   * @param others what answers narrower accesses at 0xcf8 to 0xcfb, at offsets 0 to 3
   */
  public PciConfigPorts(PciBus bus, PortDevice others) {
    this.bus = bus;
    this.others = others;
  }

  @Override
  public int in(int offset, int size) {
    if (offset < DATA) {
      return offset == 0 && size == 4 ? address : others.in(offset, size);
    }
    int selected = address;
    if (selected >= 0 || offset - DATA + size > 4) {
      return -1;
    }
    return bus.readConfig(
        selected >> 16 & 0xff, selected >> 8 & 0xff, (selected & 0xfc) | (offset & 3), size);
  }

  @Override
  public void out(int offset, int size, int value) {
    if (offset < DATA) {
      if (offset == 0 && size == 4) {
        address = value & ADDRESS_WRITABLE;
      } else {
        others.out(offset, size, value);
      }
      return;
    }
    int selected = address;
    if (selected < 0 && offset - DATA + size <= 4) {
      bus.writeConfig(
          selected >> 16 & 0xff,
          selected >> 8 & 0xff,
          (selected & 0xfc) | (offset & 3),
          size,
          value);
    }
  }

  @Override
  public void reset() {
    address = 0;
  }

  @Override
  public State save() {
    return new State(address);
  }

  @Override
  public void restore(State state) {
    address = state.address & ADDRESS_WRITABLE;
  }
}
