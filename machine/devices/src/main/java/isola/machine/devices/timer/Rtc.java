package isola.machine.devices.timer;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/**
 * The MC146818 real-time clock and its CMOS memory, two ports from 0x70. The time is the clock's
 * wall time in UTC plus an offset, which is what a guest changes when it sets the clock. Any
 * thread.
 */
public final class Rtc implements PortDevice, Stateful<Rtc.State> {
  /**
   * Volatile state.
   *
   * @param index the selected byte
   * @param cmos all bytes; of the clock's own, alarms and registers A to C count
   * @param offset what the guest added to the wall time, in nanoseconds
   * @param stopped the time at which the clock stands, in nanoseconds since 1970, if it does
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int index, byte[] cmos, long offset, long stopped) {}

  private static final long SECOND = 1_000_000_000L;
  private static final long DAY_SECONDS = 86_400;

  /** Register B's interrupt enables; the same bits of register C say which is due. */
  private static final int SOURCES = RtcSpec.B_PERIODIC | RtcSpec.B_ALARM | RtcSpec.B_UPDATE;

  // Wiring.
  private final Clock clock;
  private final InterruptLine interrupt;
  private final Clock.Timer alarm;

  // Volatile state.
  private final byte[] cmos = new byte[RtcSpec.BYTES];
  private int index;
  private long offset;
  private long stopped;
  private boolean running = true;

  /** Periods and seconds up to here have had their interrupts, in nanoseconds of {@link #time}. */
  private long servedPeriod;

  private long servedSecond;

  /**
   * A clock that shows the wall time.
   *
   * @param interrupt interrupt request 8
   */
  public Rtc(Clock clock, InterruptLine interrupt) {
    this.clock = clock;
    this.interrupt = interrupt;
    alarm = clock.timer(this::due);
    reset();
  }

  /** Sets a byte of CMOS memory, 0x0e to 0x7f, as firmware does: memory sizes and the like. */
  public synchronized void preset(int address, int value) {
    if (address <= RtcSpec.D || address >= RtcSpec.BYTES) {
      throw new IllegalArgumentException("no CMOS byte at 0x%x".formatted(address));
    }
    cmos[address] = (byte) value;
  }

  /** Presets the bytes that state the memory size; {@code below4G} and {@code above4G} in bytes. */
  public void presetMemory(long below4G, long above4G) {
    long extended = Math.clamp((below4G >> 10) - 1024, 0, 0xfc00);
    presetWord(RtcSpec.BASE_MEMORY, 640);
    presetWord(RtcSpec.EXTENDED_MEMORY, (int) extended);
    presetWord(RtcSpec.EXTENDED_MEMORY_2, (int) extended);
    presetWord(RtcSpec.MEMORY_ABOVE_16M, Math.clamp((below4G >> 16) - 256, 0, 0xffff));
    long high = Math.min(above4G >> 16, 0xff_ffff);
    presetWord(RtcSpec.MEMORY_ABOVE_4G, (int) high & 0xffff);
    preset(RtcSpec.MEMORY_ABOVE_4G + 2, (int) (high >> 16));
  }

  private void presetWord(int address, int value) {
    preset(address, value);
    preset(address + 1, value >> 8);
  }

  private int at(int address) {
    return cmos[address] & 0xff;
  }

  /** Nanoseconds since 1970 that the registers show. */
  private long time() {
    return running ? clock.wallNanos() + offset : stopped;
  }

  // Number formats.

  private boolean binary() {
    return (at(RtcSpec.B) & RtcSpec.B_BINARY) != 0;
  }

  private int encode(int value) {
    return binary() ? value : (value / 10) << 4 | value % 10;
  }

  private int decode(int value) {
    return binary() ? value : (value >> 4) * 10 + (value & 0xf);
  }

  private int encodeHours(int hours) {
    if ((at(RtcSpec.B) & RtcSpec.B_24_HOURS) != 0) {
      return encode(hours);
    }
    return encode((hours + 11) % 12 + 1) | (hours >= 12 ? RtcSpec.HOURS_PM : 0);
  }

  private int decodeHours(int value) {
    if ((at(RtcSpec.B) & RtcSpec.B_24_HOURS) != 0) {
      return decode(value);
    }
    return decode(value & ~RtcSpec.HOURS_PM) % 12 + ((value & RtcSpec.HOURS_PM) != 0 ? 12 : 0);
  }

  // Registers.

  @Override
  public synchronized int in(int port, int size) {
    // The index port is write-only.
    return (port == 0 ? 0xff : read(index)) | 0xffff_ff00;
  }

