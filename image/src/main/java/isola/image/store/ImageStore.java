package isola.image.store;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.apt.AptConfiguration;
import isola.image.apt.Archives;
import isola.image.apt.Proxies;
import isola.image.disk.Disk;
import isola.image.erofs.ErofsWriter;
import isola.image.fetch.Digests;
import isola.image.fetch.Fetcher;
import isola.image.initramfs.CpioWriter;
import isola.image.initramfs.GuestInitramfs;
import isola.image.store.ImageRecord.Blob;
import isola.image.tree.FileTree;
import isola.image.tree.HostTree;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The user's images. */
public final class ImageStore {
  /** The environment variable that names the store's directory. */
  public static final String DIRECTORY_VARIABLE = "ISOLA_CACHE";

  private final Shelf shelf;
  private final Settings settings;
  private final ObjectMapper json =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /**
   * What a store takes from its surroundings.
   *
   * @param root the machine's root directory, where its apt is configured
   * @param environment the environment variables
   * @param clock the time of day
   * @param disk where files are written
   * @param patience how long a mirror may be silent
   * @param pause the wait before a second attempt
   */
  record Settings(
      Path root,
      Map<String, String> environment,
      InstantSource clock,
      Disk disk,
      Duration patience,
      Duration pause) {}

  private ImageStore(Path directory, Settings settings) {
    this.shelf = new Shelf(directory, settings.disk());
    this.settings = settings;
  }

  /**
   * Opens the user's store: the directory that {@link #DIRECTORY_VARIABLE} names, else {@code
   * isola} in the user's cache. It is made when something is put into it.
   *
   * @param environment the environment variables
   * @throws ImageException if they tell no directory
   */
  public static ImageStore open(Map<String, String> environment) throws ImageException {
    return open(
        directory(environment),
        new Settings(
            Path.of("/"),
            Map.copyOf(environment),
            InstantSource.system(),
            Disk.REAL,
            Duration.ofSeconds(30),
            Duration.ofMillis(500)));
  }

  static ImageStore open(Path directory, Settings settings) {
    return new ImageStore(directory.toAbsolutePath(), settings);
  }

