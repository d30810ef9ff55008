package isola.machine.devices.virtio;

import isola.core.backend.ByteSink;
import org.jspecify.annotations.Nullable;

/**
 * One port of a {@link VirtioConsole}: a byte stream each way between the host and the guest. Any
 * thread; one writer at a time.
 *
 * <p>Nothing is lost and nothing grows without bound: input that the guest has not taken waits in
 * {@value #BUFFER} bytes, and a writer that is faster blocks.
 */
public final class ConsolePort {
  private static final int BUFFER = 1 << 16;

  // Configuration.
  private final String name;
  private final boolean terminal;
  // Wiring.
  private final ByteSink output;
  private @Nullable Listener listener;
  // Volatile state.
  private final byte[] input = new byte[BUFFER];
  private int start;
  private int length;
  private boolean ended;
  private boolean guestOpen;
  private boolean closed;
  private int columns;
  private int rows;

  /** How the device learns of what the host did. Called without the port's lock. */
  interface Listener {
    void inputReady();

    void resized();
  }

  /**
   * A port.
   *
   * @param name what the guest finds under {@code /sys/class/virtio-ports}
   * @param terminal whether the guest makes it a console with a window size ({@code hvc})
   * @param output takes what the guest writes; it may block the guest's output, never its
   *     processors
   */
  public ConsolePort(String name, boolean terminal, ByteSink output) {
    this.name = name;
    this.terminal = terminal;
    this.output = output;
  }

  /** The port's name. */
  public String name() {
    return name;
  }

  /** Whether it is a console. */
  public boolean terminal() {
    return terminal;
  }

  /**
   * Gives bytes to the guest; blocks while the buffer is full.
   *
   * @return whether they were taken; false once the port is closed or ended
   */
  public boolean write(byte[] bytes, int offset, int count) throws InterruptedException {
    int done = 0;
    while (done < count) {
      synchronized (this) {
        while (length == BUFFER && !closed && !ended) {
          wait();
        }
        if (closed || ended) {
          return false;
        }
        int n = Math.min(count - done, BUFFER - length);
        for (int i = 0; i < n; i++) {
          input[(start + length + i) & (BUFFER - 1)] = bytes[offset + done + i];
        }
        length += n;
        done += n;
      }
      tell(false);
    }
    return true;
  }

  /** No more input comes: the guest reads to the end of what was written, then end of file. */
  public void end() {
    synchronized (this) {
      ended = true;
      notifyAll();
    }
    tell(false);
  }

  /** Sets the window size that the guest's terminal has. */
  public void resize(int newColumns, int newRows) {
    synchronized (this) {
      columns = newColumns & 0xffff;
      rows = newRows & 0xffff;
    }
    tell(true);
  }

  /** Drops what waits and releases a blocked writer; the machine is going away. */
  public void close() {
    synchronized (this) {
      closed = true;
      length = 0;
      notifyAll();
    }
  }

  /** Whether a program in the guest has the port open. */
  public synchronized boolean guestOpen() {
    return guestOpen;
  }

  private void tell(boolean resized) {
    Listener told;
    synchronized (this) {
      told = listener;
    }
    if (told == null) {
      return;
    }
    if (resized) {
      told.resized();
    } else {
      told.inputReady();
    }
  }

  synchronized void listener(@Nullable Listener newListener) {
    listener = newListener;
  }

  synchronized void guestOpen(boolean open) {
    guestOpen = open;
  }

  synchronized int columns() {
    return columns;
  }

  synchronized int rows() {
    return rows;
  }

  /** Whether input waits that the guest may have. */
  synchronized boolean inputWaits() {
    return length > 0;
  }

  /** Whether the end of input has been reached. */
  synchronized boolean atEnd() {
    return ended && length == 0;
  }

  /** Moves waiting input into a request; the number of bytes moved. */
  synchronized int fill(DescriptorChain request) {
    int n = (int) Math.min(length, request.writableBytes());
    int first = Math.min(n, BUFFER - start);
    if (!request.write(0, input, start, first)
        || (n > first && !request.write(first, input, 0, n - first))) {
      return 0;
    }
    start = (start + n) & (BUFFER - 1);
    length -= n;
    notifyAll();
    return n;
  }

  void output(byte[] bytes, int count) {
    output.accept(bytes, 0, count);
  }
}
