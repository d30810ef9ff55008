package isola.cpu.kvm;

import isola.host.ThreadSignal;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Who is inside a processor's {@code run()}, and how to get them out: a signal with a handler that
 * does nothing, which ends the guest's time, and before it a mark where KVM looks on its way in, so
 * that a signal that comes before the guest is entered makes entering return at once. Nothing is
 * polled, and no wake-up gets lost.
 *
 * <p>Whoever wants something first says what, then sets the mark; the thread inside first takes the
 * mark away, then looks what is wanted, then enters.
 */
final class Attendance {
  /** {@link #asked}: {@code run()} is to return. */
  static final int KICK = 1;

  /** {@link #asked}: the 8259As have something for the processor, or had. */
  static final int EXTERNAL = 2;

  private static final int NOBODY = 0;
  private static final int SENDING = -1;
  private static final long CLOSE_LOOK_NANOS = 50_000;

  private final KvmVcpu vcpu;
  private final AtomicInteger asked;

  /**
   * The kernel's number of the thread inside, or {@link #NOBODY}; {@link #SENDING} for a moment.
   */
  private final AtomicInteger inside = new AtomicInteger();

  private volatile boolean closed;

  // Owner thread.
  private @Nullable Thread owner;
  private int thread;

  /**
   * With nobody inside.
   *
   * @param asked keeps what is asked for, of the bits above; its owner may look at it
   */
  Attendance(KvmVcpu vcpu, AtomicInteger asked) {
    this.vcpu = vcpu;
    this.asked = asked;
  }

  /** The calling thread goes inside; false if it must not any more. */
  boolean enter() {
    if (owner != Thread.currentThread()) {
      thread = ThreadSignal.currentThread();
      ThreadSignal.accept();
      owner = Thread.currentThread();
    }
    inside.set(thread);
    if (closed) {
      leave();
      return false;
    }
    return true;
  }

  /** The calling thread is outside again: no signal reaches it any more. */
  void leave() {
    while (!inside.compareAndSet(thread, NOBODY)) {
      Thread.onSpinWait();
    }
  }

  /** Whether anything is asked for. */
  boolean asked(int what) {
    return (asked.get() & what) != 0;
  }

  /** Takes note of what was asked for. */
  void taken(int what) {
    asked.getAndUpdate(bits -> bits & ~what);
  }

  /** Makes whoever is inside look, with {@code what} asked for. Any thread. */
  void ask(int what) {
    asked.getAndUpdate(bits -> bits | what);
    while (true) {
      int there = inside.get();
      if (there == NOBODY) {
        return;
      }
      if (there != SENDING && inside.compareAndSet(there, SENDING)) {
        // The thread cannot leave, and so neither end nor close the processor, before this is done.
        vcpu.comeBack(true);
        ThreadSignal.send(there);
        inside.set(there);
        return;
      }
      Thread.onSpinWait();
    }
  }

  /**
   * The calling thread came out without an exit of the guest's, and may go in again after it has
   * looked what is asked for.
   */
  void signalled() {
    vcpu.comeBack(false);
    // What is asked for is read after this, also on a processor that stores late.
    VarHandle.fullFence();
  }

  /** Gets everybody out, for good; returns when nobody is inside. */
  void close() {
    closed = true;
    while (inside.get() != NOBODY && owner != Thread.currentThread()) {
      ask(KICK);
      LockSupport.parkNanos(CLOSE_LOOK_NANOS);
    }
  }
}
