package isola.machine.board.boot;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Bytes that go into a guest at start: a kernel or an initial ramdisk, on disk or in memory. Read
 * in pieces, straight into guest memory, so that a large file costs no heap. Any thread.
 */
public sealed interface BootFile {
  /** What the user calls it; used in error sentences. */
  String name();

  /**
   * Its size in bytes.
   *
   * @throws BootException if it cannot be read, with one sentence
   */
  long size();

  /**
   * Fills {@code target} from byte {@code offset}.
   *
   * @throws BootException if it cannot be read or ends before, with one sentence
   */
  void read(long offset, MemorySegment target);

  /** A file on disk. */
  static BootFile of(Path path) {
    return new OnDisk(path);
  }

  /** Bytes in memory, which the caller leaves unchanged. */
  static BootFile of(String name, byte[] bytes) {
    return new InMemory(name, bytes);
  }

  /** Up to {@code length} bytes from {@code offset}; fewer where the file ends before. */
  default byte[] bytes(long offset, int length) {
    long size = size();
    int count = (int) Math.max(0, Math.min(length, size - offset));
    byte[] result = new byte[count];
    read(offset, MemorySegment.ofArray(result));
    return result;
  }

  /** A file on disk. */
  record OnDisk(Path path) implements BootFile {
    @Override
    public String name() {
      return path.toString();
    }

    @Override
    public long size() {
      try {
        if (Files.isDirectory(path)) {
          throw new BootException(BootException.Problem.UNREADABLE, path + " is a directory.");
        }
        return Files.size(path);
      } catch (IOException e) {
        throw unreadable(e);
      }
    }

    @Override
    public void read(long offset, MemorySegment target) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
        long done = 0;
        while (done < target.byteSize()) {
          long piece = Math.min(1 << 20, target.byteSize() - done);
          ByteBuffer buffer = target.asSlice(done, piece).asByteBuffer();
          int count = channel.read(buffer, offset + done);
          if (count < 0) {
            throw new EOFException("it became shorter while it was read");
          }
          done += count;
        }
      } catch (IOException e) {
        throw unreadable(e);
      }
    }

    private BootException unreadable(IOException e) {
      String why =
          switch (e) {
            case NoSuchFileException _ -> "there is no such file";
            case java.nio.file.AccessDeniedException _ -> "permission denied";
            default -> e.getMessage();
          };
      return new BootException(
          BootException.Problem.UNREADABLE, "Cannot read %s: %s.".formatted(path, why), e);
    }
  }

  /** Bytes in memory. */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody; copying images would cost memory
  record InMemory(String name, byte[] content) implements BootFile {
    @Override
    public long size() {
      return content.length;
    }

    @Override
    public void read(long offset, MemorySegment target) {
      if (offset < 0 || target.byteSize() > content.length - offset) {
        throw new BootException(
            BootException.Problem.TRUNCATED, "%s ends too early.".formatted(name));
      }
      MemorySegment.copy(MemorySegment.ofArray(content), offset, target, 0, target.byteSize());
    }
  }
}
