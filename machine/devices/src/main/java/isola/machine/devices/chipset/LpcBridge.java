package isola.machine.devices.chipset;

import isola.core.irq.InterruptLine;
import isola.machine.devices.pci.PciFunction;
import isola.machine.devices.pci.PciIdentity;
import java.util.ArrayList;
import java.util.List;

/**
 * The ISA bridge at slot 31: routes the PCI interrupt wires. PIRQA# to PIRQH# always drive I/O APIC
 * inputs 16 to 23, and the 8259A request that each one's routing register names. Firmware's part is
 * done here: the even wires start out routed to request 10, the odd ones to 11. Any thread.
 */
public final class LpcBridge {
  private static final int EVEN_IRQ = 10;
  private static final int ODD_IRQ = 11;

  // Wiring.
  private final PciFunction function;
  private final InterruptLine[] ioApic;
  private final InterruptLine[] requests;

  // Volatile state; the routing registers are the function's.
  private final boolean[] wires = new boolean[ChipsetSpec.PIRQS];

  /** What each wire drives now, or -1. */
  private final int[] routes = new int[ChipsetSpec.PIRQS];

  /** How many asserted wires drive each request. */
  private final int[] asserting = new int[16];

  /**
   * A bridge.
   *
   * @param ioApic the I/O APIC's inputs 16 to 23
   * @param requests the 8259A pair's inputs 0 to 15; 2 is not used
   * @param acpiPort first port of the ACPI block, for PMBASE
   */
  public LpcBridge(List<InterruptLine> ioApic, List<InterruptLine> requests, int acpiPort) {
    if (ioApic.size() != ChipsetSpec.PIRQS || requests.size() != asserting.length) {
      throw new IllegalArgumentException("the LPC bridge drives 8 I/O APIC and 16 8259A inputs");
    }
    this.ioApic = ioApic.toArray(new InterruptLine[0]);
    this.requests = requests.toArray(new InterruptLine[0]);
    PciFunction.Builder builder =
        PciFunction.builder(
                new PciIdentity(
                    ChipsetSpec.INTEL,
                    ChipsetSpec.LPC_BRIDGE,
                    ChipsetSpec.LPC_BRIDGE_CLASS,
                    2,
                    0,
                    0))
            .register(ChipsetSpec.PMBASE, 4, acpiPort | 1, 0)
            .register(ChipsetSpec.ACPI_CONTROL, 1, 0x80, 0)
            .observer((offset, size) -> reroute());
    for (int wire = 0; wire < ChipsetSpec.PIRQS; wire++) {
      builder.register(register(wire), 1, defaultRoute(wire), 0x8f);
    }
    function = builder.build();
    reroute();
  }

  private static int register(int wire) {
    return wire < 4 ? ChipsetSpec.PIRQA_ROUTE + wire : ChipsetSpec.PIRQE_ROUTE + wire - 4;
  }

  /** The legacy request that a wire is routed to at power-on: for the interrupt line registers. */
  public static int defaultRoute(int wire) {
    return (wire & 1) == 0 ? EVEN_IRQ : ODD_IRQ;
  }

  /** The PCI function, for slot 31. */
  public PciFunction function() {
    return function;
  }

  /** PIRQA# to PIRQH#, for {@link isola.machine.devices.pci.PciBus}. */
  public List<InterruptLine> wires() {
    List<InterruptLine> all = new ArrayList<>();
    for (int wire = 0; wire < ChipsetSpec.PIRQS; wire++) {
      int number = wire;
      all.add(asserted -> set(number, asserted));
    }
    return all;
  }

  private synchronized void set(int wire, boolean asserted) {
    if (wires[wire] != asserted) {
      wires[wire] = asserted;
      ioApic[wire].set(asserted);
      drive(routes[wire], asserted);
    }
  }

  private void drive(int request, boolean asserted) {
    if (request >= 0) {
      asserting[request] += asserted ? 1 : -1;
      requests[request].set(asserting[request] > 0);
    }
  }

  /** Makes the requests follow the routing registers. */
  public void reroute() {
    for (int wire = 0; wire < ChipsetSpec.PIRQS; wire++) {
      int value = function.register(register(wire), 1);
      int request = value & 0xf;
      boolean routed =
          (value & ChipsetSpec.ROUTE_NOWHERE) == 0 && (ChipsetSpec.ROUTABLE >> request & 1) != 0;
      move(wire, routed ? request : -1);
    }
  }

  private synchronized void move(int wire, int request) {
    if (routes[wire] != request) {
      if (wires[wire]) {
        drive(routes[wire], false);
        drive(request, true);
      }
      routes[wire] = request;
    }
  }
}