  private int read(int address) {
    return switch (address) {
      case RtcSpec.A -> at(RtcSpec.A) | (updating() ? RtcSpec.A_UPDATE_IN_PROGRESS : 0);
      case RtcSpec.C -> acknowledge();
      case RtcSpec.D -> RtcSpec.D_VALID;
      default -> {
        if (running && isTime(address)) {
          showTime();
        }
        yield at(address);
      }
    };
  }

  private static boolean isTime(int address) {
    return switch (address) {
      case RtcSpec.SECONDS,
          RtcSpec.MINUTES,
          RtcSpec.HOURS,
          RtcSpec.DAY_OF_WEEK,
          RtcSpec.DAY,
          RtcSpec.MONTH,
          RtcSpec.YEAR,
          RtcSpec.CENTURY ->
          true;
      default -> false;
    };
  }

  /** Puts the time into the registers. */
  private void showTime() {
    LocalDateTime t = LocalDateTime.ofEpochSecond(Math.floorDiv(time(), SECOND), 0, ZoneOffset.UTC);
    cmos[RtcSpec.SECONDS] = (byte) encode(t.getSecond());
    cmos[RtcSpec.MINUTES] = (byte) encode(t.getMinute());
    cmos[RtcSpec.HOURS] = (byte) encodeHours(t.getHour());
    cmos[RtcSpec.DAY_OF_WEEK] = (byte) encode(t.getDayOfWeek().getValue() % 7 + 1);
    cmos[RtcSpec.DAY] = (byte) encode(t.getDayOfMonth());
    cmos[RtcSpec.MONTH] = (byte) encode(t.getMonthValue());
    cmos[RtcSpec.YEAR] = (byte) encode(Math.floorMod(t.getYear(), 100));
    cmos[RtcSpec.CENTURY] = (byte) encode(Math.floorMod(t.getYear() / 100, 100));
  }

  /** The time in the registers, or {@code otherwise} if they hold none. */
  private long shownTime(long otherwise) {
    try {
      LocalDateTime t =
          LocalDateTime.of(
              decode(at(RtcSpec.CENTURY)) * 100 + decode(at(RtcSpec.YEAR)),
              decode(at(RtcSpec.MONTH)),
              decode(at(RtcSpec.DAY)),
              decodeHours(at(RtcSpec.HOURS)),
              decode(at(RtcSpec.MINUTES)),
              decode(at(RtcSpec.SECONDS)));
      // Nanoseconds of a long reach from 1678 to 2261.
      return t.getYear() >= 1900 && t.getYear() < 2200
          ? t.toEpochSecond(ZoneOffset.UTC) * SECOND
          : otherwise;
    } catch (DateTimeException nonsense) {
      return otherwise;
    }
  }

  private boolean updating() {
    return running && Math.floorMod(time(), SECOND) >= SECOND - RtcSpec.UPDATE_WARNING;
  }

  private int acknowledge() {
    catchUp();
    int flags = at(RtcSpec.C);
    cmos[RtcSpec.C] = 0;
    interrupt.set(false);
    schedule();
    return flags;
  }

  @Override
  public synchronized void out(int port, int size, int value) {
    if (port == 0) {
      index = value & RtcSpec.BYTES - 1;
    } else {
      catchUp();
      write(index, value & 0xff);
      raise(0);
      schedule();
    }
  }

  private void write(int address, int value) {
    switch (address) {
      case RtcSpec.A -> {
        cmos[RtcSpec.A] = (byte) (value & RtcSpec.A_WRITABLE);
        run();
      }
      case RtcSpec.B -> {
        cmos[RtcSpec.B] = (byte) value;
        run();
      }
      case RtcSpec.C, RtcSpec.D -> {
        // Read-only.
      }
      default -> {
        boolean set = running && isTime(address);
        if (set) {
          showTime();
        }
        cmos[address] = (byte) value;
        if (set) {
          offset = shownTime(time()) - clock.wallNanos();
          servedSecond = Math.floorDiv(time(), SECOND);
        }
      }
    }
  }

  /** The clock stands while SET is on or the divider is held in reset. */
  private void run() {
    boolean run =
        (at(RtcSpec.B) & RtcSpec.B_SET) == 0
            && (at(RtcSpec.A) & RtcSpec.A_DIVIDER) == RtcSpec.A_DIVIDER_RUNNING;
    if (run != running) {
      if (run) {
        offset = shownTime(stopped) - clock.wallNanos();
      } else {
        showTime();
        stopped = time();
      }
      running = run;
      restartInterrupts();
    }
  }

  private void restartInterrupts() {
    servedPeriod = clock.nanos();
    servedSecond = Math.floorDiv(time(), SECOND);
  }

  // Interrupts.

