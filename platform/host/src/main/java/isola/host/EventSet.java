package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Event descriptors (eventfd(2)) that the kernel counts up, and a way for one thread to wait for
 * any of them (epoll(7)). Any thread adds and removes; one at a time waits.
 */
public final class EventSet implements AutoCloseable {
  private static final int CLOEXEC = 0x80000;
  private static final int NONBLOCK = 0x800;
  private static final int EPOLLIN = 1;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;

  /** {@code struct epoll_event} is packed on x86: events, then data. */
  private static final int EVENT_SIZE = 12;

  private static final int EVENT_DATA = 4;
  private static final int AT_ONCE = 16;

  /** The key of the descriptor that ends a wait. */
  private static final long END = -1;

  private static final NativeFunction EVENTFD = NativeFunction.of("eventfd");
  private static final NativeFunction EPOLL_CREATE = NativeFunction.of("epoll_create1");
  private static final NativeFunction EPOLL_CTL = NativeFunction.of("epoll_ctl");
  private static final NativeFunction EPOLL_WAIT = NativeFunction.of("epoll_wait");
  private static final NativeFunction READ = NativeFunction.of("read");
  private static final NativeFunction WRITE = NativeFunction.of("write");

  /** Told of an event that happened, once or more. */
  @FunctionalInterface
  public interface Listener {
    /** With the descriptor that counted up. */
    void happened(int descriptor);
  }

  private final int epoll;
  private final int end;

  /**
   * A set without events.
   *
   * @throws IllegalStateException if the host refuses, as when this process has too many files open
   */
  public EventSet() {
    epoll = require(EPOLL_CREATE.callInt(CLOEXEC), "epoll_create1");
    end = eventDescriptor();
    control(EPOLL_CTL_ADD, end, END);
  }

  private static int require(int result, String call) {
    if (result < 0) {
      throw new IllegalStateException(
          "The host refused an event descriptor (%s): %s."
              .formatted(call, NativeFunction.message(-result)));
    }
    return result;
  }

  private static int eventDescriptor() {
    return require(EVENTFD.callInt(0, CLOEXEC | NONBLOCK), "eventfd");
  }

  private void control(int operation, int descriptor, long key) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment event = arena.allocate(EVENT_SIZE);
      event.set(JAVA_INT_UNALIGNED, 0, EPOLLIN);
      event.set(JAVA_LONG_UNALIGNED, EVENT_DATA, key);
      int _ =
          require(EPOLL_CTL.callInt(epoll, operation, descriptor, event.address()), "epoll_ctl");
    }
  }

  /**
   * A new event descriptor in this set.
   *
   * @throws IllegalStateException if the host refuses
   */
  public int add() {
    int event = eventDescriptor();
    control(EPOLL_CTL_ADD, event, event);
    return event;
  }

  /** Removes and closes an event descriptor. */
  public void remove(int event) {
    control(EPOLL_CTL_DEL, event, event);
    DeviceFile.close(event);
  }

  /** Waits and tells of events, until {@link #end}. */
  public void listen(Listener listener) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment events = arena.allocate((long) EVENT_SIZE * AT_ONCE);
      MemorySegment count = arena.allocate(JAVA_LONG);
      while (true) {
        int ready = EPOLL_WAIT.callInt(epoll, events.address(), AT_ONCE, -1);
        if (ready < 0 && ready != -DeviceFile.EINTR) {
          return;
        }
        for (int i = 0; i < ready; i++) {
          long key = events.get(JAVA_LONG_UNALIGNED, (long) i * EVENT_SIZE + EVENT_DATA);
          if (key == END) {
            return;
          }
          if (READ.call(key, count.address(), 8) == 8) {
            listener.happened((int) key);
          }
        }
      }
    }
  }

  /** Counts an event up, as the kernel would. */
  public static void signal(int event) {
    try (Arena arena = Arena.ofConfined()) {
      long _ = WRITE.call(event, arena.allocateFrom(JAVA_LONG, 1).address(), 8);
    }
  }

  /** Makes {@link #listen} return. */
  public void end() {
    signal(end);
  }

  /** Closes what is left of the set, once nobody listens; events not removed are the caller's. */
  @Override
  public void close() {
    DeviceFile.close(end);
    DeviceFile.close(epoll);
  }
}
