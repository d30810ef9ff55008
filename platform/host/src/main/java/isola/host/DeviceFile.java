package isola.host;

import java.lang.foreign.Arena;

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

  private static final NativeFunction OPEN = NativeFunction.of("open");
  private static final NativeFunction IOCTL = NativeFunction.of("ioctl");
  private static final NativeFunction MMAP = NativeFunction.of("mmap");
  private static final NativeFunction MUNMAP = NativeFunction.of("munmap");
  private static final NativeFunction CLOSE = NativeFunction.of("close");

  private volatile int number;

  private DeviceFile(int number) {
    this.number = number;
  }

  /** Opens a device for reading and writing: its descriptor, or the negated error number. */
  public static int open(String path) {
    try (Arena arena = Arena.ofConfined()) {
      return OPEN.callInt(NativeFunction.string(arena, path).address(), O_RDWR | O_CLOEXEC, 0);
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
   * Calls {@code ioctl}. A garbage collection does not wait for a call under way.
   *
   * @param argument a number, or the host address of memory as the request wants it
   * @return what the device answers, 0 or more, or the negated error number
   */
  public int ioctl(int request, long argument) {
    return IOCTL.callInt(number, request & 0xffff_ffffL, argument);
  }

  /** Maps the device's memory from its start, shared: the host address, or the negated error. */
  public long map(long bytes) {
    return MMAP.call(0, bytes, PROT_READ_WRITE, MAP_SHARED, number, 0);
  }

  /** Takes back what {@link #map} gave. */
  public static void unmap(long address, long bytes) {
    int result = MUNMAP.callInt(address, bytes);
    if (result < 0) {
      throw new IllegalArgumentException(
          "munmap of 0x%x+%d: %s".formatted(address, bytes, reason(-result)));
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
    int _ = CLOSE.callInt(file);
  }
}
