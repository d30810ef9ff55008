package isola.image.deb822;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One paragraph of a control file: fields by name, whose case does not matter. A value keeps its
 * inner line breaks; the blank that begins each continuation line is gone, and a line of a single
 * dot is an empty one only to those who ask for a text.
 */
public final class Paragraph {
  private final Map<String, String> fields = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);

  private Paragraph() {}

  /** The field's value without blanks at its ends, or null if the paragraph has none. */
  public @Nullable String field(String name) {
    return fields.get(name);
  }

  /** The field's value, or the given one if the paragraph has none. */
  public String field(String name, String otherwise) {
    String value = fields.get(name);
    return value == null ? otherwise : value;
  }

  /**
   * The field's words, split at blanks and line breaks; none if the paragraph has no such field.
   */
  public List<String> words(String name) {
    String value = field(name, "").strip();
    return value.isEmpty() ? List.of() : List.of(value.split("\\s+", -1));
  }

  /** The names of its fields. */
  public Iterable<String> names() {
    return fields.keySet();
  }

  /**
   * Reads all paragraphs of a text. Lines that begin with {@code #} are comments; a line that is
   * neither a field nor a continuation is left out, as apt does with a warning. A field given twice
   * keeps its first value.
   */
  public static List<Paragraph> parse(String text) {
    List<Paragraph> all = new ArrayList<>();
    Paragraph current = new Paragraph();
    String name = null;
    StringBuilder value = new StringBuilder();
    for (String line : text.split("\n", -1)) {
      String stripped = line.stripTrailing();
      if (stripped.startsWith("#")) {
        continue;
      }
      boolean continues = !line.isEmpty() && (line.charAt(0) == ' ' || line.charAt(0) == '\t');
      if (continues && !stripped.isEmpty()) {
        if (name != null) {
          value.append('\n').append(stripped.substring(1));
        }
        continue;
      }
      if (name != null) {
        current.fields.putIfAbsent(name, value.toString().strip());
        name = null;
      }
      if (stripped.isEmpty()) {
        if (!current.fields.isEmpty()) {
          all.add(current);
          current = new Paragraph();
        }
        continue;
      }
      int colon = stripped.indexOf(':');
      if (colon > 0) {
        name = stripped.substring(0, colon);
        value.setLength(0);
        value.append(stripped, colon + 1, stripped.length());
      }
    }
    if (name != null) {
      current.fields.putIfAbsent(name, value.toString().strip());
    }
    if (!current.fields.isEmpty()) {
      all.add(current);
    }
    return all;
  }
}
