package isola.image.disk;

import isola.image.ImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Where the store's files are written; tests put a disk here that is full. */
@FunctionalInterface
public interface Disk {
  /** The machine's own. */
  Disk REAL = FileChannel::open;

  /** Opens a file as {@link FileChannel#open(Path, OpenOption...)} does. */
  FileChannel open(Path file, OpenOption... options) throws IOException;

  /** Makes a new file, open for writing and reading. */
  default FileChannel create(Path file) throws IOException {
    return open(
        file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ);
  }

  /**
   * Makes a file whose content lasts through a power cut when this returns; no other name is
   * touched.
   */
  default void write(Path file, byte[] content) throws IOException {
    try (FileChannel channel = create(file)) {
      ByteBuffer bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /**
   * Gives a finished file its name, in place of what may have it, so that the change lasts when
   * this returns.
   */
  default void publish(Path temporary, Path name) throws IOException {
    Files.move(
        temporary, name, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    syncDirectory(Objects.requireNonNull(name.getParent()));
  }

  /** Makes changes of names in a directory last. */
  default void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Says in a sentence why a file could not be written. */
  static ImageException failed(Path file, IOException failure) {
    String reason = reason(failure).toLowerCase(Locale.ROOT);
    if (reason.contains("no space left") || reason.contains("quota exceeded")) {
      return new ImageException(
          "There is no space left for "
              + file
              + "; free some, or set ISOLA_CACHE to a directory on another disk.",
          failure);
    }
    if (failure instanceof AccessDeniedException || reason.contains("read-only file system")) {
      return new ImageException(
          "The file " + file + " may not be written; set ISOLA_CACHE to a directory that is yours.",
          failure);
    }
    return new ImageException(
        "The file " + file + " could not be written: " + reason(failure) + ".", failure);
  }

  private static String reason(IOException failure) {
    @Nullable String message = failure.getMessage();
    return message == null ? failure.getClass().getSimpleName() : message;
  }
}
