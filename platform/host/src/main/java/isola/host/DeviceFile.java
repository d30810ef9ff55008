package isola.host;

import static isola.host.NativeFunction.errno;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * An open device of the host's: a descriptor with {@code ioctl(2)} and {@code mmap(2)}. What the
 * calls mean, and what the memory behind their arguments looks like, is the caller's business.
 *
 * <p>Any thread. A call that fails returns the negated error number, see {@link #reason}; on a
 * closed device that is EBADF's.
 */
public final class DeviceFile implements AutoCloseable {
  public static final int EINTR = 4;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;

  private static final int O_RDWR = 2;
  private static final int O_CLOEXEC = 0x80000;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_SHARED = 1;

  private static final MethodHandle OPEN =
      NativeFunction.bindVariadic(
          "open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle IOCTL =
      NativeFunction.bindVariadic(
          "ioctl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MMAP =
      NativeFunction.bindWithErrno(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      NativeFunction.bindWithErrno("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle CLOSE =
      NativeFunction.bindWithErrno("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private volatile int number;

  private DeviceFile(int number) {
    this.number = number;
  }

  /** Opens a device for reading and writing: its descriptor, or the negated error number. */
  public static int open(String path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      int file = (int) OPEN.invokeExact(state, arena.allocateFrom(path), O_RDWR | O_CLOEXEC, 0);
      return file < 0 ? -errno(state) : file;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Takes over an open descriptor. */
  public static DeviceFile of(int descriptor) {
    if (descriptor < 0) {
      throw new IllegalArgumentException(descriptor + " is no descriptor");
    }
    return new DeviceFile(descriptor);
  }

  /** What an error number means, in words. */
  public static String reason(int errno) {
    return NativeFunction.message(errno);
  }

  /** The descriptor, or -1 once closed. */
  public int number() {
    return number;
  }

  /**
   * Calls {@code ioctl}.
   *
   * @param argument a number, or the host address of memory as the request wants it
   * @return what the device answers, 0 or more, or the negated error number
   */
  public int ioctl(int request, long argument) {
    try (Arena arena = Arena.ofConfined()) {
      return ioctl(request, argument, NativeFunction.callState(arena));
    }
  }

  private int ioctl(int request, long argument, MemorySegment state) {
    try {
      int result = (int) IOCTL.invokeExact(state, number, request & 0xffff_ffffL, argument);
      return result < 0 ? -errno(state) : result;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Calls of one thread at a time that allocate nothing. */
  public Caller caller() {
    return new Caller();
  }

  /** See {@link DeviceFile#caller}. A garbage collection does not wait for a call under way. */
  public final class Caller {
    private final MemorySegment state = NativeFunction.callState(Arena.ofAuto());

    private Caller() {}

    /** As {@link DeviceFile#ioctl}. */
    public int ioctl(int request, long argument) {
      return DeviceFile.this.ioctl(request, argument, state);
    }
  }

  /** Maps the device's memory from its start, shared: the host address, or the negated error. */
  public long map(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      long at = (long) MMAP.invokeExact(state, 0L, bytes, PROT_READ_WRITE, MAP_SHARED, number, 0L);
      return at == -1L ? -errno(state) : at;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Takes back what {@link #map} gave. */
  public static void unmap(long address, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      if ((int) MUNMAP.invokeExact(state, address, bytes) != 0) {
        throw new IllegalArgumentException(
            "munmap of 0x%x+%d: %s".formatted(address, bytes, reason(errno(state))));
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Closes the descriptor; once. */
  @Override
  public void close() {
    int file;
    synchronized (this) {
      file = number;
      number = -1;
    }
    if (file >= 0) {
      close(file);
    }
  }

  /** Closes a descriptor. */
  static void close(int file) {
    try (Arena arena = Arena.ofConfined()) {
      int _ = (int) CLOSE.invokeExact(NativeFunction.callState(arena), file);
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }
}
