package isola.core.time;

/**
 * A guest's clock. It stands still while the machine is paused and may run at any speed; nothing
 * but its monotony may be relied on. Any thread.
 */
public interface Clock {
  /** Nanoseconds since the machine was powered on; never decreases. */
  long nanos();

  /** Wall-clock time in nanoseconds since 1970-01-01T00:00Z, as the guest should see it. */
  long wallNanos();

  /**
   * A timer of this clock that runs {@code action} on the clock's thread when due, with no lock
   * held. The action must be short and must not throw.
   */
  Timer timer(Runnable action);

  /** A one-shot timer that can be set again. Any thread. */
  interface Timer {
    /**
     * Runs the action once {@link Clock#nanos} has reached {@code deadline}; replaces an earlier
     * deadline.
     */
    void schedule(long deadline);

    /** Forgets the deadline; an action already under way still ends. */
    void cancel();
  }
}
