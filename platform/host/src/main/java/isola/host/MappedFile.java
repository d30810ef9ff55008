package isola.host;

import static isola.host.NativeFunction.errno;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
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

  private static final MethodHandle OPEN =
      NativeFunction.bindVariadic(
          "open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle LSEEK =
      NativeFunction.bindWithErrno(
          "lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle MMAP =
      NativeFunction.bindWithErrno(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));

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
      MemorySegment state = NativeFunction.callState(arena);
      int file =
          (int)
              OPEN.invokeExact(state, arena.allocateFrom(path.toString()), O_RDONLY | O_CLOEXEC, 0);
      if (file < 0) {
        throw new IOException(NativeFunction.message(errno(state)));
      }
      return new MappedFile(path, file);
    } catch (IOException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
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
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      long size = (long) LSEEK.invokeExact(state, file, 0L, SEEK_END);
      if (offset > size - bytes) {
        throw new IOException("%s became shorter".formatted(path));
      }
      long at =
          (long)
              MMAP.invokeExact(
                  state,
                  address,
                  bytes,
                  PROT_READ_WRITE,
                  MAP_PRIVATE_FIXED_NORESERVE,
                  file,
                  offset);
      if (at != address) {
        throw new IOException(NativeFunction.message(errno(state)));
      }
    } catch (IOException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  @Override
  public void close() {
    DeviceFile.close(file);
  }
}
