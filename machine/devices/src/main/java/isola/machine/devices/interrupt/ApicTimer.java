package isola.machine.devices.interrupt;

import isola.core.time.Clock;

/**
 * The local APIC's timer (Intel SDM vol. 3A 10.5.4): one-shot, periodic and TSC-deadline. No lock
 * of its own: {@link LocalApic} holds its lock around every call.
 */
final class ApicTimer {
  private static final long SECOND = 1_000_000_000L;
  private static final long NANOS_PER_TICK = SECOND / ApicSpec.TIMER_HZ;

  /** A guest cannot make the host's timer run more often than this, in nanoseconds. */
  private static final long SHORTEST_PERIOD = 20_000;

  /** Further in the future than this nothing is scheduled exactly: about a hundred years. */
  private static final long HORIZON = 1L << 61;

  // Configuration.
  private final long tscHz;

  // Wiring.
  private final Clock clock;
  private final Clock.Timer alarm;

  // Volatile state.
  private int mode;
  private int divide;
  private long initial;
  private boolean running;
  private long remaining;
  private long since;
  private long deadline;
  private long tscOffset;

  ApicTimer(Clock clock, long tscHz, Runnable due) {
    this.clock = clock;
    this.tscHz = tscHz;
    alarm = clock.timer(due);
  }

  private boolean deadlineMode() {
    return (mode & ApicSpec.LVT_TIMER_DEADLINE) != 0;
  }

  private long tick() {
    return tick(divide);
  }

  private static long tick(int divide) {
    // Bits 3, 1 and 0: divide by 2, 4, ... 128, and 7 is by 1; figure 10-10.
    int code = (divide & 3) | (divide >> 1 & 4);
    return NANOS_PER_TICK << ((code + 1) & 7);
  }

  private long tsc(long nanos) {
    return tscOffset + nanos / SECOND * tscHz + nanos % SECOND * tscHz / SECOND;
  }

  /** The timer entry of the local vector table was written. */
  void mode(int lvt) {
    int newMode = lvt & ApicSpec.LVT_TIMER_MODE;
    if (newMode == mode) {
      return;
    }
    boolean wasDeadline = deadlineMode();
    if (!wasDeadline) {
      hold();
    }
    mode = newMode;
    if (wasDeadline != deadlineMode()) {
      // 10.5.4.1: going from or to TSC-deadline mode disarms the timer.
      running = false;
      initial = 0;
      deadline = 0;
    }
    schedule();
  }

  /** Brings the count up to now, so that what it depends on can change. */
  private void hold() {
    if (running) {
      remaining = Integer.toUnsignedLong(currentCount());
      since = clock.nanos();
      running = remaining != 0;
    }
  }

  int divide() {
    return divide;
  }

  void divide(int value) {
    hold();
    divide = value & 0xb;
    schedule();
  }

  int initialCount() {
    return (int) initial;
  }

  void initialCount(int value) {
    if (deadlineMode()) {
      return;
    }
    initial = value & 0xffff_ffffL;
    remaining = initial;
    since = clock.nanos();
    running = initial != 0;
    schedule();
  }

  int currentCount() {
    return currentCount(save(), mode, clock.nanos());
  }

  /** What a timer in this state and mode counts at some time of the machine's clock. */
  static int currentCount(LocalApic.TimerState state, int lvt, long nanos) {
    int mode = lvt & ApicSpec.LVT_TIMER_MODE;
    if (!state.running() || (mode & ApicSpec.LVT_TIMER_DEADLINE) != 0 || state.initial() == 0) {
      return 0;
    }
    long elapsed = (nanos - state.since()) / tick(state.divide());
    if (elapsed < state.remaining()) {
      return (int) (state.remaining() - elapsed);
    }
    boolean periodic = mode == ApicSpec.LVT_TIMER_PERIODIC;
    return periodic ? (int) (state.initial() - (elapsed - state.remaining()) % state.initial()) : 0;
  }

  long deadline() {
    return deadlineMode() ? deadline : 0;
  }

  void deadline(long tsc) {
    if (deadlineMode()) {
      deadline = tsc;
      schedule();
    }
  }

  void tscOffset(long ticks) {
    tscOffset = ticks;
    schedule();
  }

  private void schedule() {
    if (deadlineMode()) {
      if (deadline == 0) {
        alarm.cancel();
        return;
      }
      long now = clock.nanos();
      long tsc = tsc(now);
      long ticks = deadline - tsc;
      if (Long.compareUnsigned(deadline, tsc) <= 0) {
        ticks = 0;
      } else if (ticks < 0 || ticks / tscHz > HORIZON / SECOND) {
        alarm.schedule(HORIZON);
        return;
      }
      long nanos = ticks / tscHz * SECOND + (ticks % tscHz * SECOND + tscHz - 1) / tscHz;
      alarm.schedule(now + nanos);
    } else if (running) {
      alarm.schedule(since + remaining * tick());
    } else {
      alarm.cancel();
    }
  }

  /** The alarm rang; returns whether the timer has run out since the last time. */
  boolean expired() {
    long now = clock.nanos();
    if (deadlineMode()) {
      if (deadline != 0 && Long.compareUnsigned(tsc(now), deadline) >= 0) {
        deadline = 0;
        return true;
      }
      schedule();
      return false;
    }
    if (!running || now < since + remaining * tick()) {
      return false;
    }
    if (mode == ApicSpec.LVT_TIMER_PERIODIC) {
      long period = initial * tick();
      long first = since + remaining * tick();
      since = first + (now - first) / period * period;
      remaining = initial;
      // Several periods may have passed, of which the interrupt request register holds one.
      alarm.schedule(Math.max(since + period, now + SHORTEST_PERIOD));
    } else {
      running = false;
    }
    return true;
  }

  void reset() {
    mode = 0;
    divide = 0;
    initial = 0;
    running = false;
    deadline = 0;
    alarm.cancel();
  }

  LocalApic.TimerState save() {
    return new LocalApic.TimerState(divide, initial, running, remaining, since, deadline);
  }

  void restore(LocalApic.TimerState state, int lvt) {
    mode = lvt & ApicSpec.LVT_TIMER_MODE;
    divide = state.divide() & 0xb;
    initial = state.initial() & 0xffff_ffffL;
    remaining = state.remaining() & 0xffff_ffffL;
    since = Math.min(state.since(), clock.nanos());
    running = state.running() && initial != 0;
    deadline = state.deadline();
    schedule();
  }
}
