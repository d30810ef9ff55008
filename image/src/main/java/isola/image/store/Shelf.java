package isola.image.store;

import isola.image.ImageException;
import isola.image.disk.Disk;
import isola.image.fetch.Digests;
import isola.image.store.ImageRecord.Blob;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The directories of a store, and the files in them. */
final class Shelf {
  private final Path directory;
  private final Disk disk;

  Shelf(Path directory, Disk disk) {
    this.directory = directory;
    this.disk = disk;
  }

  Disk disk() {
    return disk;
  }

  Path directory() {
    return directory;
  }

  /** Makes the directories that are missing; the store is its owner's alone. */
  void prepare() throws ImageException {
    for (Path each : List.of(blobs(), images(), initrds(), volumes(), temporary(), packages())) {
      try {
        Files.createDirectories(each);
      } catch (IOException e) {
        throw Disk.failed(each, e);
      }
    }
  }

  Path lock() {
    return directory.resolve("lock");
  }

  Path images() {
    return directory.resolve("images");
  }

  Path initrds() {
    return directory.resolve("initrd");
  }

  Path volumes() {
    return directory.resolve("volumes");
  }

  /** For files in the making; only the lock's holder has any here. */
  Path temporary() {
    return directory.resolve("tmp");
  }

  /**
   * For checked packages of an image that is not finished, so that the next attempt need not fetch
   * them again.
   */
  Path packages() {
    return directory.resolve("packages");
  }

  private Path blobs() {
    return directory.resolve("blobs").resolve("sha256");
  }

  Path blob(Blob blob) {
    return blobs().resolve(blob.sha256());
  }

  /** Whether the blob is there, as far as its size tells. */
  boolean has(Blob blob) {
    try {
      return Files.size(blob(blob)) == blob.size();
    } catch (IOException e) {
      return false;
    }
  }

  /** Moves a finished file in as a blob; its content must have been synced to the disk. */
  Blob keep(Path finished) throws ImageException {
    try {
      Blob blob = new Blob(sha256(finished), Files.size(finished));
      disk.publish(finished, blob(blob));
      return blob;
    } catch (IOException e) {
      throw Disk.failed(finished, e);
    }
  }

  /** Writes a small file so that it is there as a whole or not at all. */
  void replace(Path file, byte[] content) throws ImageException {
    Path fresh = temporary().resolve(file.getFileName() + ".new");
    try {
      Files.deleteIfExists(fresh);
      disk.write(fresh, content);
      disk.publish(fresh, file);
    } catch (IOException e) {
      throw Disk.failed(file, e);
    }
  }

  /**
   * A name for a file in the making that no other process or thread uses, and that shows whose it
   * is.
   */
  static String ownName(String what) {
    return "."
        + ProcessHandle.current().pid()
        + "-"
        + Thread.currentThread().threadId()
        + "-"
        + what;
  }

  /**
   * Removes what earlier processes left behind in the middle of their work. Only for the lock's
   * holder.
   */
  void sweep() {
    files(temporary()).forEach(Shelf::remove);
    for (Path owned : concat(files(volumes()), files(initrds()))) {
      String name = String.valueOf(owned.getFileName());
      int dash = name.indexOf('-');
      if (name.startsWith(".") && dash > 1 && !alive(name.substring(1, dash))) {
        remove(owned);
      }
    }
  }

  /** Removes all blobs but these. Only for the lock's holder. */
  void keepOnly(List<String> blobNames) {
    for (Path blob : files(blobs())) {
      if (!blobNames.contains(String.valueOf(blob.getFileName()))) {
        remove(blob);
      }
    }
    for (Path initrd : files(initrds())) {
      String name = String.valueOf(initrd.getFileName());
      if (!name.startsWith(".")
          && blobNames.stream().noneMatch(blob -> name.startsWith(blob.substring(0, 16)))) {
        remove(initrd);
      }
    }
  }

  /** The files of a directory, sorted; none if it cannot be read. */
  static List<Path> files(Path directory) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      entries.forEach(found::add);
    } catch (IOException e) {
      return List.of();
    }
    Collections.sort(found);
    return found;
  }

  static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // It is tried again whenever the store is swept.
    }
  }

  /** A file's hash, or "" if there is no such file. */
  static String sha256(Path file) throws IOException {
    MessageDigest digest = Digests.sha256();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] piece = new byte[1 << 17];
      for (int count; (count = in.read(piece)) >= 0; ) {
        digest.update(piece, 0, count);
      }
    } catch (NoSuchFileException e) {
      return "";
    }
    return Digests.hex(digest);
  }

  private static List<Path> concat(List<Path> a, List<Path> b) {
    List<Path> both = new ArrayList<>(a);
    both.addAll(b);
    return both;
  }

  private static boolean alive(String pid) {
    return pid.matches("[0-9]{1,18}") && ProcessHandle.of(Long.parseLong(pid)).isPresent();
  }
}