  /** The period of the periodic interrupt in nanoseconds, or 0 ("Periodic interrupt"). */
  private long period() {
    int rate = at(RtcSpec.A) & 0xf;
    if (rate == 0 || (at(RtcSpec.A) & RtcSpec.A_DIVIDER) != RtcSpec.A_DIVIDER_RUNNING) {
      return 0;
    }
    // Rates 1 and 2 are those of 8 and 9.
    return (1L << (rate <= 2 ? rate + 6 : rate - 1)) * SECOND / RtcSpec.BASE_HZ;
  }

  private synchronized void due() {
    catchUp();
    schedule();
  }

  /** Sets the flags of what has happened since the last time. */
  private void catchUp() {
    int flags = 0;
    long period = period();
    long now = clock.nanos();
    if (period == 0) {
      servedPeriod = now;
    } else if (now - servedPeriod >= period) {
      servedPeriod += (now - servedPeriod) / period * period;
      flags |= RtcSpec.C_PERIODIC;
    }
    long second = Math.floorDiv(time(), SECOND);
    if (running && second > servedSecond) {
      flags |= RtcSpec.C_UPDATE;
      long alarmAt = nextAlarm(servedSecond + 1);
      if (alarmAt <= second) {
        flags |= RtcSpec.C_ALARM;
      }
      servedSecond = second;
    }
    raise(flags);
  }

  private void raise(int flags) {
    int all = (at(RtcSpec.C) & SOURCES) | flags;
    boolean request = (all & at(RtcSpec.B) & SOURCES) != 0;
    cmos[RtcSpec.C] = (byte) (all | (request ? RtcSpec.C_INTERRUPT : 0));
    interrupt.set(request);
  }

  private void schedule() {
    long next = Long.MAX_VALUE;
    int wanted = at(RtcSpec.B) & SOURCES & ~at(RtcSpec.C);
    long now = clock.nanos();
    long period = period();
    if ((wanted & RtcSpec.B_PERIODIC) != 0 && period != 0) {
      next = servedPeriod + period;
    }
    if (running) {
      long time = time();
      if ((wanted & RtcSpec.B_UPDATE) != 0) {
        next = Math.min(next, now + (servedSecond + 1) * SECOND - time);
      }
      if ((wanted & RtcSpec.B_ALARM) != 0) {
        long at = nextAlarm(servedSecond + 1);
        if (at != Long.MAX_VALUE) {
          next = Math.min(next, now + at * SECOND - time);
        }
      }
    }
    if (next == Long.MAX_VALUE) {
      alarm.cancel();
    } else {
      alarm.schedule(Math.max(next, now));
    }
  }

  /** The first second from {@code from} on at which the alarm registers match, or MAX_VALUE. */
  private long nextAlarm(long from) {
    int hours = at(RtcSpec.HOURS_ALARM);
    int minutes = at(RtcSpec.MINUTES_ALARM);
    int seconds = at(RtcSpec.SECONDS_ALARM);
    int hour = hours >= RtcSpec.ALARM_ANY ? -1 : decodeHours(hours);
    int minute = minutes >= RtcSpec.ALARM_ANY ? -1 : decode(minutes);
    int second = seconds >= RtcSpec.ALARM_ANY ? -1 : decode(seconds);
    if (hour > 23 || minute > 59 || second > 59) {
      return Long.MAX_VALUE;
    }
    long at = from;
    // Each step goes to the next candidate second, minute or hour: at most 60 + 60 + 24 of them.
    while (at < from + 2 * DAY_SECONDS) {
      int inDay = (int) Math.floorMod(at, DAY_SECONDS);
      if (hour >= 0 && inDay / 3600 != hour) {
        at += 3600 - inDay % 3600;
      } else if (minute >= 0 && inDay / 60 % 60 != minute) {
        at += 60 - inDay % 60;
      } else if (second >= 0 && inDay % 60 != second) {
        at++;
      } else {
        return at;
      }
    }
    return Long.MAX_VALUE;
  }

  /** The system's reset: interrupts off. Time and CMOS memory have a battery. */
  @Override
  public synchronized void reset() {
    cmos[RtcSpec.A] = RtcSpec.A_DIVIDER_RUNNING | 6;
    cmos[RtcSpec.B] = RtcSpec.B_24_HOURS;
    cmos[RtcSpec.C] = 0;
    index = 0;
    run();
    restartInterrupts();
    interrupt.set(false);
    alarm.cancel();
  }

  @Override
  public synchronized State save() {
    return new State(index, cmos.clone(), offset, running ? -1 : stopped);
  }

  @Override
  public synchronized void restore(State state) {
    if (state.cmos.length != cmos.length) {
      throw new IllegalArgumentException("the saved CMOS memory has another size");
    }
    System.arraycopy(state.cmos, 0, cmos, 0, cmos.length);
    index = state.index & RtcSpec.BYTES - 1;
    offset = state.offset;
    running = state.stopped == -1;
    stopped = state.stopped;
    restartInterrupts();
    raise(0);
    schedule();
  }
}
