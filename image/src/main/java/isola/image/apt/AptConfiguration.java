package isola.image.apt;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * apt's settings, as {@code apt-config dump} would tell them: the files of {@code
 * etc/apt/apt.conf.d} in their order, then {@code etc/apt/apt.conf}. A later value replaces an
 * earlier one. Items of lists are not kept. A file that cannot be read is left out.
 *
 * <p>Source: apt.conf(5).
 */
public final class AptConfiguration {
  private final Map<String, String> values = new TreeMap<>();

  private AptConfiguration() {}

  /**
   * Reads the configuration of a machine.
   *
   * @param root the machine's root directory
   */
  public static AptConfiguration read(Path root) {
    AptConfiguration configuration = new AptConfiguration();
    for (Path file : files(root.resolve("etc/apt/apt.conf.d"), "", ".conf")) {
      configuration.readFile(file);
    }
    configuration.readFile(root.resolve("etc/apt/apt.conf"));
    return configuration;
  }

  /** Reads one text in apt.conf syntax. */
  static AptConfiguration parse(String text) {
    AptConfiguration configuration = new AptConfiguration();
    configuration.add(text);
    return configuration;
  }

  /**
   * The setting's value, or null if it has none or an empty one. The name's case does not matter.
   */
  public @Nullable String value(String name) {
    String value = values.get(name.toLowerCase(Locale.ROOT));
    return value == null || value.isEmpty() ? null : value;
  }

  /** The setting as a switch, by apt's words for yes and no. */
  public boolean flag(String name, boolean otherwise) {
    String value = value(name);
    if (value == null) {
      return otherwise;
    }
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "yes", "true", "with", "on", "enable", "1" -> true;
      case "no", "false", "without", "off", "disable", "0" -> false;
      default -> otherwise;
    };
  }

  /**
   * A directory's files whose names end in one of these, in the order apt reads them; "" is a name
   * without a dot.
   */
  static List<Path> files(Path directory, String... endings) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        boolean chosen = name.matches("[A-Za-z0-9_.-]+") && !name.startsWith(".");
        boolean ends = false;
        for (String ending : endings) {
          ends |= ending.isEmpty() ? name.indexOf('.') < 0 : name.endsWith(ending);
        }
        if (chosen && ends) {
          found.add(entry);
        }
      }
    } catch (IOException e) {
      return List.of();
    }
    Collections.sort(found);
    return found;
  }

  private void readFile(Path file) {
    try {
      add(Files.readString(file, StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      // Missing, or not for this user to read: apt run by this user would do without it, too.
    }
  }

  /** Reads statements {@code Name "value";} and {@code Name { ... };} at any depth. */
  private void add(String text) {
    List<String> scopes = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    List<String> words = new ArrayList<>();
    int i = 0;
    while (i < text.length()) {
      char c = text.charAt(i);
      if (text.startsWith("//", i) || (c == '#' && word.isEmpty())) {
        i = skipTo(text, i, "\n");
        continue;
      }
      if (text.startsWith("/*", i)) {
        i = skipTo(text, i + 2, "*/");
        continue;
      }
      i++;
      switch (c) {
        case '"' -> {
          int end = text.indexOf('"', i);
          end = end < 0 ? text.length() : end;
          word.append(text, i, end).append('\0'); // the mark keeps an empty value a word
          i = end + 1;
        }
        case '{' -> {
          endWord(word, words);
          scopes.add(words.isEmpty() ? "" : words.getFirst());
          words.clear();
        }
        case '}' -> {
          endWord(word, words);
          words.clear();
          if (!scopes.isEmpty()) {
            scopes.removeLast();
          }
        }
        case ';' -> {
          endWord(word, words);
          set(scopes, words);
          words.clear();
        }
        case ' ', '\t', '\n', '\r' -> endWord(word, words);
        default -> word.append(c);
      }
    }
  }

  private static int skipTo(String text, int from, String mark) {
    int at = text.indexOf(mark, from);
    return at < 0 ? text.length() : at + mark.length();
  }

  private static void endWord(StringBuilder word, List<String> words) {
    if (!word.isEmpty()) {
      words.add(word.toString().replace("\0", ""));
      word.setLength(0);
    }
  }

  private void set(List<String> scopes, List<String> words) {
    if (words.size() < 2 || words.getFirst().endsWith("::")) {
      return;
    }
    List<String> path = new ArrayList<>(scopes);
    path.add(words.getFirst());
    values.put(
        String.join("::", path).toLowerCase(Locale.ROOT),
        String.join(" ", words.subList(1, words.size())));
  }
}
