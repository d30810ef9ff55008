package isola.machine.devices.power;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;

/**
 * ACPI fixed hardware (ACPI 6.4 chapter 4): PM1 events and control, the PM timer, one GPE block and
 * the power button, in {@link AcpiSpec#PORTS} ports. Any thread.
 */
public final class AcpiPower implements PortDevice, Stateful<AcpiPower.State> {
  /**
   * Volatile state: the registers.
   *
   * @param sleeping whether the machine sleeps until an event wakes it
   */
  public record State(
      int status, int enable, int control, long gpeStatus, long gpeEnable, boolean sleeping) {}

  /** What the machine does when the guest writes a sleep state. On any thread; must not block. */
  public interface Sleep {
    /** S5, on the vCPU's thread. */
    void powerOff();

    /** S3, on the vCPU's thread: processors stop, memory stays; then {@link #sleep} is called. */
    void suspend();

    /** An event ends the sleep. A device's lock may be held. */
    void wake();
  }

  private static final long SECOND = 1_000_000_000L;

  /** No sleep state is entered. */
  private static final int NONE = -1;

  private static final int GPE_HALF = AcpiSpec.GPE0_BYTES / 2;

  // Configuration.
  private final boolean wideTimer;

  // Wiring.
  private final Clock clock;
  private final InterruptLine sci;
  private final Clock.Timer alarm;
  private final Sleep sleep;
  private final PortDevice smiCommand = new SmiCommand();

  // Volatile state.
  private int status;
  private int enable;
  private int control = AcpiSpec.SCI_ENABLE;
  private long gpeStatus;
  private long gpeEnable;
  private boolean sleeping;

  /** The half-periods of the timer whose overflow has been noticed. */
  private long served;

  /**
   * A block as after power-on, already in ACPI mode.
   *
   * @param wideTimer whether the PM timer has 32 bits, else 24 (TMR_VAL_EXT in the FADT)
   * @param sci the system control interrupt, level-triggered
   */
  public AcpiPower(Clock clock, boolean wideTimer, InterruptLine sci, Sleep sleep) {
    this.clock = clock;
    this.wideTimer = wideTimer;
    this.sci = sci;
    this.sleep = sleep;
    alarm = clock.timer(this::overflow);
  }

  /** Port 0xb2, one port: ACPI enable and disable. */
  public PortDevice smiCommand() {
    return smiCommand;
  }

  /** Somebody presses the power button. */
  public void pressPowerButton() {
    happen(AcpiSpec.POWER_BUTTON);
  }

  /** The real-time clock's interrupt, which is an event here as well (4.8.2.4). */
  public InterruptLine rtcLine() {
    return asserted -> {
      if (asserted) {
        happen(AcpiSpec.RTC_EVENT);
      }
    };
  }

  /** The processors have stopped for S3; if what should wake them has happened, they are woken. */
  public void sleep() {
    synchronized (this) {
      sleeping = true;
    }
    wakeIfDue();
  }

  private void happen(int event) {
    synchronized (this) {
      status |= event;
      update();
    }
    wakeIfDue();
  }

  /** What is enabled wakes the machine, and the power button in any case. */
  private void wakeIfDue() {
    synchronized (this) {
      int waking = (enable & AcpiSpec.WAKING_BITS) | AcpiSpec.POWER_BUTTON;
      if (!sleeping || (status & waking) == 0) {
        return;
      }
      sleeping = false;
      status |= AcpiSpec.WAKE_STATUS;
    }
    sleep.wake();
  }

  /** A general-purpose event, 0 to 63. */
  public synchronized void raiseGpe(int event) {
    gpeStatus |= 1L << event;
    update();
  }

  private long ticks() {
    long nanos = clock.nanos();
    return nanos / SECOND * AcpiSpec.PM_TIMER_HZ + nanos % SECOND * AcpiSpec.PM_TIMER_HZ / SECOND;
  }

  private int topBit() {
    return wideTimer ? 31 : 23;
  }

  private int timer() {
    return (int) (ticks() & (2L << topBit()) - 1);
  }

  private synchronized void overflow() {
    update();
  }

  /** 4.8.3.3: the status is set whenever the timer's top bit changes. */
  private void catchUp() {
    long halves = ticks() >> topBit();
    if (halves != served) {
      served = halves;
      status |= AcpiSpec.TIMER_EVENT;
    }
  }

  private void update() {
    catchUp();
    boolean event = (status & enable & AcpiSpec.ENABLE_BITS) != 0 || (gpeStatus & gpeEnable) != 0;
    sci.set(event && (control & AcpiSpec.SCI_ENABLE) != 0);
    if ((enable & ~status & AcpiSpec.TIMER_EVENT) != 0) {
      long next = (served + 1) << topBit();
      long rest = next % AcpiSpec.PM_TIMER_HZ * SECOND;
      alarm.schedule(
          next / AcpiSpec.PM_TIMER_HZ * SECOND
              + (rest + AcpiSpec.PM_TIMER_HZ - 1) / AcpiSpec.PM_TIMER_HZ);
    } else {
      alarm.cancel();
    }
  }

