package isola.machine.devices.msr;

import isola.core.cpu.MsrPort;
import isola.core.device.Stateful;
import isola.core.memory.GuestMemory;
import isola.core.time.Clock;

/**
 * A vCPU's KVM clock: registers by which the guest names memory, where it then finds how to make
 * time of its time-stamp counter. The counter runs at a constant rate from the machine's clock, so
 * the structure is written when it is asked for and after the time-stamp counter was changed. Owner
 * thread of the vCPU.
 */
public final class KvmClock implements MsrPort, Stateful<KvmClock.State> {
  /**
   * Volatile state.
   *
   * @param wallClock the wall clock register
   * @param systemTime the system time register
   * @param tscOffset see {@link #tscOffset}
   * @param ahead how far this clock is ahead of the machine's, in nanoseconds
   */
  public record State(long wallClock, long systemTime, long tscOffset, long ahead) {}

  private static final long SECOND = 1_000_000_000L;

  // Configuration.
  private final int multiplier;
  private final int shift;

  // Wiring.
  private final GuestMemory memory;
  private final Clock clock;
  private final long tscHz;

  // Volatile state.
  private long wallClock;
  private long systemTime;
  private long tscOffset;
  private long ahead;
  private long value;

  /**
   * A clock that is off.
   *
   * @param tscHz frequency of the time-stamp counter in Hz, at least 1,000
   */
  public KvmClock(GuestMemory memory, Clock clock, long tscHz) {
    this.memory = memory;
    this.clock = clock;
    this.tscHz = tscHz;
    // nanos = (ticks << shift) * multiplier >> 32, the multiplier as large as 32 bits allow.
    int s = 0;
    long hz = tscHz;
    while (hz > 2 * SECOND) {
      hz >>= 1;
      s--;
    }
    while (hz <= SECOND) {
      hz <<= 1;
      s++;
    }
    shift = s;
    long scaled = s >= 0 ? tscHz << s : tscHz >> -s;
    multiplier = (int) (((SECOND << 32) - 1) / Math.max(scaled, 1));
  }

  /** The time-stamp counter is {@code ticks} ahead of the machine's clock times its frequency. */
  public void tscOffset(long ticks) {
    tscOffset = ticks;
    writeSystemTime();
  }

  private void writeSystemTime() {
    if ((systemTime & KvmClockSpec.ENABLE) == 0) {
      return;
    }
    long at = systemTime & ~KvmClockSpec.ENABLE;
    if (!memory.contains(at, 32)) {
      return;
    }
    long nanos = clock.nanos();
    long tsc = tscOffset + nanos / SECOND * tscHz + nanos % SECOND * tscHz / SECOND;
    long version = memory.get(at, 4) + 1 | 1;
    memory.put(at + KvmClockSpec.TIME_VERSION, 4, version);
    memory.put(at + KvmClockSpec.TIME_TSC, 8, tsc);
    memory.put(at + KvmClockSpec.TIME_SYSTEM, 8, nanos + ahead);
    memory.put(at + KvmClockSpec.TIME_MULTIPLIER, 4, multiplier);
    memory.put(at + KvmClockSpec.TIME_SHIFT, 1, shift);
    memory.put(at + KvmClockSpec.TIME_FLAGS, 1, KvmClockSpec.FLAG_STABLE);
    memory.put(at + KvmClockSpec.TIME_VERSION, 4, version + 1);
  }

  /** The wall time at which this clock was 0. */
  private void writeWallClock() {
    long at = wallClock;
    if (!memory.contains(at, 12)) {
      return;
    }
    long start = clock.wallNanos() - clock.nanos() - ahead;
    long version = memory.get(at, 4) + 1 | 1;
    memory.put(at + KvmClockSpec.WALL_VERSION, 4, version);
    memory.put(at + KvmClockSpec.WALL_SECONDS, 4, Math.floorDiv(start, SECOND));
    memory.put(at + KvmClockSpec.WALL_NANOS, 4, Math.floorMod(start, SECOND));
    memory.put(at + KvmClockSpec.WALL_VERSION, 4, version + 1);
  }

  @Override
  public Access read(int index) {
    switch (index) {
      case KvmClockSpec.MSR_WALL_CLOCK, KvmClockSpec.MSR_WALL_CLOCK_NEW -> value = wallClock;
      case KvmClockSpec.MSR_SYSTEM_TIME, KvmClockSpec.MSR_SYSTEM_TIME_NEW -> value = systemTime;
      default -> {
        return Access.ABSENT;
      }
    }
    return Access.OK;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public Access write(int index, long written) {
    switch (index) {
      case KvmClockSpec.MSR_WALL_CLOCK, KvmClockSpec.MSR_WALL_CLOCK_NEW -> {
        wallClock = written;
        writeWallClock();
      }
      case KvmClockSpec.MSR_SYSTEM_TIME, KvmClockSpec.MSR_SYSTEM_TIME_NEW -> {
        systemTime = written;
        writeSystemTime();
      }
      default -> {
        return Access.ABSENT;
      }
    }
    return Access.OK;
  }

  @Override
  public void reset() {
    wallClock = 0;
    systemTime = 0;
    tscOffset = 0;
    ahead = 0;
  }

  @Override
  public State save() {
    return new State(wallClock, systemTime, tscOffset, ahead);
  }

  @Override
  public void restore(State state) {
    wallClock = state.wallClock;
    systemTime = state.systemTime;
    tscOffset = state.tscOffset;
    ahead = state.ahead;
    writeSystemTime();
  }
}
