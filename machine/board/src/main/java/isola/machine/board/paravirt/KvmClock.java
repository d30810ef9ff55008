package isola.machine.board.paravirt;

import isola.core.cpu.MsrPort;
import isola.core.memory.GuestMemory;
import isola.core.time.Clock;
import java.util.function.LongSupplier;

/**
 * KVM's paravirtual clock for one processor (Linux Documentation/virt/kvm/x86/msr.rst and
 * asm/pvclock-abi.h): the guest names a place in its memory, and finds there how to make
 * nanoseconds from its time-stamp counter. As that counter never changes its rate and stands still
 * together with the machine's clock, the place is written once and stays right.
 */
public final class KvmClock implements MsrPort {
  private static final int WALL_CLOCK_NEW = 0x4b56_4d00;
  private static final int SYSTEM_TIME_NEW = 0x4b56_4d01;

  private static final int ENABLE = 1;
  private static final int TSC_STABLE = 1;
  private static final long NANOS = 1_000_000_000L;

  private final GuestMemory memory;
  private final Clock clock;
  private final long tscHz;
  private final LongSupplier tscOffset;
  private long wallClock;
  private long systemTime;
  private long value;

  /**
   * The clock of one processor.
   *
   * @param tscHz frequency of the time-stamp counter, Hz
   * @param tscOffset what is added to the clock's count to give this processor's counter
   */
  public KvmClock(GuestMemory memory, Clock clock, long tscHz, LongSupplier tscOffset) {
    this.memory = memory;
    this.clock = clock;
    this.tscHz = tscHz;
    this.tscOffset = tscOffset;
  }

  @Override
  public Access read(int index) {
    switch (index) {
      case WALL_CLOCK_NEW -> value = wallClock;
      case SYSTEM_TIME_NEW -> value = systemTime;
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
      case WALL_CLOCK_NEW -> {
        wallClock = written;
        writeWallClock(written);
      }
      case SYSTEM_TIME_NEW -> {
        systemTime = written;
        if ((written & ENABLE) != 0) {
          writeSystemTime(written & ~ENABLE);
        }
      }
      default -> {
        return Access.ABSENT;
      }
    }
    return Access.OK;
  }

  /** struct pvclock_wall_clock: wall-clock time when system time was 0. */
  private void writeWallClock(long at) {
    long boot = clock.wallNanos() - clock.nanos();
    memory.put(at, 4, 1);
    memory.put(at + 4, 4, boot / NANOS);
    memory.put(at + 8, 4, boot % NANOS);
    memory.put(at, 4, 2);
  }

  /** struct pvclock_vcpu_time_info. */
  private void writeSystemTime(long at) {
    long now = clock.nanos();
    // nanoseconds = (ticks << shift) * multiplier / 2^32; the multiplier wants its top bit set.
    int shift = 0;
    long scaled = tscHz;
    while (scaled > 2 * NANOS) {
      scaled >>>= 1;
      shift--;
    }
    while (scaled <= NANOS) {
      scaled <<= 1;
      shift++;
    }
    long multiplier = Long.divideUnsigned(NANOS << 32, scaled);
    memory.put(at, 4, 1);
    memory.put(at + 8, 8, ticks(now) + tscOffset.getAsLong());
    memory.put(at + 16, 8, now);
    memory.put(at + 24, 4, multiplier);
    memory.put(at + 28, 1, shift);
    memory.put(at + 29, 1, TSC_STABLE);
    memory.put(at, 4, 2);
  }

  private long ticks(long nanos) {
    return nanos / NANOS * tscHz + nanos % NANOS * tscHz / NANOS;
  }

  /** Forgets what the guest asked for, as a reset does. */
  public void reset() {
    wallClock = 0;
    systemTime = 0;
  }
}
