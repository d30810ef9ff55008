package isola.host;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/** How functions of the C library are bound, and how their {@code errno} is read. */
final class NativeFunction {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));

  private NativeFunction() {}

  /** Binds a function. */
  static MethodHandle bind(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
  }

  /**
   * Binds a function whose first parameter becomes a place for {@code errno}, see {@link
   * #callState}.
   */
  static MethodHandle bindWithErrno(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name), type, Linker.Option.captureCallState("errno"));
  }

  /** Binds a variadic function called with {@code fixed} named arguments and the rest variadic. */
  static MethodHandle bindVariadic(String name, int fixed, FunctionDescriptor type) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        type,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixed));
  }

  /** A place for {@code errno} that lives as long as the arena. */
  static MemorySegment callState(Arena arena) {
    return arena.allocate(CALL_STATE);
  }

  /** The number that the last call left. */
  static int errno(MemorySegment callState) {
    return (int) ERRNO.get(callState, 0L);
  }

  /** What an error number says, in the C library's words. */
  static String message(int errno) {
    return switch (errno) {
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
