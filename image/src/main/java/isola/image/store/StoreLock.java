package isola.image.store;

import isola.image.ImageException;
import isola.image.Progress;
import isola.image.disk.Disk;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** The right to change the store. It ends with the process, however that ends. */
final class StoreLock implements AutoCloseable {
  private static final long POLL_MILLIS = 100;

  private final FileChannel channel;
  private final boolean waited;

  private StoreLock(FileChannel channel, boolean waited) {
    this.channel = channel;
    this.waited = waited;
  }

  /** Takes the lock, waiting for it as long as another holds it. */
  static StoreLock take(Path file, Progress progress) throws ImageException {
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw Disk.failed(file, e);
    }
    boolean waited = false;
    try {
      while (attempt(channel) == null) {
        if (!waited) {
          progress.note("Another isola is changing the images; waiting for it.");
          waited = true;
        }
        Thread.sleep(POLL_MILLIS);
      }
      return new StoreLock(channel, waited);
    } catch (IOException e) {
      close(channel);
      throw Disk.failed(file, e);
    } catch (InterruptedException e) {
      close(channel);
      Thread.currentThread().interrupt();
      throw new ImageException("Waiting for another isola was interrupted.", e);
    }
  }

  /** Whether another had it before, so that the store may have changed meanwhile. */
  boolean waited() {
    return waited;
  }

  private static @Nullable FileLock attempt(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // a thread of this process has it
    }
  }

  private static void close(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // The lock goes with the process at the latest.
    }
  }

  @Override
  public void close() {
    close(channel);
  }
}
