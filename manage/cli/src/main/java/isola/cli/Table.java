package isola.cli;

import java.io.PrintStream;
import java.util.List;

/** Rows of text in columns as wide as need be. */
final class Table {
  private Table() {}

  static void print(PrintStream out, List<String[]> rows) {
    int columns = rows.getFirst().length;
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < columns; column++) {
        int at = column;
        int width = rows.stream().mapToInt(other -> other[at].length()).max().orElse(0);
        line.append(row[column]).repeat(' ', width - row[column].length() + 2);
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
