package isola.qa.oracle;

import isola.cpu.x86.decode.Form;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * The oracle from a command line, for hunting: {@code OracleMain SEED COUNT LONGEST MOST
 * [WORD...]}, where a word names a group or a mnemonic; {@code OracleMain = MODE STATE CODE}
 * repeats one case. A LONGEST of 0 takes random bytes that may be no instruction.
 */
public final class OracleMain {
  private OracleMain() {}

  /** See the class. */
  public static void main(String[] args) {
    PrintStream out = System.out;
    if (args[0].equals("=")) {
      String line = args[1] + " " + args[2] + " " + args[3];
      try (Oracle oracle = new Oracle(form -> true, "interpreter", "translator")) {
        Oracle.Difference d = oracle.replay(line);
        out.println(oracle.describe(line));
        out.println(d == null ? "equal" : d.form() + "\n  " + String.join("\n  ", d.report()));
      }
      return;
    }
    List<String> words = List.of(args).subList(4, args.length);
    Predicate<Form> wanted =
        form ->
            words.isEmpty()
                || words.contains(form.group().name().toLowerCase(Locale.ROOT))
                || words.contains(form.op().name());
    try (Oracle oracle = new Oracle(wanted, "interpreter", "translator")) {
      long before = System.nanoTime();
      List<Oracle.Difference> found =
          args[2].equals("0")
              ? oracle.encodings(
                  Long.decode(args[0]), Long.decode(args[1]), Integer.parseInt(args[3]))
              : oracle.run(
                  Long.decode(args[0]),
                  Long.decode(args[1]),
                  Integer.parseInt(args[2]),
                  Integer.parseInt(args[3]));
      double seconds = (System.nanoTime() - before) / 1e9;
      for (Oracle.Difference d : found) {
        out.println(d.form() + "   = " + d.line());
        for (String line : d.report()) {
          out.println("    " + line);
        }
      }
      out.printf(
          "%d instructions, %d differences, %.1f s%n",
          oracle.instructions(), found.size(), seconds);
    }
  }
}
