package isola.machine.devices.interrupt;

import isola.core.cpu.InterruptPort;
import isola.core.cpu.VcpuSignals;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;
import java.util.function.IntSupplier;

/**
 * A processor's local APIC (Intel SDM vol. 3A chapter 10): interrupt acceptance and priority,
 * inter-processor interrupts, local vector table and timer. {@link ApicRegisters} is how software
 * reaches it.
 *
 * <p>Messages come in on any thread. {@link #pending} is one volatile read.
 */
public final class LocalApic implements InterruptPort, Stateful<LocalApic.State> {
  /**
   * Volatile state.
   *
   * @param errors the error status register, and above bit 8 the errors since it was written
   * @param lvt the local vector table, in register order
   * @param vectors IRR, ISR and TMR, four words each
   * @param extInt whether an external interrupt's message waits
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(
      long base,
      int id,
      int tpr,
      int ldr,
      int dfr,
      int svr,
      int errors,
      long icr,
      int[] lvt,
      long[] vectors,
      boolean extInt,
      TimerState timer) {}

  /**
   * Volatile state of the timer.
   *
   * @param divide the divide configuration register
   * @param initial the initial count register
   * @param running whether the counter counts
   * @param remaining the count at {@code since}
   * @param since when it was that, in nanoseconds of the machine's clock
   * @param deadline IA32_TSC_DEADLINE
   */
  public record TimerState(
      int divide, long initial, boolean running, long remaining, long since, long deadline) {}

  /** Told, on the processor's thread, that the registers moved. */
  @FunctionalInterface
  public interface Placement {
    /** The registers are now at a guest physical address, or nowhere unless {@code visible}. */
    void moved(long base, boolean visible);
  }

  /** What IA32_APIC_BASE can hold: the switches, and an address of up to 52 bits. */
  private static final long BASE_BITS =
      (1L << 52) - ApicSpec.WINDOW
          | ApicSpec.BASE_ENABLE
          | ApicSpec.BASE_X2APIC
          | ApicSpec.BASE_BOOTSTRAP;

  // Configuration.
  private final int number;
  private final boolean bootstrap;

  // Wiring.
  private final ApicBus bus;
  private final ApicTimer timer;
  private final ApicRegisters registers;
  private volatile VcpuSignals signals = new NoProcessor();
  private volatile Placement placement = (base, visible) -> {};
  private volatile IntSupplier external = () -> -1;

  // Volatile state; what other processors look at without the lock is volatile.
  private volatile long base;
  private final ApicAddress address = new ApicAddress();
  private volatile int svr;
  private long icr;
  private final ApicDelivery delivery = new ApicDelivery();

  /**
   * A local APIC as after reset, joined to {@code bus}.
   *
   * @param number the processor's number and initial APIC id, 0 to 254
   * @param bootstrap whether this is the bootstrap processor's: its LINT0 then begins in the
   *     virtual wire mode that firmware leaves behind (MP specification 1.4, 3.6.2.2)
   * @param physicalBits width of a physical address, 32 to 52
   * @param tscHz frequency of the time-stamp counter
   */
  public LocalApic(
      int number, boolean bootstrap, int physicalBits, ApicBus bus, Clock clock, long tscHz) {
    if (number < 0 || number >= ApicBus.BROADCAST_8) {
      throw new IllegalArgumentException("an APIC id is 0 to 254, not " + number);
    }
    this.number = number;
    this.bootstrap = bootstrap;
    registers = new ApicRegisters(this, physicalBits);
    this.bus = bus;
    timer = new ApicTimer(clock, tscHz, this::timerDue);
    reset();
    bus.add(this);
  }

  /** The registers: a page of device memory in xAPIC mode, MSRs in x2APIC mode. */
  public ApicRegisters registers() {
    return registers;
  }

  /** Joins it to its processor, before the first run. */
  public void connect(VcpuSignals processor) {
    signals = processor;
  }

  /** Sets who attaches {@link #registers} where the guest moves it; called at once. */
  public void placement(Placement told) {
    placement = told;
    told.moved(page(), visible());
  }

  /**
   * Sets who answers the acknowledge cycle of an external interrupt: {@link Pic#acknowledge}. It is
   * called with no lock held.
   */
  public void external(IntSupplier acknowledge) {
    external = acknowledge;
  }

  /** LINT0: the 8259A's INTR on the bootstrap processor. */
  public InterruptLine lint0() {
    return asserted -> lint(0, asserted);
  }

  /** LINT1: NMI. */
  public InterruptLine lint1() {
    return asserted -> lint(1, asserted);
  }

  /**
   * The processor's time-stamp counter is {@code ticks} ahead of the machine's clock times its
   * frequency; TSC deadlines count from there.
   */
  public synchronized void tscOffset(long ticks) {
    timer.tscOffset(ticks);
  }

  // Modes.

  boolean hardwareEnabled() {
    return (base & ApicSpec.BASE_ENABLE) != 0;
  }

  boolean x2() {
    return (base & ApicSpec.BASE_X2APIC) != 0;
  }

