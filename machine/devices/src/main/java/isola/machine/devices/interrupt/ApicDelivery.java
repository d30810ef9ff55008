package isola.machine.devices.interrupt;

import isola.core.cpu.VcpuSignals;

/**
 * How a local APIC accepts interrupts and hands them to its processor (Intel SDM vol. 3A 10.5.1 and
 * 10.8): requests, errors, the local vector table with its pins, priorities. No lock of its own:
 * {@link LocalApic} holds its lock around every call but {@link #perform}, {@link #pending} and
 * {@link #priority}. What has to be done once the lock is free is returned as a set of effects.
 */
final class ApicDelivery {
  /** The processor must look at {@link #pending}. */
  static final int RAISED = 1;

  static final int NMI = 2;
  static final int INIT = 4;

  /** Of {@link #acknowledge}: the 8259As know the vector. */
  static final int EXTERNAL = -2;

  // Volatile state.
  final LocalVectorTable lvt = new LocalVectorTable();
  final ApicVectors vectors = new ApicVectors();
  private int errors;
  private int newErrors;
  private boolean extInt;

  // What the mode registers say.
  private boolean on;
  private boolean accepting;

  // Follows from the above; read without the lock.
  private volatile boolean pending;
  private volatile int priority;

  /**
   * The mode registers were written.
   *
   * @param hardware whether the APIC is on
   * @param software whether it then accepts fixed interrupts
   */
  void modes(boolean hardware, boolean software) {
    on = hardware;
    accepting = hardware && software;
  }

  /** Whether an interrupt can be delivered. Any thread, no lock. */
  boolean pending() {
    return pending;
  }

  /** The processor priority, for lowest-priority arbitration. Any thread, no lock. */
  int priority() {
    return priority;
  }

  /** Accepts a fixed interrupt. */
  int request(int vector, boolean level) {
    if (!accepting) {
      return 0;
    }
    if (vector < ApicSpec.FIRST_VECTOR) {
      return error(ApicSpec.ESR_RECEIVED_ILLEGAL);
    }
    vectors.request(vector, level);
    return update();
  }

  /** Accepts the message of an external interrupt. */
  int external() {
    extInt = true;
    return update() | RAISED;
  }

  /** Notes an error: {@code ESR_} bits. */
  int error(int bit) {
    newErrors |= bit;
    // An illegal error vector cannot be reported by another error interrupt.
    return !lvt.masked(ApicSpec.LVT_ERROR)
            && lvt.vector(ApicSpec.LVT_ERROR) >= ApicSpec.FIRST_VECTOR
        ? request(lvt.vector(ApicSpec.LVT_ERROR), false)
        : 0;
  }

  /** The error status register. */
  int errors() {
    return errors;
  }

  /** Writing the error status register shows what happened since the last time. */
  void latchErrors() {
    errors = newErrors;
    newErrors = 0;
  }

  /** Delivers a local interrupt as its vector table entry says (10.5.1). */
  int local(int register) {
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

  /** A pin, LINT0 or LINT1, was set. */
  int lint(int pin, boolean asserted) {
    if (!lvt.pin(pin, asserted)) {
      return 0;
    }
    int effects = 0;
    if (asserted && on) {
      effects = local(pin == 0 ? ApicSpec.LVT_LINT0 : ApicSpec.LVT_LINT1);
    } else if (asserted && pin == 1) {
      // 10.4.3: with the APIC off the pins are INTR and NMI.
      effects = NMI;
    }
    return effects | update();
  }

  private boolean externalReady() {
    return extInt || (on ? lvt.external() : lvt.lint0());
  }

  /** Recomputes the processor priority and whether an interrupt may be delivered. */
  int update() {
    priority = vectors.ppr();
    pending = externalReady() || (on && vectors.deliverable());
    return pending ? RAISED : 0;
  }

  /** Takes the highest interrupt: its vector, {@link #EXTERNAL}, or -1 if there is none. */
  int acknowledge() {
    if (!pending) {
      return -1;
    }
    int vector = EXTERNAL;
    if (externalReady()) {
      extInt = false;
    } else {
      vector = vectors.acknowledge();
    }
    update();
    return vector;
  }

  /** Does what was left to do to the processor; no lock is held. */
  static void perform(int effects, VcpuSignals signals) {
    if ((effects & INIT) != 0) {
      signals.init();
    }
    if ((effects & NMI) != 0) {
      signals.nmi();
    }
    if ((effects & RAISED) != 0) {
      signals.interruptRaised();
    }
  }

  /** State after INIT; {@link #update} follows. */
  void reset(boolean bootstrap) {
    vectors.reset();
    lvt.reset(bootstrap);
    errors = 0;
    newErrors = 0;
    extInt = false;
  }

  /** The error status register, and above bit 8 the errors since it was written. */
  int saveErrors() {
    return errors | newErrors << 8;
  }

  boolean saveExternal() {
    return extInt;
  }

  void restore(int savedErrors, boolean savedExternal) {
    errors = savedErrors & 0xff;
    newErrors = savedErrors >>> 8 & 0xff;
    extInt = savedExternal;
  }
}