  private static Path directory(Map<String, String> environment) throws ImageException {
    String own = environment.getOrDefault(DIRECTORY_VARIABLE, "");
    String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
    String home = environment.getOrDefault("HOME", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    if (cache.startsWith("/")) {
      return Path.of(cache, "isola");
    }
    if (home.isEmpty()) {
      throw new ImageException(
          "There is no place for images; set " + DIRECTORY_VARIABLE + " to a directory of yours.");
    }
    return Path.of(home, ".cache", "isola");
  }

  /** Where the store is. */
  public Path directory() {
    return shelf.directory();
  }

  /** The image of the name, if the store has it whole. Needs no network. */
  public Optional<Image> find(ImageName name) throws ImageException {
    Optional<ImageRecord> record = record(name);
    return record.isPresent() ? Optional.of(image(name, record.get())) : Optional.empty();
  }

  /** The image of the name: the store's, or if it has none, one fetched and made now. */
  public Image obtain(ImageName name, Progress progress) throws ImageException {
    Optional<Image> found = find(name);
    return found.isPresent() ? found.get() : make(name, progress, false);
  }

  /**
   * Brings the image up to date: fetches the package lists, and makes the image if the store has
   * none of these packages.
   *
   * @throws ImageException if it cannot be made; the store then has what it had before
   */
  public Image pull(ImageName name, Progress progress) throws ImageException {
    return make(name, progress, true);
  }

  /** All images, sorted by name. */
  public List<Image> list() throws ImageException {
    List<Image> all = new ArrayList<>();
    for (String known : List.of("debian:12", "debian:13")) {
      Optional<Image> image = find(ImageName.parse(known));
      image.ifPresent(all::add);
    }
    return all;
  }

  /** Removes the image; tells whether there was one. What other images share stays. */
  public boolean remove(ImageName name) throws ImageException {
    if (!Files.isDirectory(shelf.images())) {
      return false;
    }
    try (StoreLock _ = StoreLock.take(shelf.lock(), Progress.silent())) {
      boolean there = Files.deleteIfExists(recordFile(name));
      shelf.disk().syncDirectory(shelf.images());
      shelf.sweep();
      collect();
      return there;
    } catch (IOException e) {
      throw Disk.failed(recordFile(name), e);
    }
  }

  /**
   * Copies a directory or a file of this machine to a disk for a guest.
   *
   * @throws ImageException if it is neither, or cannot be read or written as a whole
   */
  public VolumeDisk volume(Path source) throws ImageException {
    boolean single = Files.isRegularFile(source);
    if (!single && !Files.isDirectory(source)) {
      throw new ImageException(
          "The volume " + source + " is neither a directory nor a file of this machine.");
    }
    shelf.prepare();
    Path disk = shelf.volumes().resolve(Shelf.ownName(Long.toHexString(System.nanoTime())));
    boolean whole = false;
    try (FileChannel channel = shelf.disk().create(disk)) {
      FileTree tree = single ? HostTree.ofFile(source, "file") : HostTree.of(source);
      new ErofsWriter(channel).finish(tree, 0, new byte[16]);
      whole = true;
      return new VolumeDisk(disk, single);
    } catch (IOException e) {
      throw Disk.failed(disk, e);
    } finally {
      if (!whole) {
        Shelf.remove(disk);
      }
    }
  }

  private Image make(ImageName name, Progress progress, boolean renew) throws ImageException {
    shelf.prepare();
    try (StoreLock lock = StoreLock.take(shelf.lock(), progress)) {
      Optional<ImageRecord> current = record(name);
      if (current.isPresent() && (!renew || lock.waited())) {
        return image(name, current.get()); // another made it while we waited
      }
      shelf.sweep();
      try {
        ImageRecord made = build(name, progress, current);
        Image image = image(name, made);
        shelf.replace(recordFile(name), bytes(made));
        return image;
      } finally {
        // Removes what the new image replaces, or what a failure leaves of it.
        shelf.sweep();
        collect();
      }
    }
  }

  private byte[] bytes(ImageRecord record) {
    try {
      return json.writeValueAsBytes(record);
    } catch (JacksonException e) {
      throw new IllegalStateException(e);
    }
  }

  private ImageRecord build(ImageName name, Progress progress, Optional<ImageRecord> current)
      throws ImageException {
    AptConfiguration configuration = AptConfiguration.read(settings.root());
    String override = settings.environment().getOrDefault(Archives.MIRROR_VARIABLE, "");
    Archives archives = Archives.find(settings.root(), override, name.codename());
    Proxies proxies = new Proxies(configuration, settings.environment());
    Instant now = settings.clock().instant();
    try (Fetcher fetcher =
            new Fetcher(proxies, shelf.disk(), settings.patience(), settings.pause());
        DebianLists lists =
            new DebianLists(settings.root(), configuration, fetcher, shelf, now, progress)) {
      lists.fetch(archives);
      return new DebianBuild(name, shelf, fetcher, lists, progress, now).run(archives, current);
    }
  }

  private Path recordFile(ImageName name) {
    return shelf.images().resolve(name.distribution() + "-" + name.release() + ".json");
  }

  /** The record of an image, if it can be read and all its files are there. */
  private Optional<ImageRecord> record(ImageName name) {
    return read(recordFile(name))
        .filter(
            record ->
                record.format() == ImageRecord.FORMAT
                    && record.name().equals(name.toString())
                    && Stream.of(record.kernel(), record.initrd(), record.root())
                        .allMatch(shelf::has));
  }

  private Optional<ImageRecord> read(Path file) {
    try {
      return Optional.of(json.readValue(Files.readAllBytes(file), ImageRecord.class));
    } catch (IOException e) {
      return Optional.empty(); // none, or one that is not ours: the image will be made again
    }
  }

  /** Removes the blobs that no image needs. */
  private void collect() {
    List<String> needed = new ArrayList<>();
    for (Path file : Shelf.files(shelf.images())) {
      read(file)
          .ifPresent(
              record ->
                  Stream.of(record.kernel(), record.initrd(), record.root())
                      .map(Blob::sha256)
                      .forEach(needed::add));
    }
    shelf.keepOnly(needed);
  }

  private Image image(ImageName name, ImageRecord record) throws ImageException {
    return new Image(
        name,
        record.digest(),
        Instant.ofEpochSecond(record.created()),
        shelf.blob(record.kernel()),
        record.kernelVersion(),
        initrd(record),
        shelf.blob(record.root()),
        record.kernel().size() + record.initrd().size() + record.root().size(),
        record.packages());
  }

  /**
   * The image's initramfs with this version's agent; it is put together when it is first needed.
   */
  private Path initrd(ImageRecord record) throws ImageException {
    byte[] agent;
    try {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      CpioWriter.write(GuestInitramfs.agent(), out);
      agent = out.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    MessageDigest digest = Digests.sha256();
    digest.update(agent);
    String name =
        record.initrd().sha256().substring(0, 16)
            + "-"
            + Digests.hex(digest).substring(0, 16)
            + ".cpio";
    Path whole = shelf.initrds().resolve(name);
    if (Files.exists(whole)) {
      return whole;
    }
    Path fresh = shelf.initrds().resolve(Shelf.ownName(name));
    try {
      Files.deleteIfExists(fresh);
      ByteArrayOutputStream both = new ByteArrayOutputStream();
      both.writeBytes(Files.readAllBytes(shelf.blob(record.initrd())));
      both.writeBytes(agent);
      shelf.disk().write(fresh, both.toByteArray());
      shelf.disk().publish(fresh, whole);
      return whole;
    } catch (IOException e) {
      throw Disk.failed(whole, e);
    } finally {
      Shelf.remove(fresh);
    }
  }
}
