package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A terminal of this process: raw mode, its size, and news of its size. Linux's termios (struct
 * termios in asm-generic/termbits.h as the C library lays it out, 60 bytes). Any thread.
 */
public final class Terminal {
  /** Columns and rows. */
  public record Size(int columns, int rows) {}

  private static final int TERMIOS_SIZE = 60;
  private static final long TIOCGWINSZ = 0x5413;
  private static final int TCSANOW = 0;
  private static final long WATCH_MILLIS = 200;

  // c_iflag, c_oflag, c_cflag, c_lflag are the first four words; then c_line, then c_cc.
  private static final int IFLAG = 0;
  private static final int OFLAG = 4;
  private static final int CFLAG = 8;
  private static final int LFLAG = 12;
  private static final int CC = 17;
  private static final int VTIME = 5;
  private static final int VMIN = 6;

  // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON, as cfmakeraw(3) clears them
  private static final int RAW_IFLAG = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400;
  private static final int OPOST = 0x1;
  private static final int CSIZE_PARENB = 0x30 | 0x100;
  private static final int CS8 = 0x30;
  // ISIG ICANON ECHO ECHONL IEXTEN
  private static final int RAW_LFLAG = 0x1 | 0x2 | 0x8 | 0x40 | 0x8000;

  private static final NativeFunction ISATTY = NativeFunction.of("isatty");
  private static final NativeFunction TCGETATTR = NativeFunction.of("tcgetattr");
  private static final NativeFunction TCSETATTR = NativeFunction.of("tcsetattr");
  private static final NativeFunction IOCTL = NativeFunction.of("ioctl");

  private final int descriptor;

  private Terminal(int descriptor) {
    this.descriptor = descriptor;
  }

  /** The terminal behind a file descriptor (0, 1 or 2), or empty if it is not one. */
  public static Optional<Terminal> of(int descriptor) {
    return ISATTY.callInt(descriptor) == 1
        ? Optional.of(new Terminal(descriptor))
        : Optional.empty();
  }

  /** Its size now, or empty where it does not know. */
  public Optional<Size> size() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment winsize = arena.allocate(8);
      int status = IOCTL.callInt(descriptor, TIOCGWINSZ, winsize.address());
      int rows = winsize.get(JAVA_SHORT, 0) & 0xffff;
      int columns = winsize.get(JAVA_SHORT, 2) & 0xffff;
      return status == 0 && rows > 0 && columns > 0
          ? Optional.of(new Size(columns, rows))
          : Optional.empty();
    }
  }

  /** An end to {@link #raw} or {@link #watch}. */
  public interface Handle extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Tells {@code listener} the size whenever it has changed, on a thread of its own, until closed.
   * Plain Java has no public way to hear of SIGWINCH, so the size is asked for five times a second.
   */
  public Handle watch(Consumer<Size> listener) {
    Thread watcher =
        Thread.ofPlatform()
            .daemon()
            .name("terminal size")
            .start(
                () -> {
                  Optional<Size> known = size();
                  try {
                    while (true) {
                      Thread.sleep(WATCH_MILLIS);
                      Optional<Size> now = size();
                      if (now.isPresent() && !now.equals(known)) {
                        known = now;
                        listener.accept(now.get());
                      }
                    }
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    return watcher::interrupt;
  }

  /**
   * Puts the terminal into raw mode: every key reaches the program as it is. The old mode comes
   * back on close, or when the JVM ends, whatever ends it in good order.
   */
  public Handle raw() {
    Arena arena = Arena.ofShared();
    MemorySegment old = arena.allocate(TERMIOS_SIZE, 4);
    if (get(old) != 0) {
      arena.close();
      return () -> {};
    }
    MemorySegment raw = arena.allocate(TERMIOS_SIZE, 4);
    raw.copyFrom(old);
    raw.set(JAVA_INT, IFLAG, raw.get(JAVA_INT, IFLAG) & ~RAW_IFLAG);
    raw.set(JAVA_INT, OFLAG, raw.get(JAVA_INT, OFLAG) & ~OPOST);
    raw.set(JAVA_INT, CFLAG, (raw.get(JAVA_INT, CFLAG) & ~CSIZE_PARENB) | CS8);
    raw.set(JAVA_INT, LFLAG, raw.get(JAVA_INT, LFLAG) & ~RAW_LFLAG);
    raw.set(JAVA_BYTE, CC + VMIN, (byte) 1);
    raw.set(JAVA_BYTE, CC + VTIME, (byte) 0);
    RawMode mode = new RawMode(old, arena);
    Runtime.getRuntime().addShutdownHook(mode.hook);
    set(raw);
    return mode;
  }

  private int get(MemorySegment termios) {
    return TCGETATTR.callInt(descriptor, termios.address());
  }

  private void set(MemorySegment termios) {
    int _ = TCSETATTR.callInt(descriptor, TCSANOW, termios.address());
  }

  private final class RawMode implements Handle {
    private final MemorySegment old;
    private final Arena arena;
    private final Thread hook = new Thread(this::restore, "terminal mode");
    private boolean restored;

    RawMode(MemorySegment old, Arena arena) {
      this.old = old;
      this.arena = arena;
    }

    private synchronized void restore() {
      if (!restored) {
        restored = true;
        set(old);
        arena.close();
      }
    }

    @Override
    public void close() {
      restore();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is ending; the hook finds nothing left to do.
      }
    }
  }
}
