package isola.image.store;

import isola.image.Image.InstalledPackage;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.apt.Archives;
import isola.image.apt.Source;
import isola.image.debian.PackageChoice;
import isola.image.debian.PackageEntry;
import isola.image.debian.Relation;
import isola.image.disk.Disk;
import isola.image.erofs.ErofsWriter;
import isola.image.fetch.Digests;
import isola.image.fetch.Downloads;
import isola.image.fetch.Fetcher;
import isola.image.root.RootTree;
import isola.image.store.ImageRecord.Blob;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Makes one image out of the packages of a Debian release. The store's lock is held all the while.
 */
final class DebianBuild {
  /** Raised when the same packages would give another image. */
  private static final String RECIPE = "isola debian image 3";

  private static final String KERNEL = "linux-image-cloud-amd64";
  private static final String BUSYBOX = "busybox-static";

  /**
   * What a root has beside the packages that every installation has: a package manager, and what it
   * needs to be trusted.
   */
  private static final List<String> MORE =
      List.of("apt", "debian-archive-keyring", "usr-is-merged", "mount", "passwd");

  private final ImageName name;
  private final Shelf shelf;
  private final Fetcher fetcher;
  private final DebianLists lists;
  private final Progress progress;
  private final Instant now;

  DebianBuild(
      ImageName name,
      Shelf shelf,
      Fetcher fetcher,
      DebianLists lists,
      Progress progress,
      Instant now) {
    this.name = name;
    this.shelf = shelf;
    this.fetcher = fetcher;
    this.lists = lists;
    this.progress = progress;
    this.now = now;
  }

  /** The packages of an image: those of the root, and the two that are not in it. */
  private record Chosen(List<PackageEntry> root, PackageEntry kernel, PackageEntry busybox) {
    List<PackageEntry> all() {
      List<PackageEntry> all = new ArrayList<>(root);
      all.add(kernel);
      all.add(busybox);
      return all;
    }
  }

  /**
   * Makes the image, unless the store has it as it would be made now.
   *
   * @param archives where the lists came from
   * @param current the image of the same name that the store has, perhaps an older one
   */
  ImageRecord run(Archives archives, java.util.Optional<ImageRecord> current)
      throws ImageException {
    Chosen chosen = choose();
    String digest = digest(chosen);
    if (current.isPresent() && current.get().digest().equals(digest)) {
      return current.get();
    }
    checkRoom(chosen);
    fetch(chosen);
    lists.close();
    ImageRecord record = make(chosen, digest, sources(archives));
    for (Path done : Shelf.files(shelf.packages())) {
      Shelf.remove(done);
    }
    return record;
  }

  private Chosen choose() throws ImageException {
    PackageChoice choice = new PackageChoice(lists.indexes());
    List<PackageEntry> wanted = new ArrayList<>(choice.essential());
    if (wanted.isEmpty()) {
      throw new ImageException(
          "The Debian archive has no essential packages; the mirror is incomplete.");
    }
    for (String more : MORE) {
      choice.newest(more).ifPresent(wanted::add);
    }
    PackageEntry meta = newest(choice, KERNEL);
    PackageEntry kernel = meta;
    for (List<Relation> group : meta.depends()) {
      if (group.getFirst().name().startsWith("linux-image-")) {
        kernel = newest(choice, group.getFirst().name());
      }
    }
    return new Chosen(choice.withDependencies(wanted), kernel, newest(choice, BUSYBOX));
  }

  private static PackageEntry newest(PackageChoice choice, String name) throws ImageException {
    return choice
        .newest(name)
        .orElseThrow(
            () ->
                new ImageException(
                    "The Debian archive has no package " + name + "; the mirror is incomplete."));
  }

  private static String digest(Chosen chosen) {
    MessageDigest digest = Digests.sha256();
    digest.update(RECIPE.getBytes(StandardCharsets.UTF_8));
    for (PackageEntry entry : chosen.all()) {
      digest.update(("\n" + entry.name() + " " + entry.sha256()).getBytes(StandardCharsets.UTF_8));
    }
    return Digests.hex(digest);
  }

  /** Better to say now that there is no room than after minutes of fetching. */
  private void checkRoom(Chosen chosen) throws ImageException {
    long needed = 96L << 20; // the unpacked kernel, and lists
    for (PackageEntry entry : chosen.all()) {
      needed += entry.size() + entry.installedSize();
    }
    try {
      long free = Files.getFileStore(shelf.directory()).getUsableSpace();
      if (free < needed) {
        throw new ImageException(
            "The image needs %d MB in %s and there are %d MB free; free some, or set ISOLA_CACHE to a directory on another disk."
                .formatted(needed >> 20, shelf.directory(), free >> 20));
      }
    } catch (IOException e) {
      throw Disk.failed(shelf.directory(), e);
    }
  }

