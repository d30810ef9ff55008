package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * A function of the C library whose arguments are integers and addresses, six at most. Any thread.
 *
 * <p>All of them are called in one form, with six 8-byte arguments and an 8-byte result, because
 * the JVM makes some twenty classes for each form that it meets, which no class cache keeps and
 * which takes longer than all else that a start does. A 64-bit Linux passes each integer and each
 * address in a register of its own, named or variable, and a function looks at none but those of
 * its own arguments (System V ABI for AMD64, 3.2.3; AAPCS64, 6.8.2).
 */
final class NativeFunction {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final FunctionDescriptor FORM =
      FunctionDescriptor.of(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();

  /** Linux's has this one member. */
  private static final int ERRNO = 0;

  /** With the address, and a place for {@code errno}. */
  private static final MethodHandle CALL =
      LINKER.downcallHandle(FORM, Linker.Option.captureCallState("errno"));

  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

  private final MemorySegment address;

  private NativeFunction(MemorySegment address) {
    this.address = address;
  }

  /**
   * Finds a function.
   *
   * @throws LinkageError if the C library has none of that name
   */
  static NativeFunction of(String name) {
    return new NativeFunction(
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name)));
  }

  /** Its host address. */
  long address() {
    return address.address();
  }

  /** As {@link #call(long, long, long, long, long, long)}, of a function without arguments. */
  long call() {
    return call(0, 0, 0, 0, 0, 0);
  }

  /** As {@link #call(long, long, long, long, long, long)}, with fewer arguments. */
  long call(long first) {
    return call(first, 0, 0, 0, 0, 0);
  }

  /** As {@link #call(long, long, long, long, long, long)}, with fewer arguments. */
  long call(long first, long second) {
    return call(first, second, 0, 0, 0, 0);
  }

  /** As {@link #call(long, long, long, long, long, long)}, with fewer arguments. */
  long call(long first, long second, long third) {
    return call(first, second, third, 0, 0, 0);
  }

  /** As {@link #call(long, long, long, long, long, long)}, with fewer arguments. */
  long call(long first, long second, long third, long fourth) {
    return call(first, second, third, fourth, 0, 0);
  }

  /**
   * Calls a function whose result is 8 bytes: what it returns, or the negated {@code errno} if that
   * is -1. It does not hold up a garbage collection.
   */
  long call(long first, long second, long third, long fourth, long fifth, long sixth) {
    MemorySegment state = STATE.get();
    long result = call(state, first, second, third, fourth, fifth, sixth);
    return result == -1 ? -errno(state) : result;
  }

  /** As {@link #callInt(long, long, long, long)}, with fewer arguments. */
  int callInt(long first) {
    return callInt(first, 0, 0, 0);
  }

  /** As {@link #callInt(long, long, long, long)}, with fewer arguments. */
  int callInt(long first, long second) {
    return callInt(first, second, 0, 0);
  }

  /** As {@link #callInt(long, long, long, long)}, with fewer arguments. */
  int callInt(long first, long second, long third) {
    return callInt(first, second, third, 0);
  }

  /**
   * As {@link #call(long, long, long, long, long, long)}, of a function that returns an {@code
   * int}.
   */
  int callInt(long first, long second, long third, long fourth) {
    MemorySegment state = STATE.get();
    int result = (int) call(state, first, second, third, fourth, 0, 0);
    return result == -1 ? -errno(state) : result;
  }

  private long call(
      MemorySegment state,
      long first,
      long second,
      long third,
      long fourth,
      long fifth,
      long sixth) {
    try {
      return (long) CALL.invokeExact(address, state, first, second, third, fourth, fifth, sixth);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static int errno(MemorySegment state) {
    return state.get(JAVA_INT, ERRNO);
  }

  /** A string as the C library takes it, which lives as long as the arena. */
  static MemorySegment string(Arena arena, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    MemorySegment string = arena.allocate(bytes.length + 1L);
    return string.copyFrom(MemorySegment.ofArray(bytes));
  }

  /** Code of six 8-byte arguments and an 8-byte result, at an address that comes first. */
  static MethodHandle anyCode() {
    return LINKER.downcallHandle(FORM);
  }

  /** As {@link #anyCode}, at one address. */
  static MethodHandle code(long address) {
    return LINKER.downcallHandle(MemorySegment.ofAddress(address), FORM);
  }

  /** What an error number says, in the C library's words. */
  static String message(long errno) {
    return switch ((int) errno) {
      case 1 -> "operation not permitted (EPERM)";
      case 2 -> "no such file (ENOENT)";
      case 4 -> "interrupted (EINTR)";
      case 6 -> "no such device or address (ENXIO)";
      case 7 -> "too long a list (E2BIG)";
      case 9 -> "bad file descriptor (EBADF)";
      case 11 -> "resource temporarily unavailable (EAGAIN)";
      case 12 -> "out of memory (ENOMEM)";
      case 13 -> "permission denied (EACCES)";
      case 14 -> "bad address (EFAULT)";
      case 16 -> "busy (EBUSY)";
      case 17 -> "it exists already (EEXIST)";
      case 19 -> "no such device (ENODEV)";
      case 22 -> "invalid argument (EINVAL)";
      case 23, 24 -> "too many open files (ENFILE, EMFILE)";
      case 25 -> "not a thing that this device knows (ENOTTY)";
      case 28 -> "no room left (ENOSPC)";
      default -> "error number " + errno;
    };
  }

  /** To be thrown when a call of a bound function itself fails, which only a wrong binding can. */
  static AssertionError unexpected(Throwable e) {
    if (e instanceof Error error && !(e instanceof AssertionError)) {
      throw error;
    }
    return new AssertionError(e);
  }
}
