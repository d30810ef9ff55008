package isola.image.initramfs;

import isola.image.ImageException;
import isola.image.tree.FileTree;
import isola.image.tree.Node;
import isola.image.tree.Node.Directory;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.Special;
import isola.image.tree.Node.SymbolicLink;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a file tree as a cpio archive of the "newc" kind. Several such archives one after another
 * are one initramfs, in which later files replace earlier ones.
 *
 * <p>Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
public final class CpioWriter {
  private static final int ALIGNMENT = 4;
  private static final long LONGEST_FILE = 0xFFFF_FFFFL;
  private static final byte[] ZEROS = new byte[512];

  private final OutputStream out;
  private final IdentityHashMap<Node, Linked> linked = new IdentityHashMap<>();
  private long position;
  private int inode;

  /** A file with several names: its content stands with the last of them. */
  private static final class Linked {
    int inode;
    int names;
    int left;
  }

  private CpioWriter(OutputStream out) {
    this.out = out;
  }

  /**
   * Writes one archive, padded to 512 bytes so that another may follow.
   *
   * @throws ImageException if a file is too large for the format
   */
  public static void write(FileTree tree, OutputStream out) throws IOException, ImageException {
    CpioWriter writer = new CpioWriter(out);
    writer.count(tree.root());
    writer.entries("", tree.root());
    writer.header("TRAILER!!!", 0, null, 1, 0, 0, 0);
    writer.pad(ZEROS.length);
  }

  private void count(Directory directory) {
    for (Node node : directory.entries().values()) {
      if (node instanceof Directory child) {
        count(child);
      } else {
        Linked names = linked.computeIfAbsent(node, key -> new Linked());
        names.names++;
        names.left++;
      }
    }
  }

  private void entries(String prefix, Directory directory) throws IOException, ImageException {
    for (Map.Entry<String, Node> entry : directory.entries().entrySet()) {
      String name = prefix + entry.getKey();
      switch (entry.getValue()) {
        case Directory child -> {
          header(name, 0040000, child, ++inode, child.entries().size() + 2, 0, 0);
          entries(name + "/", child);
        }
        case RegularFile file -> regularFile(name, file);
        case SymbolicLink link -> {
          byte[] target = link.target().getBytes(StandardCharsets.ISO_8859_1);
          header(name, 0120000, link, ++inode, 1, target.length, 0);
          put(target);
          pad(ALIGNMENT);
        }
        case Special special -> {
          int type =
              switch (special.kind()) {
                case CHARACTER -> 0020000;
                case BLOCK -> 0060000;
                case PIPE -> 0010000;
              };
          header(
              name, type, special, ++inode, 1, 0, (long) special.major() << 32 | special.minor());
        }
      }
    }
  }

  private void regularFile(String name, RegularFile file) throws IOException, ImageException {
    Linked names = linked.getOrDefault(file, new Linked());
    if (names.inode == 0) {
      names.inode = ++inode;
    }
    long size = --names.left > 0 ? 0 : file.content().size();
    if (size > LONGEST_FILE) {
      throw new ImageException(
          "The file '" + FileTree.text(name) + "' is too large for an initramfs.");
    }
    header(name, 0100000, file, names.inode, names.names, size, 0);
    if (size > 0) {
      try (InputStream in = file.content().open()) {
        position += in.transferTo(out);
      }
      pad(ALIGNMENT);
    }
  }

  private void header(
      String name, int type, @Nullable Node node, int number, int links, long size, long device)
      throws IOException {
    byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    Node.Attributes attributes = node == null ? Node.Attributes.root(0, 0) : node.attributes();
    long[] fields = {
      number,
      type | attributes.mode(),
      attributes.uid(),
      attributes.gid(),
      links,
      attributes.time(),
      size,
      0,
      0,
      device >>> 32,
      device & 0xFFFF_FFFFL,
      bytes.length + 1,
      0
    };
    StringBuilder header = new StringBuilder("070701");
    for (long field : fields) {
      header.append(String.format("%08X", field & 0xFFFF_FFFFL));
    }
    put(header.toString().getBytes(StandardCharsets.US_ASCII));
    put(bytes);
    put(new byte[1]);
    pad(ALIGNMENT);
  }

  private void put(byte[] bytes) throws IOException {
    out.write(bytes);
    position += bytes.length;
  }

  private void pad(int alignment) throws IOException {
    int missing = (int) (-position & (alignment - 1));
    out.write(ZEROS, 0, missing);
    position += missing;
  }
}
