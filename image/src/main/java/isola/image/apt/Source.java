package isola.image.apt;

import isola.image.deb822.Paragraph;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One archive that apt fetches binary packages from. An entry that names several addresses or
 * suites is several of these.
 *
 * <p>Source: sources.list(5).
 *
 * @param uri the archive's address, with a slash at its end
 * @param suite such as {@code bookworm-updates}
 * @param components such as {@code main}
 * @param architectures those it is confined to; empty for all
 * @param signedBy files with the keys that may sign it; empty for the machine's own
 * @param key a key block that stands in the entry itself, or null
 */
public record Source(
    String uri,
    String suite,
    List<String> components,
    List<String> architectures,
    List<Path> signedBy,
    @Nullable String key) {

  /**
   * All sources of a machine, in apt's order. A file that cannot be read and a line that cannot be
   * understood are left out.
   *
   * @param root the machine's root directory
   */
  public static List<Source> all(Path root) {
    List<Source> all = new ArrayList<>();
    Path apt = root.resolve("etc/apt");
    addFile(all, root, apt.resolve("sources.list"));
    for (Path file : AptConfiguration.files(apt.resolve("sources.list.d"), ".list", ".sources")) {
      addFile(all, root, file);
    }
    return all;
  }

  private static void addFile(List<Source> all, Path root, Path file) {
    String text;
    try {
      text = Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return;
    }
    all.addAll(file.toString().endsWith(".sources") ? paragraphs(root, text) : lines(root, text));
  }

  /** Reads the style with one archive on a line. */
  static List<Source> lines(Path root, String text) {
    List<Source> all = new ArrayList<>();
    for (String whole : text.split("\n", -1)) {
      int comment = whole.indexOf('#');
      String line = (comment < 0 ? whole : whole.substring(0, comment)).strip();
      if (!line.matches("deb[\\s\\[].*")) {
        continue;
      }
      String rest = line.substring(3).strip();
      List<String> architectures = new ArrayList<>();
      List<Path> signedBy = new ArrayList<>();
      if (rest.startsWith("[")) {
        int end = rest.indexOf(']');
        if (end < 0) {
          continue;
        }
        for (String option : rest.substring(1, end).strip().split("\\s+", -1)) {
          int equals = option.indexOf('=');
          if (equals < 0) {
            continue;
          }
          List<String> items = List.of(option.substring(equals + 1).split(",", -1));
          switch (option.substring(0, equals).toLowerCase(Locale.ROOT)) {
            case "arch" -> architectures.addAll(items);
            case "signed-by" -> addKeyFiles(signedBy, root, items);
            default -> {} // says nothing about where the packages are
          }
        }
        rest = rest.substring(end + 1).strip();
      }
      List<String> words = List.of(rest.split("\\s+", -1));
      if (words.size() >= 3) {
        List<String> components = words.subList(2, words.size());
        addAddresses(
            all, root, words.get(0), words.get(1), components, architectures, signedBy, null);
      }
    }
    return all;
  }

  /** Reads the deb822 style. */
  static List<Source> paragraphs(Path root, String text) {
    List<Source> all = new ArrayList<>();
    for (Paragraph entry : Paragraph.parse(text)) {
      String enabled = entry.field("Enabled", "yes").toLowerCase(Locale.ROOT);
      if (!entry.words("Types").contains("deb")
          || List.of("no", "false", "off", "0", "disable").contains(enabled)) {
        continue;
      }
      List<Path> signedBy = new ArrayList<>();
      String signer = entry.field("Signed-By", "");
      String key = null;
      if (signer.contains("-----BEGIN")) {
        // A line of a single dot stands for an empty one.
        key = signer.replaceAll("(?m)^\\s*\\.$", "");
      } else {
        addKeyFiles(signedBy, root, entry.words("Signed-By"));
      }
      for (String uri : entry.words("URIs")) {
        for (String suite : entry.words("Suites")) {
          addAddresses(
              all,
              root,
              uri,
              suite,
              entry.words("Components"),
              entry.words("Architectures"),
              signedBy,
              key);
        }
      }
    }
    return all;
  }

  /** Fingerprints may stand among the files; they name keys of the machine's own keyrings. */
  private static void addKeyFiles(List<Path> files, Path root, List<String> words) {
    for (String word : words) {
      if (word.startsWith("/")) {
        files.add(root.resolve(word.substring(1)));
      }
    }
  }

  private static void addAddresses(
      List<Source> all,
      Path root,
      String uri,
      String suite,
      List<String> components,
      List<String> architectures,
      List<Path> signedBy,
      @Nullable String key) {
    List<String> uris = new ArrayList<>();
    if (uri.startsWith("mirror+file:")) {
      uris.addAll(mirrorList(root, uri.substring("mirror+file:".length())));
    } else {
      uris.add(uri);
    }
    for (String one : uris) {
      if (one.matches("(?i)(https?|file):.*")) {
        String slashed = one.endsWith("/") ? one : one + "/";
        all.add(
            new Source(
                slashed,
                suite,
                List.copyOf(components),
                List.copyOf(architectures),
                List.copyOf(signedBy),
                key));
      }
    }
  }

  /** A file of mirrors: one address on a line, then perhaps a tab and what it is good for. */
  private static List<String> mirrorList(Path root, String name) {
    List<String> uris = new ArrayList<>();
    try {
      for (String line :
          Files.readAllLines(
              root.resolve(name.replaceFirst("^/+", "")), StandardCharsets.ISO_8859_1)) {
        String address = line.strip().split("\\s+", -1)[0];
        if (!address.isEmpty() && !address.startsWith("#")) {
          uris.add(address);
        }
      }
    } catch (IOException e) {
      return List.of();
    }
    return uris;
  }
}
