package isola.image.store;

import isola.image.ImageException;
import isola.image.Progress;
import isola.image.apt.AptConfiguration;
import isola.image.apt.Archives;
import isola.image.apt.Source;
import isola.image.debian.Keyring;
import isola.image.debian.PackageEntry;
import isola.image.debian.PackageIndex;
import isola.image.debian.ReleaseFile;
import isola.image.disk.Disk;
import isola.image.fetch.Fetcher;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.tukaani.xz.BasicArrayCache;
import org.tukaani.xz.XZInputStream;

/**
 * Fetches a release's package lists and checks them: the release file's signature by a key that
 * this machine trusts for Debian, its name and dates, and each list's hash.
 */
final class DebianLists implements AutoCloseable {
  private static final int LONGEST_RELEASE = 16 << 20;
  private static final long LARGEST_LIST = 1L << 30;
  private static final String LIST = "main/binary-amd64/Packages";
  private static final List<String> KEYRINGS =
      List.of(
          "usr/share/keyrings/debian-archive-keyring.gpg",
          "usr/share/keyrings/debian-archive-keyring.pgp");

  private final Path root;
  private final AptConfiguration configuration;
  private final Fetcher fetcher;
  private final Shelf shelf;
  private final Instant now;
  private final Progress progress;
  private final List<Listed> lists = new ArrayList<>();
  private Instant newest = Instant.EPOCH;

  /** A list, and the addresses of the archives that have its packages. */
  private record Listed(PackageIndex index, List<String> addresses) {}

  DebianLists(
      Path root,
      AptConfiguration configuration,
      Fetcher fetcher,
      Shelf shelf,
      Instant now,
      Progress progress) {
    this.root = root;
    this.configuration = configuration;
    this.fetcher = fetcher;
    this.shelf = shelf;
    this.now = now;
    this.progress = progress;
  }

  /**
   * Fetches the lists of a release: its own, and those of its updates as far as the mirror has
   * them.
   */
  void fetch(Archives archives) throws ImageException {
    Meter meter = new Meter(progress, Progress.Phase.LISTS, 0);
    boolean found = fetchFirst(archives.base(), meter);
    if (!found) {
      Source source = archives.base().getFirst();
      throw new ImageException(
          "The mirror "
              + shown(source.uri())
              + " has no "
              + source.suite()
              + "; set "
              + Archives.MIRROR_VARIABLE
              + " to a mirror of the whole archive.");
    }
    for (List<Source> more : List.of(archives.updates(), archives.security())) {
      if (!more.isEmpty() && !fetchFirst(more, meter)) {
        progress.note("The mirror has no " + more.getFirst().suite() + "; going on without it.");
      }
    }
    meter.finish();
  }

  List<PackageIndex> indexes() {
    return lists.stream().map(Listed::index).toList();
  }

  /** When the newest of the archives was changed last. */
  Instant date() {
    return newest;
  }

  /** The addresses of a package's file, best first. */
  List<String> addresses(PackageEntry entry) {
    for (Listed listed : lists) {
      if (listed.index.named(entry.name()).stream()
          .anyMatch(known -> known.sha256().equals(entry.sha256()))) {
        return listed.addresses.stream().map(base -> base + entry.filename()).toList();
      }
    }
    throw new IllegalStateException("a package of no list");
  }

  /** Gives the lists' memory back; {@link #date} stays. */
  @Override
  public void close() {
    lists.forEach(listed -> listed.index.close());
    lists.clear();
  }

