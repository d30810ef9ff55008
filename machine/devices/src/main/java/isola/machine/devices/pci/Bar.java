package isola.machine.devices.pci;

import isola.core.bus.Doorbells;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortDevice;

/**
 * One base address register's range: how large it is, what kind, and what answers in it. It stands
 * on the bus itself, so that one device may fill several BARs.
 */
final class Bar implements MmioDevice, PortDevice {
  /** What address space a BAR decodes. */
  enum Kind {
    PORT,
    MEMORY_32,
    MEMORY_64
  }

  /** The address of a BAR that is not decoded. */
  static final long NOWHERE = -1;

  // Configuration.
  final int index;
  final Kind kind;
  final long size;
  final boolean prefetchable;

  // Wiring.
  private final MmioDevice contents;

  /** Where the register says it should be; guarded by {@link BarSpace}. */
  long wanted = NOWHERE;

  /** Where it is on the bus; guarded by {@link BarSpace}. */
  long placed = NOWHERE;

  Bar(int index, Kind kind, long size, boolean prefetchable, MmioDevice contents) {
    long smallest = kind == Kind.PORT ? 4 : 16;
    long largest =
        switch (kind) {
          case PORT -> 256;
          case MEMORY_32 -> 1L << 31;
          case MEMORY_64 -> 1L << 40;
        };
    if (Long.bitCount(size) != 1 || size < smallest || size > largest) {
      throw new IllegalArgumentException(
          "BAR %d: %d bytes is not a power of two from %d to %d"
              .formatted(index, size, smallest, largest));
    }
    if (index < 0 || index + registers(kind) > PciSpec.BARS) {
      throw new IllegalArgumentException("BAR %d does not exist".formatted(index));
    }
    this.index = index;
    this.kind = kind;
    this.size = size;
    this.prefetchable = prefetchable;
    this.contents = contents;
  }

  /** How many registers a BAR of this kind takes. */
  static int registers(Kind kind) {
    return kind == Kind.MEMORY_64 ? 2 : 1;
  }

  /** The read-only low bits of the register. */
  int flags() {
    return switch (kind) {
      case PORT -> PciSpec.BAR_IO;
      case MEMORY_32 -> prefetchable ? PciSpec.BAR_PREFETCHABLE : 0;
      case MEMORY_64 -> PciSpec.BAR_64_BIT | (prefetchable ? PciSpec.BAR_PREFETCHABLE : 0);
    };
  }

  @Override
  public long read(long offset, int size) {
    return contents.read(offset, size);
  }

  @Override
  public void write(long offset, int size, long value) {
    contents.write(offset, size, value);
  }

  @Override
  public Doorbells doorbells() {
    return contents.doorbells();
  }

  @Override
  public int in(int offset, int size) {
    return (int) contents.read(offset, size);
  }

  @Override
  public void out(int offset, int size, int value) {
    contents.write(offset, size, value & 0xffff_ffffL);
  }
}
