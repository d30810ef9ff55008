package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A signal that only ends a thread's waits in the kernel: a real-time signal that neither the C
 * library nor the JVM uses (signal(7)), with a handler that does nothing. What else it interrupts
 * goes on by itself where the kernel can make it.
 */
public final class ThreadSignal {
  /** Its number: some way above SIGRTMIN, which the C library puts at 34. */
  private static final int NUMBER = 44;

  private static final int SIG_UNBLOCK = 1;

  /** Bytes of a sigset_t in the C library; the kernel's is its first eight. */
  private static final int SIGSET_BYTES = 128;

  private static final NativeFunction GETTID = NativeFunction.of("gettid");
  private static final NativeFunction TGKILL = NativeFunction.of("tgkill");
  private static final NativeFunction SIGMASK = NativeFunction.of("pthread_sigmask");
  private static final NativeFunction SIGACTION = NativeFunction.of("sigaction");

  // The C library's struct sigaction on 64-bit Linux: handler, mask, flags, restorer.
  private static final int SIGACTION_BYTES = 152;
  private static final int SIGACTION_FLAGS = 136;
  private static final int SA_RESTART = 0x1000_0000;

  static {
    handle();
  }

  private static final int PROCESS = (int) ProcessHandle.current().pid();

  private ThreadSignal() {}

  /** Gives the signal its handler: abs(3), which takes an int and changes nothing. */
  private static void handle() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(SIGACTION_BYTES, 8);
      action.set(JAVA_LONG, 0, NativeFunction.of("abs").address());
      action.set(JAVA_INT, SIGACTION_FLAGS, SA_RESTART);
      int result = SIGACTION.callInt(NUMBER, action.address(), 0);
      if (result != 0) {
        throw new IllegalStateException("sigaction: " + NativeFunction.message(-result));
      }
    }
  }

  /** The kernel's number of the calling thread, which must be a platform thread. */
  public static int currentThread() {
    return (int) GETTID.call();
  }

  /** Lets the signal through to the calling thread, which may have been started with it blocked. */
  public static void accept() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(SIGSET_BYTES, 8);
      set.set(JAVA_LONG, 0, 1L << (NUMBER - 1));
      int error = SIGMASK.callInt(SIG_UNBLOCK, set.address(), 0);
      if (error != 0) {
        throw new IllegalStateException("pthread_sigmask: " + NativeFunction.message(error));
      }
    }
  }

  /**
   * Sends the signal to a thread of this process, by its {@link #currentThread}. The caller sees to
   * it that the thread is alive.
   */
  public static void send(int thread) {
    int result = TGKILL.callInt(PROCESS, thread, NUMBER);
    if (result != 0) {
      throw new IllegalStateException(
          "tgkill of thread %d: %s".formatted(thread, NativeFunction.message(-result)));
    }
  }
}
