package isola.image.tree;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Something with a name in a file tree. A regular file or special file that stands in several
 * places is one with hard links.
 */
public sealed interface Node {
  /** Owner, mode and time. */
  Attributes attributes();

  /**
   * What stat(2) tells of any kind of node.
   *
   * @param mode the permission bits, with set-user-ID, set-group-ID and sticky: 0 to 07777
   * @param uid the owner
   * @param gid the owner's group
   * @param time of the last change, in seconds since 1970
   */
  record Attributes(int mode, int uid, int gid, long time) {
    /** Owned by root. */
    public static Attributes root(int mode, long time) {
      return new Attributes(mode, 0, 0, time);
    }
  }

  /**
   * A directory; its entries are sorted as strcmp(3) does, since a name has one character for each
   * byte.
   */
  final class Directory implements Node {
    private Attributes attributes;
    private final SortedMap<String, Node> entries = new TreeMap<>();

    /** Makes an empty one. */
    public Directory(Attributes attributes) {
      this.attributes = attributes;
    }

    @Override
    public Attributes attributes() {
      return attributes;
    }

    /** What is in it, without {@code .} and {@code ..}. */
    public SortedMap<String, Node> entries() {
      return Collections.unmodifiableSortedMap(entries);
    }

    void put(String name, Node node) {
      entries.put(name, node);
    }

    void setAttributes(Attributes changed) {
      attributes = changed;
    }
  }

  /** A regular file. Identity matters: two of them with the same content are two files. */
  final class RegularFile implements Node {
    private final Attributes attributes;
    private final Content content;

    /** Makes one. */
    public RegularFile(Attributes attributes, Content content) {
      this.attributes = attributes;
      this.content = content;
    }

    @Override
    public Attributes attributes() {
      return attributes;
    }

    /** What it contains. */
    public Content content() {
      return content;
    }
  }

  /** A symbolic link; its target has one character for each byte. */
  record SymbolicLink(Attributes attributes, String target) implements Node {}

  /** A device or a pipe. Identity matters as with a regular file. */
  final class Special implements Node {
    private final Attributes attributes;
    private final Kind kind;
    private final int major;
    private final int minor;

    /** The kinds of special file that a tree can have. */
    public enum Kind {
      /** A character device. */
      CHARACTER,
      /** A block device. */
      BLOCK,
      /** A named pipe. */
      PIPE
    }

    /** Makes one; a pipe's numbers are 0. */
    public Special(Attributes attributes, Kind kind, int major, int minor) {
      this.attributes = attributes;
      this.kind = kind;
      this.major = major;
      this.minor = minor;
    }

    @Override
    public Attributes attributes() {
      return attributes;
    }

    /** Device or pipe. */
    public Kind kind() {
      return kind;
    }

    /** The device's major number. */
    public int major() {
      return major;
    }

    /** The device's minor number. */
    public int minor() {
      return minor;
    }
  }
}
