package isola.image.root;

import isola.image.ImageException;
import isola.image.deb822.Paragraph;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What dpkg knows of the installed packages. Source: dpkg(1), deb-control(5), and the files that
 * dpkg writes.
 */
final class DpkgDatabase {
  private static final String FOLDER = "var/lib/dpkg/";
  private static final Set<String> SCRIPTS =
      Set.of("preinst", "postinst", "prerm", "postrm", "config");

  private final SortedMap<String, String> status = new TreeMap<>();
  private final SortedMap<String, byte[]> info = new TreeMap<>();

  /**
   * Notes a package as installed.
   *
   * @param control its control files
   * @param paths its file list, in its order
   * @param conffiles its configuration files and their MD5 sums
   */
  void add(Map<String, byte[]> control, List<String> paths, Map<String, String> conffiles) {
    String text =
        new String(Objects.requireNonNull(control.get("control")), StandardCharsets.ISO_8859_1)
            .stripTrailing();
    Paragraph paragraph = Paragraph.parse(text).getFirst();
    String name = paragraph.field("Package", "");
    boolean same = paragraph.field("Multi-Arch", "").equals("same");
    String file = same ? name + ":" + paragraph.field("Architecture", "") : name;
    StringBuilder entry =
        new StringBuilder("Package: " + name + "\nStatus: install ok installed\n");
    for (String line : text.split("\n", -1)) {
      if (!line.regionMatches(true, 0, "Package:", 0, 8)) {
        entry.append(line).append('\n');
      }
    }
    if (!conffiles.isEmpty()) {
      entry.append("Conffiles:\n");
      conffiles.forEach(
          (path, sum) -> entry.append(' ').append(path).append(' ').append(sum).append('\n'));
    }
    status.put(file, entry.toString());
    info.put(file + ".list", bytes(String.join("\n", paths) + "\n"));
    control.forEach(
        (member, content) -> {
          if (!member.equals("control")) {
            info.put(file + "." + member, content);
          }
        });
  }

  /** Puts the records into the tree. */
  void write(FileTree tree) throws ImageException {
    long time = tree.root().attributes().time();
    for (String directory : List.of("alternatives", "info", "parts", "triggers", "updates")) {
      tree.directory(FOLDER + directory, Attributes.root(0755, time));
    }
    put(tree, "status", bytes(String.join("\n", status.values()) + "\n"));
    for (String empty :
        List.of(
            "available",
            "diversions",
            "statoverride",
            "lock",
            "lock-frontend",
            "triggers/File",
            "triggers/Unincorp")) {
      put(tree, empty, new byte[0]);
    }
    put(tree, "arch", bytes("amd64\n"));
    put(tree, "info/format", bytes("1\n"));
    for (Map.Entry<String, byte[]> entry : info.entrySet()) {
      put(tree, "info/" + entry.getKey(), entry.getValue());
    }
  }

  private static void put(FileTree tree, String name, byte[] content) throws ImageException {
    String last = name.substring(name.lastIndexOf('.') + 1);
    int mode = name.startsWith("info/") && SCRIPTS.contains(last) ? 0755 : 0644;
    Attributes attributes = Attributes.root(mode, tree.root().attributes().time());
    tree.put(FOLDER + name, new RegularFile(attributes, new Content.Bytes(content)));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
