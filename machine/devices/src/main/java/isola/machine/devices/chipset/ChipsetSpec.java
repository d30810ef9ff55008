package isola.machine.devices.chipset;

/**
 * Constants of the chipset that this PC resembles: Intel 3 Series (Q35, 316966) with ICH9 (316972).
 */
public final class ChipsetSpec {
  static final int INTEL = 0x8086;

  // Q35 DRAM controller, chapter 5.
  static final int HOST_BRIDGE = 0x29c0;
  static final int HOST_BRIDGE_CLASS = 0x06_0000;
  static final int PCIEXBAR = 0x60;

  // ICH9 LPC bridge, chapter 13.
  static final int LPC_BRIDGE = 0x2918;
  static final int LPC_BRIDGE_CLASS = 0x06_0100;
  static final int PMBASE = 0x40;
  static final int ACPI_CONTROL = 0x44;
  static final int PIRQA_ROUTE = 0x60;
  static final int PIRQE_ROUTE = 0x68;
  static final int ROUTE_NOWHERE = 0x80;

  /** The slot of the LPC bridge, function 0. */
  public static final int LPC_SLOT = 31;

  /** PIRQA# to PIRQH#. */
  public static final int PIRQS = 8;

  /** The I/O APIC input of PIRQA#; the others follow. */
  public static final int FIRST_GSI = 16;

  /** Legacy interrupts that a PIRQ may be routed to, a bit each: 13.1.10. */
  static final int ROUTABLE = 0b1101_1110_1111_1000;

  private ChipsetSpec() {}
}
