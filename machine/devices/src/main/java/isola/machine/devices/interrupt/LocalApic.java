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

  /** What is left to do once the lock is free. */
  private static final int RAISED = 1;

  private static final int NMI = 2;
  private static final int INIT = 4;

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
  private int errors;
  private int newErrors;
  private long icr;
  private final LocalVectorTable lvt = new LocalVectorTable();
  private final ApicVectors vectors = new ApicVectors();
  private boolean extInt;

  // Follows from the above.
  private volatile boolean pending;
  private volatile int priority;

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

  /** The processor priority, for lowest-priority arbitration. */
  int priority() {
    return priority;
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
          effects = request(vector, level);
        }
        perform(effects);
      }
      case ApicSpec.NMI -> perform(NMI);
      case ApicSpec.INIT -> perform(INIT);
      case ApicSpec.STARTUP -> signals.startup(vector);
      case ApicSpec.EXTINT -> {
        synchronized (this) {
          extInt = true;
          update();
        }
        perform(RAISED);
      }
      default -> {
        // SMI: this machine has no system management mode. The rest is reserved.
      }
    }
  }

  private int request(int vector, boolean level) {
    if (!enabled()) {
      return 0;
    }
    if (vector < ApicSpec.FIRST_VECTOR) {
      return error(ApicSpec.ESR_RECEIVED_ILLEGAL);
    }
    vectors.request(vector, level);
    return update();
  }

  private int error(int bit) {
    newErrors |= bit;
    // An illegal error vector cannot be reported by another error interrupt.
    return !lvt.masked(ApicSpec.LVT_ERROR)
            && lvt.vector(ApicSpec.LVT_ERROR) >= ApicSpec.FIRST_VECTOR
        ? request(lvt.vector(ApicSpec.LVT_ERROR), false)
        : 0;
  }

  private void perform(int effects) {
    if (effects == 0) {
      return;
    }
    if ((effects & INIT) != 0) {
      synchronized (this) {
        initialize();
      }
      signals.init();
    }
    if ((effects & NMI) != 0) {
      signals.nmi();
    }
    if ((effects & RAISED) != 0) {
      signals.interruptRaised();
    }
  }

  private void timerDue() {
    int effects = 0;
    synchronized (this) {
      if (timer.expired()) {
        effects = local(ApicSpec.LVT_TIMER);
      }
    }
    perform(effects);
  }

  /** Delivers a local interrupt as its vector table entry says (10.5.1). */
  private int local(int register) {
    if (lvt.masked(register)) {
      return 0;
    }
    return switch (lvt.mode(register)) {
      case ApicSpec.FIXED -> request(lvt.vector(register), false);
      case ApicSpec.NMI -> NMI;
      case ApicSpec.INIT -> INIT;
      default -> 0;
    };
  }

  private void lint(int pin, boolean asserted) {
    int effects = 0;
    synchronized (this) {
      if (!lvt.pin(pin, asserted)) {
        return;
      }
      if (asserted && hardwareEnabled()) {
        effects = local(pin == 0 ? ApicSpec.LVT_LINT0 : ApicSpec.LVT_LINT1);
      } else if (asserted && pin == 1) {
        // 10.4.3: with the APIC off the pins are INTR and NMI.
        effects = NMI;
      }
      effects |= update();
    }
    perform(effects);
  }

  private boolean externalReady() {
    return extInt || (hardwareEnabled() ? lvt.external() : lvt.lint0());
  }

  /** Recomputes the processor priority and whether an interrupt may be delivered. */
  private int update() {
    priority = vectors.ppr();
    pending = externalReady() || (hardwareEnabled() && vectors.deliverable());
    return pending ? RAISED : 0;
  }

  // The processor's side.

  @Override
  public boolean pending() {
    return pending;
  }

  @Override
  public int acknowledge() {
    synchronized (this) {
      if (!pending) {
        return -1;
      }
      if (!externalReady()) {
        int vector = vectors.acknowledge();
        update();
        return vector;
      }
      extInt = false;
      update();
    }
    return external.getAsInt();
  }

  @Override
  public synchronized int cr8() {
    return vectors.tpr() >> 4;
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
      vector = vectors.endOfInterrupt();
      if (vector < 0) {
        return;
      }
      effects = update();
      broadcast = vectors.level(vector) && (svr & ApicSpec.SVR_SUPPRESS_EOI) == 0;
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
      effects = error(bit);
    }
    perform(effects);
  }

  /** A register by its xAPIC offset, a multiple of 16; the 64-bit ICR at once. */
  synchronized long read(int register) {
    return switch (register) {
      case ApicSpec.ID -> x2() ? number : address.id() << 24;
      case ApicSpec.VERSION -> ApicSpec.VERSION_VALUE;
      case ApicSpec.TPR -> vectors.tpr();
      case ApicSpec.APR, ApicSpec.PPR -> vectors.ppr();
      case ApicSpec.LDR -> address.ldr();
      case ApicSpec.DFR -> address.dfr();
      case ApicSpec.SVR -> svr;
      case ApicSpec.ESR -> errors;
      case ApicSpec.ICR -> icr;
      case ApicSpec.ICR_HIGH -> icr >>> 32;
      case ApicSpec.INITIAL_COUNT -> timer.initialCount();
      case ApicSpec.CURRENT_COUNT -> timer.currentCount();
      case ApicSpec.DIVIDE -> timer.divide();
      default -> {
        if (register >= ApicSpec.ISR && register < ApicSpec.ESR) {
          yield vectors.word((register - ApicSpec.ISR) >> 4);
        }
        yield LocalVectorTable.has(register) ? lvt.read(register) : 0;
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
          effects = update();
        }
        perform(effects);
      }
    }
  }

  private void store(int register, int value) {
    switch (register) {
      case ApicSpec.ID -> address.id(value >>> 24);
      case ApicSpec.TPR -> vectors.tpr(value);
      case ApicSpec.LDR -> address.ldr(value & 0xff00_0000);
      case ApicSpec.DFR -> address.dfr(value);
      case ApicSpec.SVR -> {
        svr = value & ApicSpec.SVR_WRITABLE;
        if ((svr & ApicSpec.SVR_ENABLE) == 0) {
          // 10.4.7.2: turning it off masks the local interrupts.
          lvt.maskAll();
        }
      }
      case ApicSpec.ESR -> {
        errors = newErrors;
        newErrors = 0;
      }
      case ApicSpec.ICR_HIGH -> icr = (icr & 0xffff_ffffL) | (long) value << 32;
      case ApicSpec.INITIAL_COUNT -> timer.initialCount(value);
      case ApicSpec.DIVIDE -> timer.divide(value);
      default -> {
        if (LocalVectorTable.has(register)) {
          lvt.write(register, value, (svr & ApicSpec.SVR_ENABLE) != 0);
        }
        if (register == ApicSpec.LVT_TIMER) {
          timer.mode(lvt.read(register));
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
      if (wasEnabled && !hardwareEnabled()) {
        // 10.4.3: it comes back as after power-on.
        initialize();
        address.id(number);
      }
      if (x2() && !wasX2) {
        address.ldr(ApicAddress.derived(number));
      }
      effects = update();
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
    vectors.reset();
    timer.reset();
    lvt.reset(bootstrap);
    address.ldr(x2() ? address.ldr() : 0);
    address.dfr(-1);
    svr = 0xff;
    errors = 0;
    newErrors = 0;
    icr = 0;
    extInt = false;
    update();
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
        vectors.tpr(),
        address.ldr(),
        address.dfr(),
        svr,
        errors | newErrors << 8,
        icr,
        lvt.save(),
        vectors.save(),
        extInt,
        timer.save());
  }

  @Override
  public void restore(State state) {
    if (state.lvt.length != ApicSpec.LVT_ENTRIES || state.vectors.length != 12) {
      throw new IllegalArgumentException("the saved state is not a local APIC's");
    }
    synchronized (this) {
      base = state.base;
      address.id(state.id);
      address.ldr(state.ldr);
      address.dfr(state.dfr);
      svr = state.svr & ApicSpec.SVR_WRITABLE;
      errors = state.errors & 0xff;
      newErrors = state.errors >>> 8 & 0xff;
      icr = state.icr;
      extInt = state.extInt;
      lvt.restore(state.lvt);
      vectors.restore(state.vectors, state.tpr);
      timer.restore(state.timer, lvt.read(ApicSpec.LVT_TIMER));
      update();
    }
    placement.moved(page(), visible());
  }
}
