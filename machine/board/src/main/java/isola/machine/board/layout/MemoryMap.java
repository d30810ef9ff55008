package isola.machine.board.layout;

import java.util.ArrayList;
import java.util.List;

/**
 * The map of a machine's memory.
 *
 * @param size all RAM in bytes, the part that lies under video memory and firmware included
 */
public record MemoryMap(long size) {
  /** What a range is for, with its number in the BIOS's map (ACPI 6.5, 15.1, table 15.374). */
  public enum Kind {
    RAM(1),
    RESERVED(2);

    private final int number;

    Kind(int number) {
      this.number = number;
    }

    /** The number that BIOS, Linux boot parameters, PVH and multiboot give it. */
    public int number() {
      return number;
    }
  }

  /** {@code size} bytes from {@code base}. */
  public record Range(long base, long size, Kind kind) {
    /** Past its last byte. */
    public long end() {
      return base + size;
    }
  }

  /** End of the RAM below 4 GiB. */
  public long lowEnd() {
    return Math.min(size, BoardSpec.LOW_RAM_END);
  }

  /** Bytes of RAM from 4 GiB on; 0 if there are none. */
  public long highSize() {
    return size - lowEnd();
  }

  /** First byte of the window for 64-bit PCI memory. */
  public long pciWindow64() {
    long end = BoardSpec.HIGH_RAM_BASE + highSize();
    long alignment = BoardSpec.PCI_WINDOW64_ALIGNMENT;
    return (end + alignment - 1) & -alignment;
  }

  /** What the guest is told, in order of address. */
  public List<Range> ranges() {
    List<Range> ranges = new ArrayList<>();
    ranges.add(new Range(0, BoardSpec.EBDA_BASE, Kind.RAM));
    ranges.add(
        new Range(BoardSpec.EBDA_BASE, BoardSpec.VIDEO_BASE - BoardSpec.EBDA_BASE, Kind.RESERVED));
    ranges.add(
        new Range(
            BoardSpec.TABLES_BASE, BoardSpec.EXTENDED_BASE - BoardSpec.TABLES_BASE, Kind.RESERVED));
    ranges.add(new Range(BoardSpec.EXTENDED_BASE, lowEnd() - BoardSpec.EXTENDED_BASE, Kind.RAM));
    ranges.add(new Range(BoardSpec.ECAM_BASE, BoardSpec.ECAM_SIZE, Kind.RESERVED));
    if (highSize() > 0) {
      ranges.add(new Range(BoardSpec.HIGH_RAM_BASE, highSize(), Kind.RAM));
    }
    return ranges;
  }

  /** The range of RAM that begins at 1 MiB, where kernels and ramdisks go. */
  public Range main() {
    return new Range(BoardSpec.EXTENDED_BASE, lowEnd() - BoardSpec.EXTENDED_BASE, Kind.RAM);
  }
}
