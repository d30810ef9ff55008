package isola.host;

import isola.core.memory.OutOfHostMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory for generated host code: one memory file mapped twice, once to write and once to execute,
 * so that no page is writable and executable at once. Any thread; who writes code that another
 * thread may execute sees to the order itself.
 */
public final class ExecutableMemory implements AutoCloseable {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_SHARED = 1;
  private static final int MFD_CLOEXEC = 1;

  private static final NativeFunction MEMFD_CREATE = NativeFunction.of("memfd_create");
  private static final NativeFunction FTRUNCATE = NativeFunction.of("ftruncate");
  private static final NativeFunction MMAP = NativeFunction.of("mmap");
  private static final NativeFunction MUNMAP = NativeFunction.of("munmap");
  private static final MethodHandle CALL = NativeFunction.anyCode();

  private final long writable;
  private final long executable;
  private final long size;
  private boolean closed;

  /**
   * Reserves code memory; it costs host memory only where written.
   *
   * @param bytes a positive multiple of 4096
   * @throws OutOfHostMemoryException if the host refuses
   */
  public ExecutableMemory(long bytes) {
    if (bytes <= 0 || (bytes & 4095) != 0) {
      throw new IllegalArgumentException(bytes + " is not a positive multiple of 4096");
    }
    size = bytes;
    int file;
    try (Arena arena = Arena.ofConfined()) {
      file =
          require(
              MEMFD_CREATE.callInt(
                  NativeFunction.string(arena, "isola-code").address(), MFD_CLOEXEC));
    }
    try {
      int _ = require(FTRUNCATE.callInt(file, bytes));
      writable = map(file, PROT_READ | PROT_WRITE);
      executable = map(file, PROT_READ | PROT_EXEC);
    } finally {
      DeviceFile.close(file);
    }
  }

  private long map(int file, int protection) {
    long at = MMAP.call(0, size, protection, MAP_SHARED, file, 0);
    if (at < 0) {
      throw refused(at);
    }
    return at;
  }

  private int require(int result) {
    if (result < 0) {
      throw refused(result);
    }
    return result;
  }

  private OutOfHostMemoryException refused(long result) {
    return new OutOfHostMemoryException(
        "The host refused %d MiB of executable memory: %s; use --engine interpreter."
            .formatted(size >> 20, NativeFunction.message(-result)));
  }

  /** Host address through which code is written. */
  public long writable() {
    return writable;
  }

  /** Host address at which the same bytes are executed. */
  public long executable() {
    return executable;
  }

  /** Size in bytes. */
  public long size() {
    return size;
  }

  /**
   * Calls generated code as a function of two 8-byte arguments and an 8-byte result, in the calling
   * convention of the host's C compiler. It does not hold up a garbage collection.
   *
   * @param code host address of its first instruction, inside such memory
   */
  public static long call(long code, long first, long second) {
    try {
      return (long) CALL.invokeExact(MemorySegment.ofAddress(code), first, second, 0L, 0L, 0L, 0L);
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /**
   * Generated code as a function of six 8-byte arguments with an 8-byte result, for callers that
   * keep it in a constant: the compilers make a call of it that looks nothing up. Otherwise as
   * {@link #call}.
   *
   * @param code host address of its first instruction, inside such memory, which stays open
   */
  public static MethodHandle function(long code) {
    return NativeFunction.code(code);
  }

  /** Gives the memory back. No code in it may run any more. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    int first = MUNMAP.callInt(writable, size);
    int second = MUNMAP.callInt(executable, size);
    if (first != 0 || second != 0) {
      throw new IllegalStateException("munmap of generated code failed");
    }
  }
}
