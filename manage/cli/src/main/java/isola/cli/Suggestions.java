package isola.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;

/** Which options or commands a person may have meant. */
final class Suggestions {
  private static final int MOST = 2;

  private Suggestions() {}

  /** The closest names, best first; empty if none is close. */
  static List<String> of(String typed, CommandLine command, boolean options) {
    List<String> names = new ArrayList<>();
    if (options) {
      command.getCommandSpec().options().forEach(option -> names.addAll(List.of(option.names())));
      names.removeIf(name -> !name.startsWith("--"));
    } else {
      names.addAll(command.getSubcommands().keySet());
    }
    Map<String, Integer> close = new LinkedHashMap<>();
    for (String name : names) {
      int distance = name.startsWith(typed) && typed.length() > 3 ? 1 : distance(typed, name);
      if (distance <= Math.max(1, name.replace("-", "").length() / 3)) {
        close.put(name, distance);
      }
    }
    return close.entrySet().stream()
        .sorted(Comparator.comparingInt(Map.Entry::getValue))
        .limit(MOST)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Edits from one word to the other: insert, delete, replace, or swap two neighbours. */
  static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int same = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + same);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
