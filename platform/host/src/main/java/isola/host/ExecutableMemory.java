package isola.host;

import static isola.host.NativeFunction.errno;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import isola.core.memory.OutOfHostMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

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

  private static final MethodHandle MEMFD_CREATE =
      NativeFunction.bindWithErrno(
          "memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      NativeFunction.bindWithErrno(
          "ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MMAP =
      NativeFunction.bindWithErrno(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      NativeFunction.bindWithErrno("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle CLOSE =
      NativeFunction.bindWithErrno("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private static final MethodHandle CALL =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));

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
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      int file =
          (int) MEMFD_CREATE.invokeExact(state, arena.allocateFrom("isola-code"), MFD_CLOEXEC);
      if (file < 0) {
        throw refused(state);
      }
      try {
        if ((int) FTRUNCATE.invokeExact(state, file, bytes) != 0) {
          throw refused(state);
        }
        writable = map(state, file, PROT_READ | PROT_WRITE);
        executable = map(state, file, PROT_READ | PROT_EXEC);
      } finally {
        int ignored = (int) CLOSE.invokeExact(state, file);
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  private long map(MemorySegment state, int file, int protection) throws Throwable {
    MemorySegment at =
        (MemorySegment)
            MMAP.invokeExact(state, MemorySegment.NULL, size, protection, MAP_SHARED, file, 0L);
    if (at.address() == -1L) {
      throw refused(state);
    }
    return at.address();
  }

  private OutOfHostMemoryException refused(MemorySegment state) {
    return new OutOfHostMemoryException(
        "The host refused %d MiB of executable memory: %s; use --engine interpreter."
            .formatted(size >> 20, NativeFunction.message(errno(state))));
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
      return (long) CALL.invokeExact(MemorySegment.ofAddress(code), first, second);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /**
   * Generated code as a function of 8-byte arguments with an 8-byte result, for callers that keep
   * it in a constant: the compilers make a call of it that looks nothing up. Otherwise as {@link
   * #call}.
   *
   * @param code host address of its first instruction, inside such memory, which stays open
   * @param arguments how many, 0 to 6
   */
  public static MethodHandle function(long code, int arguments) {
    MemoryLayout[] longs = new MemoryLayout[arguments];
    Arrays.fill(longs, JAVA_LONG);
    return Linker.nativeLinker()
        .downcallHandle(MemorySegment.ofAddress(code), FunctionDescriptor.of(JAVA_LONG, longs));
  }

  /** Gives the memory back. No code in it may run any more. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      int first = (int) MUNMAP.invokeExact(state, MemorySegment.ofAddress(writable), size);
      int second = (int) MUNMAP.invokeExact(state, MemorySegment.ofAddress(executable), size);
      if (first != 0 || second != 0) {
        throw new IllegalStateException("munmap of generated code failed");
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }
}
