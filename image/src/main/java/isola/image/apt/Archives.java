package isola.image.apt;

import isola.image.ImageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Where a release of Debian can be fetched from, as far as this machine knows. Each list has the
 * addresses to try, best first.
 *
 * @param base the release itself; never empty
 * @param updates its updates between point releases; may be empty
 * @param security its security updates; may be empty
 */
public record Archives(List<Source> base, List<Source> updates, List<Source> security) {
  /**
   * The environment variable that names a mirror to use instead of the machine's: one address, or
   * two with the security archive's.
   */
  public static final String MIRROR_VARIABLE = "ISOLA_DEBIAN_MIRROR";

  private static final Set<String> RELEASES =
      Set.of(
          "bullseye",
          "bookworm",
          "trixie",
          "forky",
          "duke",
          "sid",
          "stable",
          "oldstable",
          "oldoldstable",
          "testing",
          "unstable");

  /**
   * Finds where to fetch a release from: the machine's sources of any Debian release, since a
   * mirror carries them all.
   *
   * @param root the machine's root directory
   * @param override the value of {@link #MIRROR_VARIABLE}, or empty
   * @param codename the wanted release, such as {@code trixie}
   * @throws ImageException if the machine knows no Debian mirror
   */
  public static Archives find(Path root, String override, String codename) throws ImageException {
    if (!override.isBlank()) {
      return overridden(override.strip(), codename);
    }
    List<Source> base = new ArrayList<>();
    List<Source> updates = new ArrayList<>();
    List<Source> security = new ArrayList<>();
    for (Source source : Source.all(root)) {
      int dash = source.suite().indexOf('-');
      String release = dash < 0 ? source.suite() : source.suite().substring(0, dash);
      String kind = dash < 0 ? "" : source.suite().substring(dash);
      boolean usable =
          RELEASES.contains(release)
              && source.components().contains("main")
              && (source.architectures().isEmpty() || source.architectures().contains("amd64"));
      if (!usable) {
        continue;
      }
      switch (kind) {
        case "" -> add(base, source, codename);
        case "-updates" -> add(updates, source, codename + kind);
        case "-security" -> add(security, source, codename + kind);
        default -> {} // backports and proposals are not part of a release
      }
    }
    if (base.isEmpty()) {
      throw new ImageException(
          "This machine's apt has no Debian mirror; set "
              + MIRROR_VARIABLE
              + " to the address of one.");
    }
    return new Archives(List.copyOf(base), List.copyOf(updates), List.copyOf(security));
  }

  /** A source that already is for the wanted suite goes first. */
  private static void add(List<Source> sources, Source source, String suite) {
    Source wanted =
        new Source(
            source.uri(),
            suite,
            List.of("main"),
            List.of("amd64"),
            source.signedBy(),
            source.key());
    if (sources.stream().anyMatch(known -> known.uri().equals(wanted.uri()))) {
      return;
    }
    if (source.suite().equals(suite)) {
      sources.addFirst(wanted);
    } else {
      sources.add(wanted);
    }
  }

  private static Archives overridden(String override, String codename) throws ImageException {
    List<String> uris = new ArrayList<>();
    for (String word : override.split("\\s+", -1)) {
      if (!word.matches("(?i)(https?://|file:/).+")) {
        throw new ImageException(
            MIRROR_VARIABLE
                + " is '"
                + override
                + "', which is not an address beginning with http:, https: or file:.");
      }
      uris.add(word.endsWith("/") ? word : word + "/");
    }
    String main = uris.getFirst();
    List<Source> security = new ArrayList<>();
    if (uris.size() > 1) {
      security.add(source(uris.get(1), codename + "-security"));
    } else if (main.endsWith("/debian/")) {
      security.add(
          source(main.substring(0, main.length() - 1) + "-security/", codename + "-security"));
    }
    return new Archives(
        List.of(source(main, codename)),
        List.of(source(main, codename + "-updates")),
        List.copyOf(security));
  }

  private static Source source(String uri, String suite) {
    return new Source(uri, suite, List.of("main"), List.of("amd64"), List.of(), null);
  }
}
