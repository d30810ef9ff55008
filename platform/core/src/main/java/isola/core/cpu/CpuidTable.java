package isola.core.cpu;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What CPUID answers, as data: the same table serves every engine. Bits that follow the processor's
 * state (OSXSAVE, APIC enabled, XSAVE size) are filled in by the engine. Immutable.
 */
public final class CpuidTable {
  /**
   * One row.
   *
   * @param leaf EAX on entry
   * @param subleaf ECX on entry, or {@link #ANY}
   */
  public record Row(int leaf, int subleaf, int eax, int ebx, int ecx, int edx) {}

  /** A subleaf that matches every ECX. */
  public static final int ANY = -1;

  private final Row[] rows;

  /** A table of these rows. */
  public CpuidTable(List<Row> rows) {
    this.rows = rows.toArray(new Row[0]);
    Arrays.sort(this.rows, CpuidTable::order);
  }

  private static int order(Row one, Row other) {
    return one.leaf != other.leaf
        ? Integer.compareUnsigned(one.leaf, other.leaf)
        : Integer.compare(one.subleaf, other.subleaf);
  }

  /** The row for a leaf and subleaf, or null where there is none. */
  public @Nullable Row find(int leaf, int subleaf) {
    for (Row row : rows) {
      if (row.leaf == leaf && (row.subleaf == ANY || row.subleaf == subleaf)) {
        return row;
      }
    }
    return null;
  }

  /** All rows, ordered by leaf and subleaf. */
  public List<Row> rows() {
    return List.of(rows);
  }
}
