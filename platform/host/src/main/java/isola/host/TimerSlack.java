package isola.host;

/**
 * How late Linux may wake the calling thread from a timed wait: 50 microseconds unless told
 * otherwise (prctl(2), PR_SET_TIMERSLACK).
 */
final class TimerSlack {
  private static final int PR_SET_TIMERSLACK = 29;

  private TimerSlack() {}

  /** Asks for 1 nanosecond on the calling thread; a host that does not know this is left alone. */
  static void minimise() {
    int _ = NativeFunction.of("prctl").callInt(PR_SET_TIMERSLACK, 1);
  }
}
