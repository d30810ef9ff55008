package isola.image.debian;

import java.util.ArrayList;
import java.util.List;

/**
 * One package that a package needs, provides or cannot stand, such as {@code libc6 (>= 2.36)}.
 *
 * <p>Source: deb-control(5), Debian policy 7.1.
 *
 * @param name the package's name, without an architecture
 * @param operator {@code <<}, {@code <=}, {@code =}, {@code >=} or {@code >>}; empty if any version
 *     will do
 * @param version the version that the operator compares with; empty if any will do
 */
public record Relation(String name, String operator, String version) {

  /**
   * Reads a field such as {@code Depends}: all groups are needed, and of each group one
   * alternative.
   */
  public static List<List<Relation>> parse(String field) {
    List<List<Relation>> groups = new ArrayList<>();
    for (String group : field.split(",", -1)) {
      List<Relation> alternatives = new ArrayList<>();
      for (String one : group.split("\\|", -1)) {
        if (!one.isBlank()) {
          alternatives.add(parseOne(one.strip()));
        }
      }
      if (!alternatives.isEmpty()) {
        groups.add(List.copyOf(alternatives));
      }
    }
    return groups;
  }

  private static Relation parseOne(String text) {
    int open = text.indexOf('(');
    int close = text.indexOf(')', Math.max(open, 0));
    String name = (open < 0 ? text : text.substring(0, open)).strip();
    int colon = name.indexOf(':');
    if (colon >= 0) {
      name = name.substring(0, colon);
    }
    if (open < 0 || close < 0) {
      return new Relation(name, "", "");
    }
    String inner = text.substring(open + 1, close).strip();
    int end = 0;
    while (end < inner.length() && "<=>".indexOf(inner.charAt(end)) >= 0) {
      end++;
    }
    return new Relation(name, inner.substring(0, end), inner.substring(end).strip());
  }

  /** Whether a package of the name and this version will do. */
  boolean acceptsVersion(Version candidate) {
    return operator.isEmpty() || candidate.satisfies(operator, Version.parse(version));
  }

  /** Whether this package will do, by its own name or by one that it provides. */
  boolean acceptedBy(PackageEntry candidate) {
    if (candidate.name().equals(name) && acceptsVersion(candidate.version())) {
      return true;
    }
    for (List<Relation> group : candidate.provides()) {
      Relation provided = group.getFirst();
      if (provided.name.equals(name)
          && (operator.isEmpty()
              || (!provided.version.isEmpty()
                  && acceptsVersion(Version.parse(provided.version))))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    return operator.isEmpty() ? name : name + " (" + operator + " " + version + ")";
  }
}
