package isola.machine.board;

import isola.core.cpu.CpuidTable;
import isola.cpu.x86.spec.CpuidSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * The features that a guest was told it has, as words of CPUID: a saved machine goes on where all
 * of them are.
 */
final class GuestFeatures {
  // Leaf and subleaf, and which of EAX to EDX hold features, a bit each.
  private static final int[][] WORDS = {
    {CpuidSpec.FEATURES, 0, 0b1100},
    {CpuidSpec.STRUCTURED, 0, 0b1110},
    {CpuidSpec.XSTATE, 0, 0b0001},
    {CpuidSpec.XSTATE, 1, 0b0001},
    {CpuidSpec.KVM_FEATURES, 0, 0b0001},
    {CpuidSpec.EXTENDED_FEATURES, 0, 0b1100},
    {CpuidSpec.POWER, 0, 0b1000}
  };

  private GuestFeatures() {}

  /** The words of a table, in an order that stays. */
  static List<Integer> of(CpuidTable table) {
    List<Integer> words = new ArrayList<>();
    for (int[] word : WORDS) {
      CpuidTable.Row row = table.find(word[0], word[1]);
      int[] registers =
          row == null ? new int[4] : new int[] {row.eax(), row.ebx(), row.ecx(), row.edx()};
      for (int i = 0; i < registers.length; i++) {
        if ((word[2] >> i & 1) != 0) {
          words.add(registers[i]);
        }
      }
    }
    return words;
  }

  /**
   * A table without the features that are not among some words: a guest that was told of fewer goes
   * on with those.
   */
  static CpuidTable limit(CpuidTable table, List<Integer> features) {
    List<CpuidTable.Row> rows = new ArrayList<>();
    for (CpuidTable.Row row : table.rows()) {
      int[] registers = {row.eax(), row.ebx(), row.ecx(), row.edx()};
      int at = 0;
      for (int[] word : WORDS) {
        boolean here = word[0] == row.leaf() && row.equals(table.find(word[0], word[1]));
        for (int i = 0; i < registers.length; i++) {
          if ((word[2] >> i & 1) != 0) {
            if (here && at < features.size()) {
              registers[i] &= features.get(at);
            }
            at++;
          }
        }
      }
      rows.add(
          new CpuidTable.Row(
              row.leaf(), row.subleaf(), registers[0], registers[1], registers[2], registers[3]));
    }
    return new CpuidTable(rows);
  }

  /** Whether all features of some words are among those of others. */
  static boolean within(List<Integer> features, List<Integer> offered) {
    boolean within = features.size() == offered.size();
    for (int i = 0; within && i < features.size(); i++) {
      within = (features.get(i) & ~offered.get(i)) == 0;
    }
    return within;
  }
}
