package isola.image.debian;

import isola.image.ImageException;
import isola.image.packed.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.BasicArrayCache;
import org.tukaani.xz.XZInputStream;

/**
 * Reads a {@code .deb}: its control files, then its file tree entry by entry. Nothing is written
 * anywhere; names are as the archive has them, one character for each byte, and not to be trusted.
 *
 * <p>Source: deb(5).
 */
public final class DebFile {
  private static final int MOST_MEMORY_KIB = 256 << 10;
  private static final int LARGEST_WINDOW = 64 << 20;
  private static final int LARGEST_CONTROL = 32 << 20;
  private static final int MOST_ENTRIES = 500_000;

  /** Hears a package's entries in their order. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * One entry.
     *
     * @param content of a regular file; read as far as wanted, not closed
     * @throws IOException if what is made of it cannot be written
     */
    void entry(TarArchiveEntry entry, InputStream content) throws IOException, ImageException;
  }

  private DebFile() {}

  /**
   * Reads a package's control files.
   *
   * @param name the package's, for messages
   * @return by name, such as {@code control} or {@code postinst}
   */
  public static Map<String, byte[]> control(Path deb, String name) throws ImageException {
    Map<String, byte[]> files = new TreeMap<>();
    try {
      read(
          deb,
          name,
          "control.tar",
          LARGEST_CONTROL,
          (entry, content) -> {
            if (entry.isFile()) {
              files.put(entry.getName().replaceFirst("^\\./", ""), content.readAllBytes());
            }
          });
    } catch (IOException e) {
      throw damaged(name, e);
    }
    if (!files.containsKey("control")) {
      throw damaged(name, null);
    }
    return files;
  }

  /**
   * Reads a package's file tree.
   *
   * @param name the package's, for messages
   * @param limit the most bytes that it may unpack to
   * @throws IOException what the visitor threw, unless the package broke under its hands
   */
  public static void data(Path deb, String name, long limit, Visitor visitor)
      throws ImageException, IOException {
    read(deb, name, "data.tar", limit, visitor);
  }

  private static void read(Path deb, String name, String member, long limit, Visitor visitor)
      throws ImageException, IOException {
    try (InputStream file = new BufferedInputStream(Files.newInputStream(deb), 1 << 16);
        ArArchiveInputStream ar = new ArArchiveInputStream(file)) {
      for (ArArchiveEntry entry; (entry = ar.getNextEntry()) != null; ) {
        if (entry.getName().startsWith(member)) {
          String packing = entry.getName().substring(member.length());
          try (InputStream unpacked = new Bounded(unpack(ar, packing, name), limit);
              TarArchiveInputStream tar =
                  new TarArchiveInputStream(unpacked, StandardCharsets.ISO_8859_1.name())) {
            visit(tar, visitor, name);
          }
          return;
        }
      }
      throw damaged(name, null);
    } catch (Elsewhere e) {
      throw e.why;
    } catch (IOException | IllegalArgumentException e) {
      throw damaged(name, e);
    }
  }

  /** What a visitor threw that does not come from reading the package. */
  private static final class Elsewhere extends Exception {
    private static final long serialVersionUID = 1;
    final IOException why;

    Elsewhere(IOException why) {
      super(why);
      this.why = why;
    }
  }

  /** The package's content could not be read. */
  private static final class Broken extends IOException {
    private static final long serialVersionUID = 1;

    Broken(IOException why) {
      super(why);
    }
  }

  /** Tells failures to read the package from others. */
  private static final class Content extends FilterInputStream {
    Content(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      try {
        return super.read();
      } catch (IOException e) {
        throw new Broken(e);
      }
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      try {
        return super.read(into, offset, length);
      } catch (IOException e) {
        throw new Broken(e);
      }
    }
  }

  private static void visit(TarArchiveInputStream tar, Visitor visitor, String name)
      throws IOException, ImageException, Elsewhere {
    int entries = 0;
    for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
      if (++entries > MOST_ENTRIES || entry.isSparse()) {
        throw damaged(name, null);
      }
      try {
        visitor.entry(entry, new Content(tar));
      } catch (Broken | EOFException e) {
        throw e;
      } catch (IOException e) {
        throw new Elsewhere(e);
      }
    }
  }

  private static InputStream unpack(InputStream in, String packing, String name)
      throws IOException, ImageException {
    return switch (packing) {
      case "" -> in;
      case ".xz" -> new XZInputStream(in, MOST_MEMORY_KIB, true, BasicArrayCache.getInstance());
      case ".zst" -> new ZstdInputStream(in, LARGEST_WINDOW);
      case ".gz" -> new GZIPInputStream(in, 1 << 16);
      default ->
          throw new ImageException(
              "The package "
                  + name
                  + " is packed as '"
                  + packing
                  + "', which Isola cannot unpack.");
    };
  }

  private static ImageException damaged(String name, @Nullable Exception why) {
    return new ImageException("The package " + name + " is damaged.", why);
  }

  /** Ends in an error where a few packed bytes would unpack to more than the package says. */
  private static final class Bounded extends FilterInputStream {
    private long left;

    Bounded(InputStream in, long limit) {
      super(in);
      this.left = limit;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      int count = super.read(into, offset, length);
      if (count > 0) {
        left -= count;
        if (left < 0) {
          throw new IOException("it unpacks to more than it should");
        }
      }
      return count;
    }

    @Override
    public long skip(long count) throws IOException {
      long skipped = super.skip(count);
      left -= skipped;
      if (left < 0) {
        throw new IOException("it unpacks to more than it should");
      }
      return skipped;
    }
  }
}