  boolean visible() {
    return hardwareEnabled() && !x2();
  }

  private long page() {
    return base & -ApicSpec.WINDOW;
  }

  /** Whether it accepts fixed interrupts. */
  boolean enabled() {
    return hardwareEnabled() && (svr & ApicSpec.SVR_ENABLE) != 0;
  }

  private void modes() {
    delivery.modes(hardwareEnabled(), (svr & ApicSpec.SVR_ENABLE) != 0);
  }

  /** The processor priority, for lowest-priority arbitration. */
  int priority() {
    return delivery.priority();
  }

  /** Whether a message's destination, broadcast apart, is this one. */
  boolean matches(int destination, boolean logical) {
    return hardwareEnabled() && address.matches(destination, logical, x2());
  }

  // What comes in.

  /** Ends the processor's HLT, or its next. */
  void unhalt() {
    signals.unhalt();
  }

  /** Accepts a message that is for this processor. Any thread, no lock held but a controller's. */
  void accept(int mode, int vector, boolean level) {
    if (!hardwareEnabled()) {
      return;
    }
    switch (mode) {
      case ApicSpec.FIXED, ApicSpec.LOWEST_PRIORITY -> {
        int effects;
        synchronized (this) {
          effects = delivery.request(vector, level);
        }
        perform(effects);
      }
      case ApicSpec.NMI -> perform(ApicDelivery.NMI);
      case ApicSpec.INIT -> perform(ApicDelivery.INIT);
      case ApicSpec.STARTUP -> signals.startup(vector);
      case ApicSpec.EXTINT -> {
        int effects;
        synchronized (this) {
          effects = delivery.external();
        }
        perform(effects);
      }
      default -> {
        // SMI: this machine has no system management mode. The rest is reserved.
      }
    }
  }

  private void perform(int effects) {
    if (effects == 0) {
      return;
    }
    if ((effects & ApicDelivery.INIT) != 0) {
      synchronized (this) {
        initialize();
      }
    }
    ApicDelivery.perform(effects, signals);
  }

  private void timerDue() {
    int effects = 0;
    synchronized (this) {
      if (timer.expired()) {
        effects = delivery.local(ApicSpec.LVT_TIMER);
      }
    }
    perform(effects);
  }

  private void lint(int pin, boolean asserted) {
    int effects;
    synchronized (this) {
      effects = delivery.lint(pin, asserted);
    }
    perform(effects);
  }

  // The processor's side.

  @Override
  public boolean pending() {
    return delivery.pending();
  }

  @Override
  public int acknowledge() {
    int vector;
    synchronized (this) {
      vector = delivery.acknowledge();
    }
    return vector == ApicDelivery.EXTERNAL ? external.getAsInt() : vector;
  }

  @Override
  public synchronized int cr8() {
    return delivery.vectors.tpr() >> 4;
  }

  @Override
  public void cr8(int newPriority) {
    write(ApicSpec.TPR, (newPriority & 0xf) << 4);
  }

  private void endOfInterrupt() {
    int vector;
    boolean broadcast;
    int effects;
    synchronized (this) {
      vector = delivery.vectors.endOfInterrupt();
      if (vector < 0) {
        return;
      }
      effects = delivery.update();
      broadcast = delivery.vectors.level(vector) && (svr & ApicSpec.SVR_SUPPRESS_EOI) == 0;
    }
    if (broadcast) {
      bus.endOfInterrupt(vector);
    }
    perform(effects);
  }

  private void command(long command) {
    int mode = (int) command >> 8 & 7;
    boolean fixed = mode == ApicSpec.FIXED || mode == ApicSpec.LOWEST_PRIORITY;
    if (fixed && (command & 0xff) < ApicSpec.FIRST_VECTOR) {
      illegal(ApicSpec.ESR_SEND_ILLEGAL);
    } else {
      bus.command(this, command, x2());
    }
  }

  // Registers.

  /** An error of the guest's: {@code ESR_} bits. */
  void illegal(int bit) {
    int effects;
    synchronized (this) {
      effects = delivery.error(bit);
    }
    perform(effects);
  }

  /** A register by its xAPIC offset, a multiple of 16; the 64-bit ICR at once. */
  synchronized long read(int register) {
    return switch (register) {
      case ApicSpec.ID -> x2() ? number : address.id() << 24;
      case ApicSpec.VERSION -> ApicSpec.VERSION_VALUE;
      case ApicSpec.TPR -> delivery.vectors.tpr();
      case ApicSpec.APR, ApicSpec.PPR -> delivery.vectors.ppr();
      case ApicSpec.LDR -> address.ldr();
      case ApicSpec.DFR -> address.dfr();
      case ApicSpec.SVR -> svr;
      case ApicSpec.ESR -> delivery.errors();
      case ApicSpec.ICR -> icr;
      case ApicSpec.ICR_HIGH -> icr >>> 32;
      case ApicSpec.INITIAL_COUNT -> timer.initialCount();
      case ApicSpec.CURRENT_COUNT -> timer.currentCount();
      case ApicSpec.DIVIDE -> timer.divide();
      default -> {
        if (register >= ApicSpec.ISR && register < ApicSpec.ESR) {
          yield delivery.vectors.word((register - ApicSpec.ISR) >> 4);
        }
        yield LocalVectorTable.has(register) ? delivery.lvt.read(register) : 0;
      }
    };
  }

