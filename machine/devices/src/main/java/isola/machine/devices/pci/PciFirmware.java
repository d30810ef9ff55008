package isola.machine.devices.pci;

import java.util.ArrayList;
import java.util.List;

/**
 * What a PC's firmware does to PCI before it starts the operating system: gives every BAR an
 * address and switches decoding on.
 */
public final class PciFirmware {
  /**
   * Address ranges to hand out, ends excluded.
   *
   * @param ports first port
   * @param portsEnd past the last port
   * @param memory first byte of the window below 4 GiB
   * @param memoryEnd past its last byte
   * @param memory64 first byte of the window for prefetchable 64-bit BARs
   * @param memory64End past its last byte; equal to {@code memory64} if there is none
   */
  public record Windows(
      int ports, int portsEnd, long memory, long memoryEnd, long memory64, long memory64End) {}

  private record Place(PciFunction function, Bar bar) {}

  private PciFirmware() {}

  /**
   * Gives addresses, largest BAR first so that nothing is lost to alignment, and enables decoding.
   * The interrupt line register of slot <i>s</i> gets {@code isaLines.get(s mod 8)}: the legacy
   * interrupt that the wire reaches where there is no I/O APIC.
   *
   * @throws IllegalArgumentException if a window is too small, naming the function
   */
  public static void assign(PciBus bus, Windows windows, List<Integer> isaLines) {
    List<Place> places = new ArrayList<>();
    for (PciFunction function : bus.functions()) {
      function.bars().forEach(bar -> places.add(new Place(function, bar)));
    }
    places.sort((one, other) -> Long.compare(other.bar.size, one.bar.size));
    long port = windows.ports;
    long memory = windows.memory;
    long memory64 = windows.memory64;
    for (Place place : places) {
      Bar bar = place.bar;
      if (bar.kind == Bar.Kind.PORT) {
        port = set(place, port, windows.portsEnd);
      } else if (bar.kind == Bar.Kind.MEMORY_64
          && bar.prefetchable
          && windows.memory64End > windows.memory64) {
        memory64 = set(place, memory64, windows.memory64End);
      } else {
        memory = set(place, memory, windows.memoryEnd);
      }
    }
    for (int slot = 0; slot < PciSpec.DEVICES; slot++) {
      for (int number = 0; number < PciSpec.FUNCTIONS; number++) {
        PciFunction function = bus.function(slot, number);
        if (function != null) {
          enable(function, isaLines.get(PciBus.wire(slot, 0)));
        }
      }
    }
  }

  private static long set(Place place, long from, long end) {
    long base = (from + place.bar.size - 1) & -place.bar.size;
    if (base + place.bar.size > end) {
      throw new IllegalArgumentException(
          "no room for BAR %d (0x%x bytes) of %s below 0x%x"
              .formatted(place.bar.index, place.bar.size, place.function, end));
    }
    int register = PciSpec.BAR0 + place.bar.index * 4;
    place.function.writeConfig(register, 4, (int) base);
    if (place.bar.kind == Bar.Kind.MEMORY_64) {
      place.function.writeConfig(register + 4, 4, (int) (base >>> 32));
    }
    return base + place.bar.size;
  }

  private static void enable(PciFunction function, int isaLine) {
    int command = function.readConfig(PciSpec.COMMAND, 2);
    for (Bar bar : function.bars()) {
      command |= bar.kind == Bar.Kind.PORT ? PciSpec.COMMAND_IO : PciSpec.COMMAND_MEMORY;
    }
    function.writeConfig(PciSpec.COMMAND, 2, command);
    if (function.hasPin()) {
      function.writeConfig(PciSpec.INTERRUPT_LINE, 1, isaLine);
    }
  }
}