  /** Takes the first source that has the suite. The first failure counts if none has. */
  private boolean fetchFirst(List<Source> sources, Meter meter) throws ImageException {
    ImageException failure = null;
    for (Source source : sources) {
      try {
        if (fetchOne(source, sources, meter)) {
          return true;
        }
      } catch (ImageException e) {
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
    return false;
  }

  private boolean fetchOne(Source source, List<Source> all, Meter meter) throws ImageException {
    String folder = source.uri() + "dists/" + source.suite() + "/";
    Optional<byte[]> signed = fetcher.small(folder + "InRelease", LONGEST_RELEASE);
    if (signed.isEmpty()) {
      return false;
    }
    String address = shown(folder) + "InRelease";
    ReleaseFile release = ReleaseFile.parse(keyring(source).verify(signed.get(), address), address);
    boolean dates =
        configuration.flag("Acquire::Check-Date", true)
            && configuration.flag("Acquire::Check-Valid-Until", true);
    release.check(shown(source.uri()), source.suite(), dates ? now : null);
    if (release.date().isAfter(newest)) {
      newest = release.date();
    }
    List<String> addresses = new ArrayList<>(List.of(source.uri()));
    all.stream().map(Source::uri).filter(uri -> !uri.equals(source.uri())).forEach(addresses::add);
    PackageIndex index = list(folder, release, meter);
    lists.add(new Listed(index, addresses));
    return true;
  }

  private Keyring keyring(Source source) throws ImageException {
    Keyring keyring = new Keyring();
    if (source.key() != null) {
      keyring.addBlock(source.key());
    }
    source.signedBy().forEach(keyring::addFile);
    KEYRINGS.forEach(file -> keyring.addFile(root.resolve(file)));
    if (source.key() == null && source.signedBy().isEmpty()) {
      keyring.addFile(root.resolve("etc/apt/trusted.gpg"));
      for (Path file : Shelf.files(root.resolve("etc/apt/trusted.gpg.d"))) {
        keyring.addFile(file);
      }
    }
    if (keyring.isEmpty()) {
      throw new ImageException(
          "This machine has no keys of Debian to check the packages with; install the package debian-archive-keyring.");
    }
    return keyring;
  }

  private PackageIndex list(String folder, ReleaseFile release, Meter meter) throws ImageException {
    String packing = release.item(LIST + ".xz").isPresent() ? ".xz" : ".gz";
    ReleaseFile.Item item =
        release
            .item(LIST + packing)
            .orElseThrow(
                () ->
                    new ImageException(
                        "The archive "
                            + shown(folder)
                            + " has no package list; use another mirror."));
    if (item.size() > LARGEST_LIST) {
      throw new ImageException(
          "The package list of " + shown(folder) + " is too large; use another mirror.");
    }
    meter.expect(item.size());
    List<String> addresses = new ArrayList<>();
    if (release.byHash()) {
      addresses.add(folder + "main/binary-amd64/by-hash/SHA256/" + item.sha256());
    }
    addresses.add(folder + LIST + packing);
    Path packed = shelf.temporary().resolve(item.sha256() + ".list" + packing);
    Path unpacked = shelf.temporary().resolve(item.sha256() + ".list");
    long[] have = {0};
    try {
      fetcher.file(
          addresses,
          packed,
          item.sha256(),
          item.size(),
          bytes -> {
            meter.add(bytes - have[0]);
            have[0] = bytes;
          });
      long size = release.item(LIST).map(ReleaseFile.Item::size).orElse(LARGEST_LIST);
      unpack(packed, unpacked, packing, size, shown(folder));
      return PackageIndex.open(unpacked);
    } catch (IOException e) {
      throw Disk.failed(unpacked, e);
    } finally {
      Shelf.remove(packed);
      Shelf.remove(unpacked);
    }
  }

  private void unpack(Path packed, Path unpacked, String packing, long size, String folder)
      throws IOException, ImageException {
    try (InputStream file = Files.newInputStream(packed);
        InputStream in =
            packing.equals(".xz")
                ? new XZInputStream(file, 256 << 10, true, BasicArrayCache.getInstance())
                : new GZIPInputStream(file, 1 << 16);
        FileChannel out = shelf.disk().create(unpacked)) {
      byte[] piece = new byte[1 << 16];
      long have = 0;
      for (int count; (count = in.read(piece)) >= 0; ) {
        have += count;
        if (have > size) {
          throw new ImageException(
              "The package list of " + folder + " unpacks to more than it should.");
        }
        Channels.newOutputStream(out).write(piece, 0, count);
      }
    }
  }

  private static String shown(String address) {
    return address.replaceFirst("//[^/@]*@", "//");
  }
}