  @Override
  public synchronized int in(int offset, int size) {
    int value = 0;
    for (int i = 0; i < size; i++) {
      value |= byteAt(offset + i) << (i * 8);
    }
    // The timer is read at once, so that its bytes belong together.
    return offset == AcpiSpec.PM_TIMER && size == 4 ? timer() : value;
  }

  private int byteAt(int offset) {
    int shift = (offset & 3) * 8;
    int word =
        switch (offset & ~3) {
          case AcpiSpec.PM1_EVENT -> {
            catchUp();
            yield status | enable << 16;
          }
          case AcpiSpec.PM1_CONTROL -> control;
          case AcpiSpec.PM_TIMER -> timer();
          case AcpiSpec.GPE0 -> (int) gpeStatus;
          case AcpiSpec.GPE0 + 4 -> (int) (gpeStatus >>> 32);
          case AcpiSpec.GPE0 + GPE_HALF -> (int) gpeEnable;
          case AcpiSpec.GPE0 + GPE_HALF + 4 -> (int) (gpeEnable >>> 32);
          default -> 0;
        };
    return word >>> shift & 0xff;
  }

  @Override
  public void out(int offset, int size, int value) {
    int entered = NONE;
    synchronized (this) {
      catchUp();
      for (int i = 0; i < size; i++) {
        entered = Math.max(entered, write(offset + i, value >>> (i * 8) & 0xff));
      }
      update();
    }
    switch (entered) {
      case AcpiSpec.SLP_TYP_S5 -> sleep.powerOff();
      case AcpiSpec.SLP_TYP_S3 -> sleep.suspend();
      default -> {
        // No such sleep state.
      }
    }
  }

  /** Writes a byte; returns the SLP_TYP of the sleep state that this enters, or {@link #NONE}. */
  private int write(int offset, int value) {
    int shift = (offset & 1) * 8;
    int mask = 0xff << shift;
    switch (offset & ~1) {
      case AcpiSpec.PM1_EVENT -> status &= ~(value << shift & AcpiSpec.STATUS_BITS);
      case AcpiSpec.PM1_EVENT + 2 ->
          enable = (enable & ~mask) | (value << shift & AcpiSpec.ENABLE_BITS);
      case AcpiSpec.PM1_CONTROL -> {
        mask &= AcpiSpec.CONTROL_WRITABLE;
        control = (control & ~mask) | (value << shift & mask);
        boolean enter = (value << shift & AcpiSpec.SLP_ENABLE) != 0;
        return enter ? control >> AcpiSpec.SLP_TYP_SHIFT & 7 : NONE;
      }
      default -> {
        int gpe = offset - AcpiSpec.GPE0;
        if (gpe >= 0 && gpe < GPE_HALF) {
          gpeStatus &= ~((long) value << (gpe * 8));
        } else if (gpe >= GPE_HALF && gpe < AcpiSpec.GPE0_BYTES) {
          int at = (gpe - GPE_HALF) * 8;
          gpeEnable = (gpeEnable & ~(0xffL << at)) | (long) value << at;
        }
      }
    }
    return NONE;
  }

  @Override
  public synchronized void reset() {
    status = 0;
    enable = 0;
    control = AcpiSpec.SCI_ENABLE;
    gpeStatus = 0;
    gpeEnable = 0;
    sleeping = false;
    served = ticks() >> topBit();
    update();
  }

  @Override
  public synchronized State save() {
    return new State(status, enable, control, gpeStatus, gpeEnable, sleeping);
  }

  @Override
  public synchronized void restore(State state) {
    status = state.status & AcpiSpec.STATUS_BITS;
    enable = state.enable & AcpiSpec.ENABLE_BITS;
    control = state.control & (AcpiSpec.CONTROL_WRITABLE | AcpiSpec.SCI_ENABLE);
    gpeStatus = state.gpeStatus;
    gpeEnable = state.gpeEnable;
    sleeping = state.sleeping;
    served = ticks() >> topBit();
    update();
  }

  private final class SmiCommand implements PortDevice {
    @Override
    public int in(int offset, int size) {
      return 0;
    }

    @Override
    public void out(int offset, int size, int value) {
      synchronized (AcpiPower.this) {
        switch (value & 0xff) {
          case AcpiSpec.ACPI_ENABLE -> control |= AcpiSpec.SCI_ENABLE;
          case AcpiSpec.ACPI_DISABLE -> control &= ~AcpiSpec.SCI_ENABLE;
          default -> {
            // No other service.
          }
        }
        update();
      }
    }
  }
}
