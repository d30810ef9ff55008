package isola.machine.devices.chipset;

import isola.machine.devices.pci.PciFunction;
import isola.machine.devices.pci.PciIdentity;

/** The DRAM controller at slot 0: an identity, and where memory-mapped configuration space is. */
public final class HostBridge {
  private HostBridge() {}

  /**
   * The function.
   *
   * @param ecamBase guest physical address of memory-mapped configuration space
   */
  public static PciFunction create(long ecamBase) {
    // 5.1.15: enabled, 256 buses.
    return PciFunction.builder(
            new PciIdentity(
                ChipsetSpec.INTEL, ChipsetSpec.HOST_BRIDGE, ChipsetSpec.HOST_BRIDGE_CLASS, 0, 0, 0))
        .register(ChipsetSpec.PCIEXBAR, 4, (int) ecamBase | 1, 0)
        .register(ChipsetSpec.PCIEXBAR + 4, 4, (int) (ecamBase >>> 32), 0)
        .build();
  }
}
