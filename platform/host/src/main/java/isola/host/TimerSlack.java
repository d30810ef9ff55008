package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * How late Linux may wake the calling thread from a timed wait: 50 microseconds unless told
 * otherwise (prctl(2), PR_SET_TIMERSLACK).
 */
final class TimerSlack {
  private static final int PR_SET_TIMERSLACK = 29;

  private TimerSlack() {}

  /** Asks for 1 nanosecond on the calling thread; a host that does not know this is left alone. */
  static void minimise() {
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> prctl = linker.defaultLookup().find("prctl");
    if (prctl.isEmpty()) {
      return;
    }
    MethodHandle call =
        linker.downcallHandle(
            prctl.get(),
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    try {
      int _ = (int) call.invokeExact(PR_SET_TIMERSLACK, 1L);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
