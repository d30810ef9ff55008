package isola.host;

import static isola.host.NativeFunction.errno;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

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

  private static final MethodHandle EVENTFD =
      NativeFunction.bindWithErrno("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle EPOLL_CREATE =
      NativeFunction.bindWithErrno("epoll_create1", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle EPOLL_CTL =
      NativeFunction.bindWithErrno(
          "epoll_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle EPOLL_WAIT =
      NativeFunction.bindWithErrno(
          "epoll_wait", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle READ =
      NativeFunction.bindWithErrno(
          "read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle WRITE =
      NativeFunction.bindWithErrno(
          "write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));

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
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      epoll = (int) EPOLL_CREATE.invokeExact(state, CLOEXEC);
      require(epoll, "epoll_create1", state);
      end = eventDescriptor(state);
      control(EPOLL_CTL_ADD, end, END);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  private static void require(int result, String call, MemorySegment state) {
    if (result < 0) {
      throw new IllegalStateException(
          "The host refused an event descriptor (%s): %s."
              .formatted(call, NativeFunction.message(errno(state))));
    }
  }

  private static int eventDescriptor(MemorySegment state) throws Throwable {
    int event = (int) EVENTFD.invokeExact(state, 0, CLOEXEC | NONBLOCK);
    require(event, "eventfd", state);
    return event;
  }

  private void control(int operation, int descriptor, long key) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      MemorySegment event = arena.allocate(EVENT_SIZE);
      event.set(JAVA_INT_UNALIGNED, 0, EPOLLIN);
      event.set(JAVA_LONG_UNALIGNED, EVENT_DATA, key);
      require(
          (int) EPOLL_CTL.invokeExact(state, epoll, operation, descriptor, event),
          "epoll_ctl",
          state);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /**
   * A new event descriptor in this set.
   *
   * @throws IllegalStateException if the host refuses
   */
  public int add() {
    try (Arena arena = Arena.ofConfined()) {
      int event = eventDescriptor(NativeFunction.callState(arena));
      control(EPOLL_CTL_ADD, event, event);
      return event;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Removes and closes an event descriptor. */
  public void remove(int event) {
    control(EPOLL_CTL_DEL, event, event);
    DeviceFile.close(event);
  }

  /** Waits and tells of events, until {@link #end}. */
  public void listen(Listener listener) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      MemorySegment events = arena.allocate((long) EVENT_SIZE * AT_ONCE);
      MemorySegment count = arena.allocate(JAVA_LONG);
      while (true) {
        int ready = (int) EPOLL_WAIT.invokeExact(state, epoll, events, AT_ONCE, -1);
        if (ready < 0 && errno(state) != DeviceFile.EINTR) {
          return;
        }
        for (int i = 0; i < ready; i++) {
          long key = events.get(JAVA_LONG_UNALIGNED, (long) i * EVENT_SIZE + EVENT_DATA);
          if (key == END) {
            return;
          }
          if ((long) READ.invokeExact(state, (int) key, count, 8L) == 8) {
            listener.happened((int) key);
          }
        }
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
    }
  }

  /** Counts an event up, as the kernel would. */
  public static void signal(int event) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocateFrom(JAVA_LONG, 1);
      long _ = (long) WRITE.invokeExact(NativeFunction.callState(arena), event, one, 8L);
    } catch (Throwable e) {
      throw NativeFunction.unexpected(e);
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