  /** Writes a register by its xAPIC offset, reserved bits already dropped or refused. */
  void write(int register, long value) {
    switch (register) {
      case ApicSpec.EOI -> endOfInterrupt();
      case ApicSpec.SELF_IPI -> command(ApicSpec.ICR_SELF | (value & 0xff));
      case ApicSpec.ICR -> {
        synchronized (this) {
          long high = x2() ? value : icr;
          icr = (high & ~0xffff_ffffL) | (value & ApicSpec.ICR_WRITABLE);
        }
        command(icr);
      }
      default -> {
        int effects;
        synchronized (this) {
          store(register, (int) value);
          effects = delivery.update();
        }
        perform(effects);
      }
    }
  }

  private void store(int register, int value) {
    switch (register) {
      case ApicSpec.ID -> address.id(value >>> 24);
      case ApicSpec.TPR -> delivery.vectors.tpr(value);
      case ApicSpec.LDR -> address.ldr(value & 0xff00_0000);
      case ApicSpec.DFR -> address.dfr(value);
      case ApicSpec.SVR -> {
        svr = value & ApicSpec.SVR_WRITABLE;
        if ((svr & ApicSpec.SVR_ENABLE) == 0) {
          // 10.4.7.2: turning it off masks the local interrupts.
          delivery.lvt.maskAll();
        }
        modes();
      }
      case ApicSpec.ESR -> delivery.latchErrors();
      case ApicSpec.ICR_HIGH -> icr = (icr & 0xffff_ffffL) | (long) value << 32;
      case ApicSpec.INITIAL_COUNT -> timer.initialCount(value);
      case ApicSpec.DIVIDE -> timer.divide(value);
      default -> {
        if (LocalVectorTable.has(register)) {
          delivery.lvt.write(register, value, (svr & ApicSpec.SVR_ENABLE) != 0);
        }
        if (register == ApicSpec.LVT_TIMER) {
          timer.mode(delivery.lvt.read(register));
        }
      }
    }
  }

  /** IA32_APIC_BASE. */
  long base() {
    return base;
  }

  /** Sets IA32_APIC_BASE to a value whose reserved bits and transition are right. */
  void base(long value) {
    int effects;
    synchronized (this) {
      boolean wasX2 = x2();
      boolean wasEnabled = hardwareEnabled();
      base = value;
      modes();
      if (wasEnabled && !hardwareEnabled()) {
        // 10.4.3: it comes back as after power-on.
        initialize();
        address.id(number);
      }
      if (x2() && !wasX2) {
        address.ldr(ApicAddress.derived(number));
      }
      effects = delivery.update();
    }
    placement.moved(page(), visible());
    perform(effects);
  }

  synchronized long deadline() {
    return timer.deadline();
  }

  void deadline(long tsc) {
    synchronized (this) {
      timer.deadline(tsc);
    }
    // One that has passed interrupts at once, not when the clock's thread gets to it.
    timerDue();
  }

  /** State after INIT, 10.4.7.3: all but the id and the mode. */
  private void initialize() {
    delivery.reset(bootstrap);
    timer.reset();
    address.ldr(x2() ? address.ldr() : 0);
    address.dfr(-1);
    svr = 0xff;
    icr = 0;
    modes();
    delivery.update();
  }

  @Override
  public void reset() {
    synchronized (this) {
      base =
          ApicSpec.DEFAULT_BASE | ApicSpec.BASE_ENABLE | (bootstrap ? ApicSpec.BASE_BOOTSTRAP : 0);
      address.id(number);
      initialize();
    }
    placement.moved(page(), visible());
  }

  @Override
  public synchronized State save() {
    return new State(
        base,
        address.id(),
        delivery.vectors.tpr(),
        address.ldr(),
        address.dfr(),
        svr,
        delivery.saveErrors(),
        icr,
        delivery.lvt.save(),
        delivery.vectors.save(),
        delivery.saveExternal(),
        timer.save());
  }

  @Override
  public void restore(State state) {
    if (state.lvt.length != ApicSpec.LVT_ENTRIES
        || state.vectors.length != 12
        || (state.base & ~BASE_BITS) != 0) {
      throw new IllegalArgumentException("the saved state is not a local APIC's");
    }
    synchronized (this) {
      base = state.base;
      address.id(state.id);
      address.ldr(state.ldr);
      address.dfr(state.dfr);
      svr = state.svr & ApicSpec.SVR_WRITABLE;
      icr = state.icr;
      modes();
      delivery.restore(state.errors, state.extInt);
      delivery.lvt.restore(state.lvt);
      delivery.vectors.restore(state.vectors, state.tpr);
      timer.restore(state.timer, delivery.lvt.read(ApicSpec.LVT_TIMER));
      delivery.update();
    }
    placement.moved(page(), visible());
  }
}
