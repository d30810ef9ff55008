package isola.machine.devices.pci;

import isola.core.bus.MmioDevice;
import isola.core.irq.InterruptLine;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * PCI bus 0: 32 slots of up to 8 functions. Empty slots and other buses read as all ones. The bus
 * is itself the memory-mapped configuration space (PCI Express Base 3.0, 7.2.2), to be attached for
 * 1 MiB a bus; {@link PciConfigPorts} is the older way in. Any thread.
 */
public final class PciBus implements MmioDevice {
  // Wiring.
  private final BarSpace space;
  private final PciInterrupts interrupts;

  // Configuration: changes when something is plugged.
  private final AtomicReferenceArray<@Nullable PciFunction> functions =
      new AtomicReferenceArray<>(PciSpec.DEVICES * PciSpec.FUNCTIONS);

  /**
   * A bus with empty slots.
   *
   * @param space where BARs are decoded
   * @param wires PIRQA# to PIRQH#; slot <i>s</i>'s INTA# drives wire <i>s</i> mod 8, active high
   *     here
   */
  public PciBus(BarSpace space, List<InterruptLine> wires) {
    this.space = space;
    interrupts = new PciInterrupts(wires);
  }

  /** The PIRQ wire, 0 to 7, of a pin (0 is INTA#) of a slot: what _PRT must say. */
  public static int wire(int slot, int pin) {
    return PciInterrupts.wire(slot, pin);
  }

  /**
   * Puts a function into a slot.
   *
   * @param slot 0 to 31
   * @param number function number, 0 to 7; function 0 must be there for a guest to find the others
   * @throws IllegalArgumentException if there is one already or no such place
   */
  public synchronized void plug(int slot, int number, PciFunction function) {
    if (slot < 0 || slot >= PciSpec.DEVICES || number < 0 || number >= PciSpec.FUNCTIONS) {
      throw new IllegalArgumentException("there is no PCI slot %d.%d".formatted(slot, number));
    }
    int at = slot * PciSpec.FUNCTIONS + number;
    if (functions.get(at) != null) {
      throw new IllegalArgumentException("PCI slot %d.%d is taken".formatted(slot, number));
    }
    functions.set(at, function);
    function.connect(space, interrupts.pin(slot));
    PciFunction first = functions.get(slot * PciSpec.FUNCTIONS);
    for (int i = 1; i < PciSpec.FUNCTIONS; i++) {
      if (first != null && functions.get(slot * PciSpec.FUNCTIONS + i) != null) {
        first.markMultifunction();
      }
    }
  }

  /**
   * Puts a function, as function 0, into the first empty slot from {@code from} on; returns the
   * slot.
   *
   * @throws IllegalArgumentException if all are taken
   */
  public synchronized int plugAnywhere(int from, PciFunction function) {
    for (int slot = from; slot < PciSpec.DEVICES; slot++) {
      if (functions.get(slot * PciSpec.FUNCTIONS) == null) {
        plug(slot, 0, function);
        return slot;
      }
    }
    throw new IllegalArgumentException("all PCI slots from %d on are taken".formatted(from));
  }

  /** Takes a function out of its slot. */
  public synchronized void unplug(int slot, int number) {
    PciFunction function = functions.getAndSet(slot * PciSpec.FUNCTIONS + number, null);
    if (function != null) {
      function.disconnect();
    }
  }

  /** The functions there are, by slot and number. */
  public List<PciFunction> functions() {
    List<PciFunction> all = new ArrayList<>();
    for (int i = 0; i < functions.length(); i++) {
      PciFunction function = functions.get(i);
      if (function != null) {
        all.add(function);
      }
    }
    return all;
  }

  /** The function at a place, or null. */
  public @Nullable PciFunction function(int slot, int number) {
    return functions.get(slot * PciSpec.FUNCTIONS + number);
  }

  /**
   * A configuration read of 1, 2 or 4 bytes that does not cross an aligned word.
   *
   * @param bus 0 to 255
   * @param place slot and function number, 8 bits
   * @param offset 0 to 4095
   */
  int readConfig(int bus, int place, int offset, int size) {
    PciFunction function = bus == 0 ? functions.get(place) : null;
    return function != null ? function.readConfig(offset, size) : ones(size);
  }

  /** A configuration write; see {@link #readConfig}. */
  void writeConfig(int bus, int place, int offset, int size, int value) {
    PciFunction function = bus == 0 ? functions.get(place) : null;
    if (function != null) {
      function.writeConfig(offset, size, value);
    }
  }

  private static int ones(int size) {
    return size == 4 ? -1 : (1 << (size * 8)) - 1;
  }

  @Override
  public long read(long offset, int size) {
    // 7.2.2: at most four bytes, aligned; what else comes is cut into pieces that are.
    if (size > 4 || (offset & (size - 1)) != 0) {
      long value = 0;
      for (int i = 0; i < size; i++) {
        value |= read(offset + i, 1) << (i * 8);
      }
      return value;
    }
    int at = (int) offset;
    int value = readConfig(at >>> 20, at >> 12 & 0xff, at & 0xfff, size);
    return size == 4 ? value & 0xffff_ffffL : value & ones(size);
  }

  @Override
  public void write(long offset, int size, long value) {
    if (size > 4 || (offset & (size - 1)) != 0) {
      int step = (offset & 3) == 0 && size == 8 ? 4 : 1;
      for (int i = 0; i < size; i += step) {
        write(offset + i, step, value >>> (i * 8));
      }
      return;
    }
    int at = (int) offset;
    writeConfig(at >>> 20, at >> 12 & 0xff, at & 0xfff, size, (int) value);
  }
}
