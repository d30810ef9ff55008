package isola.image.debian;

/**
 * A package's version, ordered as dpkg orders them.
 *
 * <p>Source: deb-version(7).
 *
 * @param epoch the number before the colon; 0 if there is none
 * @param upstream the upstream version
 * @param revision what stands after the last hyphen; empty if there is none
 */
public record Version(long epoch, String upstream, String revision) implements Comparable<Version> {

  /** Reads a version; any text is one, as in dpkg's comparisons. */
  public static Version parse(String text) {
    String rest = text.strip();
    long epoch = 0;
    int colon = rest.indexOf(':');
    if (colon > 0
        && colon < 10
        && rest.substring(0, colon).chars().allMatch(c -> c >= '0' && c <= '9')) {
      epoch = Long.parseLong(rest.substring(0, colon));
      rest = rest.substring(colon + 1);
    }
    int hyphen = rest.lastIndexOf('-');
    return hyphen < 0
        ? new Version(epoch, rest, "")
        : new Version(epoch, rest.substring(0, hyphen), rest.substring(hyphen + 1));
  }

  @Override
  public int compareTo(Version other) {
    int order = Long.compare(epoch, other.epoch);
    if (order == 0) {
      order = comparePart(upstream, other.upstream);
    }
    return order == 0 ? comparePart(revision, other.revision) : order;
  }

  /**
   * Whether this version stands in the relation to another; the operators are those of package
   * relations.
   */
  public boolean satisfies(String operator, Version other) {
    int order = compareTo(other);
    return switch (operator) {
      case "<<" -> order < 0;
      case "<=", "<" -> order <= 0;
      case "=" -> order == 0;
      case ">=", ">" -> order >= 0;
      case ">>" -> order > 0;
      default -> false;
    };
  }

  @Override
  public String toString() {
    return (epoch == 0 ? "" : epoch + ":") + upstream + (revision.isEmpty() ? "" : "-" + revision);
  }

  /** Compares runs of other characters and runs of digits in turn. */
  private static int comparePart(String a, String b) {
    int i = 0;
    int j = 0;
    while (i < a.length() || j < b.length()) {
      while ((i < a.length() && !digit(a.charAt(i))) || (j < b.length() && !digit(b.charAt(j)))) {
        int order = Integer.compare(weight(a, i), weight(b, j));
        if (order != 0) {
          return order;
        }
        i++;
        j++;
      }
      while (i < a.length() && a.charAt(i) == '0') {
        i++;
      }
      while (j < b.length() && b.charAt(j) == '0') {
        j++;
      }
      int first = 0;
      while (i < a.length() && digit(a.charAt(i)) && j < b.length() && digit(b.charAt(j))) {
        if (first == 0) {
          first = Character.compare(a.charAt(i), b.charAt(j));
        }
        i++;
        j++;
      }
      if (i < a.length() && digit(a.charAt(i))) {
        return 1;
      }
      if (j < b.length() && digit(b.charAt(j))) {
        return -1;
      }
      if (first != 0) {
        return first;
      }
    }
    return 0;
  }

  /**
   * A tilde sorts before the end, which sorts before letters, which sort before all else; a digit
   * counts as the end.
   */
  private static int weight(String text, int at) {
    if (at >= text.length()) {
      return 0;
    }
    char c = text.charAt(at);
    if (digit(c)) {
      return 0;
    }
    if (c == '~') {
      return -1;
    }
    boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter ? c : c + 256;
  }

  private static boolean digit(char c) {
    return c >= '0' && c <= '9';
  }
}
