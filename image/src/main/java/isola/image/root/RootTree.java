package isola.image.root;

import isola.image.ImageException;
import isola.image.debian.DebFile;
import isola.image.debian.PackageEntry;
import isola.image.erofs.ErofsWriter;
import isola.image.fetch.Digests;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.Special;
import isola.image.tree.Node.SymbolicLink;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;

/**
 * A root file system in the making: packages go in one after the other, and out comes a tree whose
 * contents the disk has.
 */
public final class RootTree {
  private static final long SPARE = 64L << 20;

  private final FileTree tree;
  private final ErofsWriter disk;
  private final DpkgDatabase database = new DpkgDatabase();

  /**
   * Begins with a merged {@code /usr}, as all Debian releases since 12 have it.
   *
   * @param disk where the contents go
   * @param time what files get that no package has, in seconds since 1970
   */
  public RootTree(ErofsWriter disk, long time) throws ImageException {
    this.disk = disk;
    this.tree = new FileTree(time);
    for (String name : List.of("bin", "sbin", "lib", "lib64")) {
      tree.directory("usr/" + name, Attributes.root(0755, time));
      tree.linkIfFree(name, "usr/" + name);
    }
  }

  /** The tree so far. */
  public FileTree tree() {
    return tree;
  }

  /**
   * Unpacks a package.
   *
   * @param unpacked hears of the bytes unpacked, piece by piece
   * @throws IOException if the image cannot be written
   */
  public void add(PackageEntry entry, Path deb, LongConsumer unpacked)
      throws ImageException, IOException {
    Map<String, byte[]> control = DebFile.control(deb, entry.name());
    Map<String, String> conffiles = conffiles(control);
    List<String> paths = new ArrayList<>();
    // The maintainer's estimate counts whole blocks of another file system, and is only an
    // estimate.
    DebFile.data(
        deb,
        entry.name(),
        2 * entry.installedSize() + SPARE,
        (found, content) -> {
          String path = found.getName().replaceFirst("^\\./?", "").replaceFirst("/+$", "");
          paths.add(path.isEmpty() ? "/." : "/" + path);
          addEntry(path, found, content, conffiles);
          unpacked.accept(found.isFile() ? found.getSize() : 0);
        });
    database.add(control, paths, conffiles);
  }

  /** Writes dpkg's records and does the scripts' work. */
  public void finish(String sources) throws ImageException, IOException {
    database.write(tree);
    new MinimalSetup(tree).run(sources);
  }

  private void addEntry(
      String path, TarArchiveEntry found, InputStream content, Map<String, String> conffiles)
      throws IOException, ImageException {
    Attributes attributes =
        new Attributes(
            found.getMode() & 07777,
            (int) found.getLongUserId(),
            (int) found.getLongGroupId(),
            Math.max(0, found.getLastModifiedTime().toMillis() / 1000));
    if (found.isDirectory()) {
      tree.directory(path, attributes);
    } else if (found.isSymbolicLink()) {
      tree.put(path, new SymbolicLink(attributes, found.getLinkName()));
    } else if (found.isLink()) {
      tree.link(path, found.getLinkName());
    } else if (found.isFile()) {
      tree.put(path, new RegularFile(attributes, store(path, found.getSize(), content, conffiles)));
    } else {
      tree.put(path, special(attributes, found));
    }
  }

  private Content store(String path, long size, InputStream content, Map<String, String> conffiles)
      throws IOException {
    String absolute = "/" + path;
    if (!conffiles.containsKey(absolute)) {
      return disk.store(content, size);
    }
    MessageDigest digest = Digests.md5();
    Content stored = disk.store(new DigestInputStream(content, digest), size);
    conffiles.put(absolute, Digests.hex(digest));
    return stored;
  }

  private static Node special(Attributes attributes, TarArchiveEntry found) {
    Special.Kind kind =
        found.isCharacterDevice()
            ? Special.Kind.CHARACTER
            : found.isBlockDevice() ? Special.Kind.BLOCK : Special.Kind.PIPE;
    return new Special(attributes, kind, found.getDevMajor(), found.getDevMinor());
  }

  /** The package's configuration files; their MD5 sums come while they are unpacked. */
  private static Map<String, String> conffiles(Map<String, byte[]> control) {
    Map<String, String> found = new LinkedHashMap<>();
    String text =
        new String(control.getOrDefault("conffiles", new byte[0]), StandardCharsets.ISO_8859_1);
    for (String line : text.split("\n", -1)) {
      if (line.startsWith("/")) {
        found.put(line.strip(), "");
      }
    }
    return found;
  }
}
