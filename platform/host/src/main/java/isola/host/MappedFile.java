package isola.host;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A file whose contents can be put in place of reserved memory, privately ({@code mmap(2)}): a page
 * is read when it is first touched, and a write stays in memory. What is mapped outlives the
 * object. One thread.
 *
 * <p>A file that becomes shorter while it is mapped ends the process at the next touch, so nobody
 * may cut it.
 */
public final class MappedFile implements AutoCloseable {
  private static final int O_RDONLY = 0;
  private static final int O_CLOEXEC = 0x80000;
  private static final int SEEK_END = 2;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_FIXED_NORESERVE = 0x02 | 0x10 | 0x4000;
  private static final long PAGE = 4096;

  private static final NativeFunction OPEN = NativeFunction.of("open");
  private static final NativeFunction LSEEK = NativeFunction.of("lseek");
  private static final NativeFunction MMAP = NativeFunction.of("mmap");

  private final Path path;
  private final int file;

  private MappedFile(Path path, int file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Opens a file.
   *
   * @throws IOException if the host refuses, with the reason
   */
  public static MappedFile open(Path path) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = NativeFunction.string(arena, path.toString());
      int file = OPEN.callInt(name.address(), O_RDONLY | O_CLOEXEC, 0);
      if (file < 0) {
        throw new IOException(NativeFunction.message(-file));
      }
      return new MappedFile(path, file);
    }
  }

  /**
   * Puts a part of the file in place of memory from {@link MappedMemory#reserve}.
   *
   * @param address host address, page-aligned
   * @param bytes a positive multiple of 4096
   * @param offset where in the file it begins, page-aligned; all of it lies in the file
   * @throws IOException if the file is shorter, or cannot be mapped
   */
  public void map(long address, long bytes, long offset) throws IOException {
    if (((address | bytes | offset) & (PAGE - 1)) != 0 || bytes <= 0 || offset < 0) {
      throw new IllegalArgumentException("not whole pages");
    }
    long size = LSEEK.call(file, 0, SEEK_END);
    if (offset > size - bytes) {
      throw new IOException("%s became shorter".formatted(path));
    }
    long at = MMAP.call(address, bytes, PROT_READ_WRITE, MAP_PRIVATE_FIXED_NORESERVE, file, offset);
    if (at != address) {
      throw new IOException(NativeFunction.message(-at));
    }
  }

  @Override
  public void close() {
    DeviceFile.close(file);
  }
}
