package isola.host;

import isola.core.backend.BlockBackend;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Set;

/**
 * A raw disk image in a file. The file is locked while it is open: shared by readers, exclusively
 * by one writer, so that no two machines write to one disk. Any thread.
 */
public final class FileBlockBackend implements BlockBackend {
  private static final int SECTOR = 512;
  private static final int PIECE = 1 << 20;

  private final FileChannel channel;
  private final long size;
  private final boolean readOnly;

  private FileBlockBackend(FileChannel channel, long size, boolean readOnly) {
    this.channel = channel;
    this.size = size;
    this.readOnly = readOnly;
  }

  /**
   * Opens an image.
   *
   * @throws IOException with one sentence for the user: no such file, a directory, not readable or
   *     writable, a size that is no multiple of 512, or in use by another machine
   */
  public static FileBlockBackend open(Path file, boolean readOnly) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException("%s is a directory, not a disk image.".formatted(file));
    }
    Set<StandardOpenOption> options =
        readOnly
            ? EnumSet.of(StandardOpenOption.READ)
            : EnumSet.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
    FileChannel channel;
    try {
      channel = FileChannel.open(file, options);
    } catch (NoSuchFileException e) {
      throw new IOException("There is no disk image %s.".formatted(file), e);
    } catch (AccessDeniedException e) {
      throw new IOException(refused(file, readOnly), e);
    } catch (FileSystemException e) {
      throw new IOException(
          readOnly || (Files.isReadable(file) && Files.isWritable(file))
              ? "Cannot open the disk image %s: %s.".formatted(file, e.getReason())
              : refused(file, false),
          e);
    }
    try {
      long size = channel.size();
      if (size == 0 || size % SECTOR != 0) {
        throw new IOException(
            "The disk image %s has %d bytes, which is not a multiple of %d above zero."
                .formatted(file, size, SECTOR));
      }
      if (!locked(channel, readOnly)) {
        throw new IOException(
            "The disk image %s is in use by another machine%s."
                .formatted(file, readOnly ? " that writes to it" : ""));
      }
      return new FileBlockBackend(channel, size, readOnly);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static String refused(Path file, boolean readOnly) {
    return !readOnly && Files.isReadable(file)
        ? "The disk image %s is not writable; attach it read-only.".formatted(file)
        : "The disk image %s is not readable: permission denied.".formatted(file);
  }

  private static boolean locked(FileChannel channel, boolean shared) throws IOException {
    try {
      // Held until the channel is closed.
      FileLock lock = channel.tryLock(0, Long.MAX_VALUE, shared);
      return lock != null;
    } catch (OverlappingFileLockException e) {
      // This JVM holds a lock on the file already. Readers may share it, but whether the holder is
      // a reader cannot be asked; two machines of one JVM open a shared image once.
      return false;
    }
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public boolean readOnly() {
    return readOnly;
  }

  @Override
  public void read(long offset, MemorySegment target) throws IOException {
    long length = target.byteSize();
    for (long done = 0; done < length; ) {
      ByteBuffer piece = target.asSlice(done, Math.min(PIECE, length - done)).asByteBuffer();
      int count = channel.read(piece, offset + done);
      if (count < 0) {
        throw new EOFException("the disk image became shorter");
      }
      done += count;
    }
  }

  @Override
  public void write(long offset, MemorySegment source) throws IOException {
    if (readOnly) {
      throw new IOException("the disk image is read-only");
    }
    long length = source.byteSize();
    for (long done = 0; done < length; ) {
      ByteBuffer piece = source.asSlice(done, Math.min(PIECE, length - done)).asByteBuffer();
      done += channel.write(piece, offset + done);
    }
  }

  @Override
  public void flush() throws IOException {
    if (!readOnly) {
      channel.force(false);
    }
  }

  @Override
  public void discard(long offset, long length) throws IOException {
    if (readOnly) {
      throw new IOException("the disk image is read-only");
    }
    MemorySegment zeros = MemorySegment.ofArray(new byte[(int) Math.min(PIECE, length)]);
    for (long done = 0; done < length; ) {
      long piece = Math.min(zeros.byteSize(), length - done);
      write(offset + done, zeros.asSlice(0, piece));
      done += piece;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
