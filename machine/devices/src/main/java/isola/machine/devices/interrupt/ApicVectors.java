package isola.machine.devices.interrupt;

/**
 * The interrupts that a local APIC has accepted, and their priorities (Intel SDM vol. 3A 10.8). No
 * lock of its own.
 */
final class ApicVectors {
  private final VectorSet irr = new VectorSet();
  private final VectorSet isr = new VectorSet();
  private final VectorSet tmr = new VectorSet();
  private int tpr;

  int tpr() {
    return tpr;
  }

  void tpr(int value) {
    tpr = value & 0xff;
  }

  /** The processor priority, 10.8.3.1. */
  int ppr() {
    int serving = Math.max(isr.highest(), 0) & 0xf0;
    return (tpr & 0xf0) >= serving ? tpr : serving;
  }

  /** Whether a request is of a higher priority class than the processor's. */
  boolean deliverable() {
    return (irr.highest() & ~0xf) > (ppr() & 0xf0);
  }

  void request(int vector, boolean level) {
    irr.add(vector);
    tmr.set(vector, level);
  }

  /** Moves the highest request into service and returns its vector. */
  int acknowledge() {
    int vector = irr.highest();
    irr.remove(vector);
    isr.add(vector);
    return vector;
  }

  /** Ends the highest interrupt in service; its vector, or -1. */
  int endOfInterrupt() {
    int vector = isr.highest();
    if (vector >= 0) {
      isr.remove(vector);
    }
    return vector;
  }

  /** Whether a vector was last requested as a level-triggered interrupt. */
  boolean level(int vector) {
    return tmr.contains(vector);
  }

  /** One of the 24 words of ISR, TMR and IRR, in register order. */
  int word(int index) {
    VectorSet set = index < 8 ? isr : index < 16 ? tmr : irr;
    return set.word(index & 7);
  }

  void reset() {
    irr.clear();
    isr.clear();
    tmr.clear();
    tpr = 0;
  }

  /** IRR, ISR and TMR, four words each. */
  long[] save() {
    long[] all = new long[12];
    System.arraycopy(irr.save(), 0, all, 0, 4);
    System.arraycopy(isr.save(), 0, all, 4, 4);
    System.arraycopy(tmr.save(), 0, all, 8, 4);
    return all;
  }

  void restore(long[] all, int taskPriority) {
    irr.restore(all, 0);
    isr.restore(all, 4);
    tmr.restore(all, 8);
    tpr = taskPriority & 0xff;
  }
}