  private Path deb(PackageEntry entry) {
    return shelf.packages().resolve(entry.sha256() + ".deb");
  }

  private void fetch(Chosen chosen) throws ImageException {
    List<Downloads.Job> jobs = new ArrayList<>();
    long total = 0;
    for (PackageEntry entry : chosen.all()) {
      if (fetchedBefore(entry)) {
        continue;
      }
      total += entry.size();
      Path part = shelf.temporary().resolve(entry.sha256() + ".part");
      jobs.add(
          new Downloads.Job(
              lists.addresses(entry),
              part,
              entry.sha256(),
              entry.size(),
              () -> keepPackage(part, deb(entry))));
    }
    // The longest first, so that none is left alone at the end.
    jobs.sort(Comparator.comparingLong(Downloads.Job::size).reversed());
    Meter meter = new Meter(progress, Progress.Phase.PACKAGES, total);
    Downloads.all(fetcher, jobs, meter::add);
    meter.finish();
  }

  private boolean fetchedBefore(PackageEntry entry) throws ImageException {
    try {
      return Shelf.sha256(deb(entry)).equals(entry.sha256());
    } catch (IOException e) {
      throw Disk.failed(deb(entry), e);
    }
  }

  private static void keepPackage(Path part, Path deb) throws ImageException {
    try {
      Files.move(part, deb, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw Disk.failed(deb, e);
    }
  }

  private ImageRecord make(Chosen chosen, String digest, String sources) throws ImageException {
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<KernelPackage.Made> kernel =
          pool.submit(
              () -> {
                byte[] busybox = KernelPackage.busybox(chosen.busybox(), deb(chosen.busybox()));
                return KernelPackage.make(shelf, chosen.kernel(), deb(chosen.kernel()), busybox);
              });
      try {
        Blob root = root(chosen.root(), digest, sources);
        KernelPackage.Made made = kernel.get();
        List<InstalledPackage> packages =
            chosen.root().stream()
                .map(
                    entry ->
                        new InstalledPackage(
                            entry.name(), entry.version().toString(), entry.architecture()))
                .sorted(Comparator.comparing(InstalledPackage::name))
                .toList();
        return new ImageRecord(
            ImageRecord.FORMAT,
            name.toString(),
            digest,
            now.getEpochSecond(),
            made.version(),
            made.kernel(),
            made.initrd(),
            root,
            packages);
      } finally {
        kernel.cancel(true);
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ImageException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ImageException("The making of the image was interrupted.", e);
    }
  }

  private Blob root(List<PackageEntry> packages, String digest, String sources)
      throws ImageException {
    Path file = shelf.temporary().resolve("root.erofs");
    long total = packages.stream().mapToLong(PackageEntry::installedSize).sum();
    Meter meter = new Meter(progress, Progress.Phase.ROOT, total);
    try (FileChannel channel = shelf.disk().create(file)) {
      ErofsWriter writer = new ErofsWriter(channel);
      long time = lists.date().getEpochSecond();
      RootTree root = new RootTree(writer, time);
      for (PackageEntry entry : packages) {
        if (Thread.interrupted()) {
          Thread.currentThread().interrupt();
          throw new ImageException("The making of the image was interrupted.");
        }
        root.add(entry, deb(entry), meter::add);
      }
      root.finish(sources);
      writer.finish(root.tree(), time, HexFormat.of().parseHex(digest, 0, 32));
      meter.finish();
      Meter storing = new Meter(progress, Progress.Phase.STORE, 1);
      channel.force(true);
      Blob blob = shelf.keep(file);
      storing.finish();
      return blob;
    } catch (IOException e) {
      throw Disk.failed(file, e);
    } finally {
      Shelf.remove(file);
    }
  }

  /**
   * The guest's own list of sources: the mirrors that it was made from, as far as a guest could
   * reach them.
   */
  private static String sources(Archives archives) {
    StringBuilder text = new StringBuilder();
    for (List<Source> kind : List.of(archives.base(), archives.updates(), archives.security())) {
      if (!kind.isEmpty() && kind.getFirst().uri().startsWith("http")) {
        Source source = kind.getFirst();
        text.append(text.isEmpty() ? "" : "\n")
            .append("Types: deb\nURIs: ")
            .append(source.uri().replaceFirst("//[^/@]*@", "//"))
            .append("\nSuites: ")
            .append(source.suite())
            .append(
                "\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n");
      }
    }
    return text.toString();
  }
}
