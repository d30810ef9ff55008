package isola.machine.devices.pci;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import java.util.ArrayList;
import java.util.List;

/**
 * Where BARs are decoded: the machine's ports and device memory. A BAR that the guest puts where
 * something else already answers is not decoded until that place is free. Any thread.
 */
public final class BarSpace {
  /** Past this guest physical address nothing is decoded: 52 bits, the architecture's limit. */
  private static final long MEMORY_END = 1L << 52;

  private static final long PORT_END = 1 << 16;

  // Wiring.
  private final PortBus ports;
  private final MmioBus mmio;

  // Volatile state.
  private final List<Bar> wanting = new ArrayList<>();

  /** BARs of the machine that has these buses. */
  public BarSpace(PortBus ports, MmioBus mmio) {
    this.ports = ports;
    this.mmio = mmio;
  }

  /** Moves a BAR to {@code base}, or takes it off the bus with {@link Bar#NOWHERE}. */
  synchronized void move(Bar bar, long base) {
    if (bar.wanted == base) {
      return;
    }
    bar.wanted = base;
    if (bar.placed != Bar.NOWHERE) {
      remove(bar);
    }
    wanting.remove(bar);
    if (base != Bar.NOWHERE && !place(bar, base)) {
      wanting.add(bar);
    }
    wanting.removeIf(other -> other != bar && place(other, other.wanted));
  }

  private boolean place(Bar bar, long base) {
    long end = bar.kind == Bar.Kind.PORT ? PORT_END : MEMORY_END;
    if (base <= 0 || base > end - bar.size) {
      return false;
    }
    try {
      if (bar.kind == Bar.Kind.PORT) {
        ports.attach((int) base, (int) bar.size, bar);
      } else {
        mmio.attach(base, bar.size, bar);
      }
    } catch (IllegalArgumentException taken) {
      return false;
    }
    bar.placed = base;
    return true;
  }

  private void remove(Bar bar) {
    if (bar.kind == Bar.Kind.PORT) {
      ports.detach(bar);
    } else {
      mmio.detach(bar);
    }
    bar.placed = Bar.NOWHERE;
  }
}
