package isola.machine.devices.timer;

import isola.core.bus.MmioDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;
import java.util.Arrays;
import java.util.List;

/**
 * The high precision event timer: a 64-bit counter at 100 MHz and three comparators (IA-PC HPET
 * 1.0a). Any thread.
 */
public final class Hpet implements MmioDevice, Stateful<Hpet.State> {
  /**
   * Volatile state.
   *
   * @param configuration general configuration
   * @param status interrupt status
   * @param counter the main counter now
   * @param timers per comparator: configuration, comparator, period
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(long configuration, long status, long counter, long[] timers) {}

  private static final int INPUTS = 24;

  /** A guest cannot make the host's timer run more often than this, in ticks: 20 microseconds. */
  private static final long SHORTEST_PERIOD = 2_000;

  /** A comparator further away than this, in ticks, is looked at again then: about two hours. */
  private static final long HORIZON = 1L << 40;

  // Wiring.
  private final Clock clock;
  private final Clock.Timer alarm;
  private final InterruptLine[] inputs;
  private final InterruptLine legacyTimer;
  private final InterruptLine legacyClock;

  // Volatile state.
  private final long[] config = new long[HpetSpec.TIMERS];
  private final long[] comparator = new long[HpetSpec.TIMERS];
  private final long[] period = new long[HpetSpec.TIMERS];

  /** When each comparator is next reached, as a count that does not wrap at 32 bits. */
  private final long[] due = new long[HpetSpec.TIMERS];

  private volatile long general;
  private long status;

  /** While enabled: the counter minus the clock's ticks; else the counter. */
  private long counter;

  /**
   * A stopped timer.
   *
   * @param inputs the I/O APIC's 24 inputs
   * @param legacyTimer where comparator 0 goes in legacy replacement mode: request 0 (input 2)
   * @param legacyClock where comparator 1 goes then: request 8
   */
  public Hpet(
      Clock clock,
      List<InterruptLine> inputs,
      InterruptLine legacyTimer,
      InterruptLine legacyClock) {
    if (inputs.size() != INPUTS) {
      throw new IllegalArgumentException("the HPET is wired to 24 inputs, not " + inputs.size());
    }
    this.clock = clock;
    this.inputs = inputs.toArray(new InterruptLine[0]);
    this.legacyTimer = legacyTimer;
    this.legacyClock = legacyClock;
    alarm = clock.timer(this::expire);
    Arrays.fill(comparator, -1);
  }

  private boolean enabled() {
    return (general & HpetSpec.ENABLE) != 0;
  }

  /**
   * Whether legacy replacement is on, in which the 8254 and the RTC must not reach their inputs.
   * Takes no lock.
   */
  public boolean legacy() {
    return (general & HpetSpec.LEGACY) != 0;
  }

  private long count() {
    return enabled() ? clock.nanos() / HpetSpec.TICK_NANOS + counter : counter;
  }

  private void count(long value) {
    counter = enabled() ? value - clock.nanos() / HpetSpec.TICK_NANOS : value;
  }

  private static long ones(long config) {
    return (config & HpetSpec.MODE_32) != 0 ? 0xffff_ffffL : -1L;
  }

  // Registers.

  @Override
  public synchronized long read(long offset, int size) {
    int within = (int) offset & 7;
    if (within + size > 8) {
      return 0;
    }
    return register((int) offset & ~7) >>> (within * 8);
  }

  private long register(int at) {
    if (at >= HpetSpec.TIMER_0) {
      int timer = (at - HpetSpec.TIMER_0) / HpetSpec.TIMER_STRIDE;
      if (timer >= HpetSpec.TIMERS) {
        return 0;
      }
      return switch (at % HpetSpec.TIMER_STRIDE) {
        case HpetSpec.TIMER_CONFIGURATION ->
            config[timer] | HpetSpec.CAN_PERIODIC | HpetSpec.CAN_64 | (long) HpetSpec.ROUTES << 32;
        case HpetSpec.TIMER_COMPARATOR -> comparator[timer];
        default -> 0;
      };
    }
    return switch (at) {
      case HpetSpec.ID ->
          (long) HpetSpec.PERIOD_FEMTOS << 32 | (HpetSpec.CAPABILITIES & 0xffff_ffffL);
      case HpetSpec.CONFIGURATION -> general;
      case HpetSpec.STATUS -> status;
      case HpetSpec.COUNTER -> count();
      default -> 0;
    };
  }

  @Override
  public synchronized void write(long offset, int size, long value) {
    int within = (int) offset & 7;
    if (size < 4 || (within & size - 1) != 0) {
      return;
    }
    int at = (int) offset & ~7;
    long mask = size == 8 ? -1L : 0xffff_ffffL << (within * 8);
    long shifted = value << (within * 8);
    if (at >= HpetSpec.TIMER_0) {
      int timer = (at - HpetSpec.TIMER_0) / HpetSpec.TIMER_STRIDE;
      if (timer < HpetSpec.TIMERS) {
        writeTimer(timer, at % HpetSpec.TIMER_STRIDE, shifted, mask);
      }
    } else {
      switch (at) {
        case HpetSpec.CONFIGURATION -> configure((general & ~mask) | (shifted & mask));
        case HpetSpec.STATUS -> clear(shifted & mask);
        case HpetSpec.COUNTER -> {
          count((count() & ~mask) | (shifted & mask));
          rearmAll();
        }
        default -> {
          // Read-only or nothing.
        }
      }
    }
    schedule();
  }

