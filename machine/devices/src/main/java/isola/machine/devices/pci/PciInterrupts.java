package isola.machine.devices.pci;

import isola.core.irq.InterruptLine;
import java.util.List;

/**
 * The interrupt pins of all slots joined to the chipset's eight PIRQ wires: INTA# of slot <i>s</i>
 * drives wire <i>s</i> mod 8, INTB# the next, and so on. The board's _PRT must say the same. Pins
 * that share a wire are ORed.
 */
final class PciInterrupts {
  /** PIRQA# to PIRQH#, as on Intel's I/O controller hubs. */
  static final int WIRES = 8;

  private final List<InterruptLine> wires;
  private final int[] asserting = new int[WIRES];

  PciInterrupts(List<InterruptLine> wires) {
    if (wires.size() != WIRES) {
      throw new IllegalArgumentException("there are 8 PIRQ wires, not " + wires.size());
    }
    this.wires = List.copyOf(wires);
  }

  /** The wire of a pin (0 is INTA#) of a slot. */
  static int wire(int slot, int pin) {
    return slot + pin & WIRES - 1;
  }

  /** A line for INTA# of a function in a slot. */
  InterruptLine pin(int slot) {
    int wire = wire(slot, 0);
    return new InterruptLine() {
      private boolean level;

      @Override
      public void set(boolean asserted) {
        synchronized (PciInterrupts.this) {
          if (level != asserted) {
            level = asserted;
            asserting[wire] += asserted ? 1 : -1;
            wires.get(wire).set(asserting[wire] > 0);
          }
        }
      }
    };
  }
}
