package isola.image.root;

import isola.image.ImageException;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.SymbolicLink;

/**
 * Links under {@code /etc/alternatives} with the records that update-alternatives(1) keeps, one
 * choice for each, automatic.
 */
final class Alternatives {
  private final FileTree tree;

  Alternatives(FileTree tree) {
    this.tree = tree;
  }

  /**
   * Installs an alternative if its program is there.
   *
   * @param name such as {@code awk}
   * @param link where people look for it
   * @param program what it leads to
   * @param followers further links of the same choice: name, link and program of each
   */
  void add(String name, String link, String program, int priority, String... followers)
      throws ImageException {
    if (tree.find(program, true) == null) {
      return;
    }
    StringBuilder record = new StringBuilder("auto\n").append(link).append('\n');
    StringBuilder programs = new StringBuilder();
    link(name, link, program);
    for (int i = 0; i + 2 < followers.length; i += 3) {
      link(followers[i], followers[i + 1], followers[i + 2]);
      record.append(followers[i]).append('\n').append(followers[i + 1]).append('\n');
      programs.append(followers[i + 2]).append('\n');
    }
    record
        .append('\n')
        .append(program)
        .append('\n')
        .append(priority)
        .append('\n')
        .append(programs)
        .append('\n');
    tree.text("var/lib/dpkg/alternatives/" + name, 0644, record.toString());
  }

  private void link(String name, String link, String program) throws ImageException {
    Attributes attributes = Attributes.root(0777, tree.root().attributes().time());
    tree.put("etc/alternatives/" + name, new SymbolicLink(attributes, program));
    tree.put(link, new SymbolicLink(attributes, "/etc/alternatives/" + name));
  }
}