  private void configure(long value) {
    long now = count();
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      drive(timer, false);
    }
    general = value & (HpetSpec.ENABLE | HpetSpec.LEGACY);
    count(now);
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      driveStatus(timer);
    }
    rearmAll();
  }

  private void clear(long bits) {
    status &= ~bits;
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      driveStatus(timer);
    }
  }

  private void writeTimer(int timer, int register, long value, long mask) {
    switch (register) {
      case HpetSpec.TIMER_CONFIGURATION -> {
        drive(timer, false);
        config[timer] = (config[timer] & ~mask) | (value & mask & HpetSpec.WRITABLE);
        if ((config[timer] & HpetSpec.LEVEL) == 0) {
          status &= ~(1L << timer);
        }
        comparator[timer] &= ones(config[timer]);
        period[timer] &= ones(config[timer]);
        driveStatus(timer);
      }
      case HpetSpec.TIMER_COMPARATOR -> {
        boolean periodic = (config[timer] & HpetSpec.PERIODIC) != 0;
        long ones = ones(config[timer]);
        // 2.3.9.2.2: in periodic mode a write sets the period, and the comparator only if asked to.
        if (!periodic || (config[timer] & HpetSpec.SET_ACCUMULATOR) != 0) {
          comparator[timer] = ((comparator[timer] & ~mask) | (value & mask)) & ones;
        }
        if (periodic) {
          period[timer] = ((period[timer] & ~mask) | (value & mask)) & ones;
        }
        if (mask == -1L || (mask & 1) == 0 || ones != -1L) {
          config[timer] &= ~HpetSpec.SET_ACCUMULATOR;
        }
      }
      default -> {
        return;
      }
    }
    rearm(timer);
  }

  // Interrupts.

  private InterruptLine line(int timer) {
    if ((general & HpetSpec.LEGACY) != 0 && timer < 2) {
      return timer == 0 ? legacyTimer : legacyClock;
    }
    int route = (int) (config[timer] & HpetSpec.ROUTE) >> 9;
    boolean wired = route < INPUTS && (HpetSpec.ROUTES >> route & 1) != 0;
    return wired ? inputs[route] : InterruptLine.unconnected();
  }

  private void drive(int timer, boolean asserted) {
    if ((config[timer] & HpetSpec.LEVEL) != 0) {
      line(timer).set(asserted);
    }
  }

  private void driveStatus(int timer) {
    drive(timer, (status >> timer & 1) != 0 && (config[timer] & HpetSpec.INTERRUPT) != 0);
  }

  private void fire(int timer) {
    if ((config[timer] & HpetSpec.LEVEL) != 0) {
      status |= 1L << timer;
      driveStatus(timer);
    } else if ((config[timer] & HpetSpec.INTERRUPT) != 0) {
      line(timer).pulse();
    }
  }

  private void rearmAll() {
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      rearm(timer);
    }
  }

  /** Works out, in ticks of the 64-bit count, when the counter next equals the comparator. */
  private void rearm(int timer) {
    long now = count();
    long ones = ones(config[timer]);
    long left = (comparator[timer] - now) & ones;
    due[timer] = now + (left == 0 ? (ones == -1L ? HORIZON << 2 : ones + 1) : left);
    if (left < 0 || left > HORIZON) {
      due[timer] = now + (HORIZON << 2);
    }
  }

  private synchronized void expire() {
    if (enabled()) {
      long now = count();
      for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
        if (now - due[timer] >= 0) {
          reach(timer, now);
        } else {
          rearm(timer);
        }
      }
    }
    schedule();
  }

  private void reach(int timer, long now) {
    long ones = ones(config[timer]);
    if (((comparator[timer] - due[timer]) & ones) == 0) {
      if ((config[timer] & HpetSpec.PERIODIC) != 0 && period[timer] != 0) {
        long late = now - due[timer];
        comparator[timer] =
            (comparator[timer] + (Long.divideUnsigned(late, period[timer]) + 1) * period[timer])
                & ones;
      }
      fire(timer);
    }
    rearm(timer);
  }

  private void schedule() {
    if (!enabled()) {
      alarm.cancel();
      return;
    }
    long now = count();
    long first = HORIZON;
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      boolean wanted =
          (config[timer] & (HpetSpec.INTERRUPT | HpetSpec.LEVEL | HpetSpec.PERIODIC)) != 0;
      if (wanted) {
        boolean quick = (config[timer] & HpetSpec.PERIODIC) != 0;
        first = Math.min(first, Math.max(due[timer] - now, quick ? SHORTEST_PERIOD : 0));
      }
    }
    alarm.schedule((clock.nanos() / HpetSpec.TICK_NANOS + first) * HpetSpec.TICK_NANOS);
  }

  @Override
  public synchronized void reset() {
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      drive(timer, false);
      config[timer] = 0;
      comparator[timer] = -1;
      period[timer] = 0;
    }
    general = 0;
    status = 0;
    counter = 0;
    rearmAll();
    alarm.cancel();
  }

  @Override
  public synchronized State save() {
    long[] timers = new long[3 * HpetSpec.TIMERS];
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      timers[timer * 3] = config[timer];
      timers[timer * 3 + 1] = comparator[timer];
      timers[timer * 3 + 2] = period[timer];
    }
    return new State(general, status, count(), timers);
  }

  @Override
  public synchronized void restore(State state) {
    if (state.timers.length != 3 * HpetSpec.TIMERS) {
      throw new IllegalArgumentException("the saved HPET has another number of timers");
    }
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      config[timer] = state.timers[timer * 3] & HpetSpec.WRITABLE;
      comparator[timer] = state.timers[timer * 3 + 1];
      period[timer] = state.timers[timer * 3 + 2];
    }
    general = state.configuration & (HpetSpec.ENABLE | HpetSpec.LEGACY);
    status = state.status & (1L << HpetSpec.TIMERS) - 1;
    count(state.counter);
    rearmAll();
    for (int timer = 0; timer < HpetSpec.TIMERS; timer++) {
      driveStatus(timer);
    }
    schedule();
  }
}
