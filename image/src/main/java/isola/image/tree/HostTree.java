package isola.image.tree;

import isola.image.ImageException;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.SymbolicLink;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Takes a directory or a file of this machine into a tree, as it is now: a snapshot for a guest's
 * volume. Symbolic links stay links. Modes stay; everything belongs to root in the guest, since
 * that is who runs there. Sockets, pipes and devices mean nothing in a guest and are left out.
 */
public final class HostTree {
  private static final long MOST_FILES = 1_000_000;

  private final FileTree tree = new FileTree(0);
  private final Map<Object, RegularFile> linked = new HashMap<>();
  private long files;

  private HostTree() {}

  /**
   * Reads the names below a directory; the contents are read when the tree is written.
   *
   * @throws ImageException if something in it cannot be read, or it has over a million files
   */
  public static FileTree of(Path directory) throws ImageException {
    HostTree host = new HostTree();
    host.add("", directory);
    return host.tree;
  }

  /** A tree with a single file in it, by this name. */
  public static FileTree ofFile(Path file, String name) throws ImageException {
    HostTree host = new HostTree();
    host.add(name, file.toAbsolutePath());
    return host.tree;
  }

  private void add(String path, Path from) throws ImageException {
    if (++files > MOST_FILES) {
      throw new ImageException(
          "The volume has over " + MOST_FILES + " files; choose a smaller directory.");
    }
    try {
      boolean top = path.isEmpty() || files == 1;
      Map<String, Object> stat =
          top
              ? Files.readAttributes(from, "unix:*")
              : Files.readAttributes(from, "unix:*", LinkOption.NOFOLLOW_LINKS);
      int mode = (Integer) value(stat, "mode");
      long time = Files.getLastModifiedTime(from, LinkOption.NOFOLLOW_LINKS).toMillis() / 1000;
      Attributes attributes = Attributes.root(mode & 07777, Math.max(0, time));
      switch (mode & 0170000) {
        case 0040000 -> {
          tree.setDirectory(path, attributes);
          try (DirectoryStream<Path> entries = Files.newDirectoryStream(from)) {
            for (Path entry : entries) {
              add(path + "/" + lastName(entry), entry);
            }
          }
        }
        case 0100000 -> {
          if (!Files.isReadable(from)) {
            throw new AccessDeniedException(from.toString());
          }
          @Nullable Object identity =
              (Integer) value(stat, "nlink") > 1 ? value(stat, "fileKey") : null;
          RegularFile file = identity == null ? null : linked.get(identity);
          if (file == null) {
            file =
                new RegularFile(attributes, new Content.HostFile(from, (Long) value(stat, "size")));
          }
          if (identity != null) {
            linked.put(identity, file);
          }
          tree.put(path, file);
        }
        case 0120000 -> {
          String target = FileTree.name(Files.readSymbolicLink(from).toString());
          tree.put(path, new SymbolicLink(attributes, target));
        }
        default -> {} // a socket, pipe or device
      }
    } catch (AccessDeniedException e) {
      throw new ImageException("The volume has " + e.getFile() + ", which you may not read.", e);
    } catch (IOException e) {
      throw new ImageException(
          "The volume's " + from + " cannot be read: " + e.getMessage() + ".", e);
    }
  }

  /** Every value that a Linux file has. */
  private static Object value(Map<String, Object> stat, String name) throws IOException {
    Object value = stat.get(name);
    if (value == null) {
      throw new IOException("its " + name + " is not known");
    }
    return value;
  }

  /**
   * The last name of a path, byte for byte: only the address form of a path shows the bytes that
   * the system has.
   */
  private static String lastName(Path path) {
    String address = path.toAbsolutePath().toUri().getRawPath();
    String encoded = address.endsWith("/") ? address.substring(0, address.length() - 1) : address;
    encoded = encoded.substring(encoded.lastIndexOf('/') + 1);
    StringBuilder name = new StringBuilder();
    for (int i = 0; i < encoded.length(); i++) {
      char c = encoded.charAt(i);
      if (c == '%') {
        name.append((char) Integer.parseInt(encoded.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        name.append(new String(new byte[] {(byte) c}, StandardCharsets.ISO_8859_1));
      }
    }
    return name.toString();
  }
}
