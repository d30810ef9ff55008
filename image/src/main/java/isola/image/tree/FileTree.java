package isola.image.tree;

import isola.image.ImageException;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.Directory;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.SymbolicLink;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A root directory and all below it. Paths are relative to the root whether they begin with a slash
 * or not, have one character for each byte, and can never lead out: {@code ..} at the root stays
 * there, and symbolic links are followed inside the tree only. What is put under a link to a
 * directory lands in that directory, as dpkg does it, which is how a package that still says {@code
 * /bin/ls} finds its place in {@code /usr/bin}.
 */
public final class FileTree {
  private static final int MOST_LINKS = 40; // as Linux, path_resolution(7)
  private static final int LONGEST_NAME = 255;
  private static final int LONGEST_PATH = 4095;

  private final Directory root;
  private final long time;

  /** An empty tree; directories that nobody asked for but that are needed get this time. */
  public FileTree(long time) {
    this.time = time;
    this.root = new Directory(Attributes.root(0755, time));
  }

  /** The root directory. */
  public Directory root() {
    return root;
  }

  /** A name as this tree has it, from a text: one character for each byte of its UTF-8 form. */
  public static String name(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  /** The text of a name, for a message. */
  public static String text(String name) {
    return new String(name.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  /** Makes the directory if there is none, and otherwise leaves it as it is. */
  public void directory(String path, Attributes attributes) throws ImageException {
    Walk walk = walk(path, true, attributes);
    if (walk.node == null) {
      walk.parent.put(walk.name, new Directory(attributes));
    } else if (!(walk.node instanceof Directory)) {
      throw refused(path, "a directory where another package has a file");
    }
  }

  /** Makes the directory if there is none, and sets its attributes in any case. */
  public void setDirectory(String path, Attributes attributes) throws ImageException {
    directory(path, attributes);
    if (walk(path, true, attributes).node instanceof Directory directory) {
      directory.setAttributes(attributes);
    }
  }

  /** Puts anything but a directory, in the place of what may stand there. */
  public void put(String path, Node node) throws ImageException {
    Walk walk = walk(path, false, Attributes.root(0755, time));
    if (walk.node instanceof Directory || walk.name.isEmpty()) {
      throw refused(path, "a file where another package has a directory");
    }
    walk.parent.put(walk.name, node);
  }

  /** Puts a second name of a file that is already in the tree. */
  public void link(String path, String existing) throws ImageException {
    Node node = walk(existing, false, Attributes.root(0755, time)).node;
    if (node == null || node instanceof Directory) {
      throw refused(path, "a hard link to '" + text(existing) + "', which is no file");
    }
    put(path, node);
  }

  /** Puts a symbolic link unless something has the name already. */
  public void linkIfFree(String path, String target) throws ImageException {
    if (find(path, false) == null) {
      put(path, new SymbolicLink(Attributes.root(0777, time), target));
    }
  }

  /** Puts a small file owned by root. */
  public void text(String path, int mode, String text) throws ImageException {
    put(path, new RegularFile(Attributes.root(mode, time), Content.text(text)));
  }

  /**
   * What stands at the path, or null; symbolic links on the way are followed, and the last one if
   * asked to.
   */
  public @Nullable Node find(String path, boolean follow) throws ImageException {
    return walk(path, follow, null).node;
  }

  /** The regular file at the path, links followed, or null. */
  public @Nullable RegularFile file(String path) throws ImageException {
    return find(path, true) instanceof RegularFile file ? file : null;
  }

  /**
   * Where a path leads: the directory, the name in it and what has that name. The root has an empty
   * name.
   */
  private static final class Walk {
    Directory parent;
    String name = "";
    @Nullable Node node;

    Walk(Directory root) {
      this.parent = root;
      this.node = root;
    }
  }

  /**
   * Follows a path.
   *
   * @param create the attributes of directories to make on the way, or null not to make any
   */
  private Walk walk(String path, boolean followLast, @Nullable Attributes create)
      throws ImageException {
    Deque<String> rest = new ArrayDeque<>(parts(path));
    List<Directory> above = new ArrayList<>();
    Walk walk = new Walk(root);
    int links = 0;
    while (!rest.isEmpty()) {
      String part = rest.remove();
      Node here = walk.node;
      if (here == null && create != null) {
        here = new Directory(Attributes.root(0755, time));
        walk.parent.put(walk.name, here);
      }
      if (!(here instanceof Directory directory)) {
        if (create != null) {
          throw refused(path, "a path through what is no directory");
        }
        walk.node = null;
        return walk;
      }
      if (part.equals("..")) {
        walk.node = above.isEmpty() ? root : above.removeLast();
        walk.parent = above.isEmpty() ? root : above.getLast();
        walk.name = walk.node == root ? "" : walk.name;
        continue;
      }
      Node next = directory.entries().get(part);
      if (next instanceof SymbolicLink link && (followLast || !rest.isEmpty())) {
        if (++links > MOST_LINKS) {
          throw refused(path, "a path through a ring of symbolic links");
        }
        if (link.target().startsWith("/")) {
          above.clear();
          walk.node = root;
          walk.parent = root;
          walk.name = "";
        }
        List<String> parts = parts(link.target());
        for (int i = parts.size() - 1; i >= 0; i--) {
          rest.addFirst(parts.get(i));
        }
        continue;
      }
      above.add(directory);
      walk.parent = directory;
      walk.name = part;
      walk.node = next;
    }
    return walk;
  }

  private static List<String> parts(String path) throws ImageException {
    if (path.length() > LONGEST_PATH) {
      throw refused(path.substring(0, 64), "a path of over " + LONGEST_PATH + " bytes");
    }
    List<String> parts = new ArrayList<>();
    for (String part : path.split("/", -1)) {
      if (part.isEmpty() || part.equals(".")) {
        continue;
      }
      if (part.length() > LONGEST_NAME || part.indexOf('\0') >= 0) {
        throw refused(path, "a name of over " + LONGEST_NAME + " bytes or with a null byte");
      }
      parts.add(part);
    }
    return parts;
  }

  private static ImageException refused(String path, String what) {
    return new ImageException(
        "The file tree cannot hold '" + text(path) + "': it is " + what + ".");
  }
}
