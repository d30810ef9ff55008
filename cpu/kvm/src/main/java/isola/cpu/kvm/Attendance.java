package isola.cpu.kvm;

import isola.host.ThreadSignal;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Who is inside a processor's {@code run()}, and how to get them out: a signal that the thread
 * keeps blocked and that KVM lets through while the guest runs. What is asked for before the guest
 * is entered leaves the signal waiting, so that entering returns at once: nothing is polled, and no
 * wake-up gets lost.
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
    boolean adopted = owner != Thread.currentThread();
    long blocked = 0;
    if (adopted) {
      thread = ThreadSignal.currentThread();
      blocked = ThreadSignal.block();
    }
    inside.set(thread);
    if (closed) {
      leave();
      return false;
    }
    if (adopted) {
      vcpu.signalMask(blocked);
      owner = Thread.currentThread();
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
        // The thread cannot leave, and so not end, before this is done.
        ThreadSignal.send(there);
        inside.set(there);
        return;
      }
      Thread.onSpinWait();
    }
  }

  /** The signals that brought the calling thread out have done their work. */
  static void signalled() {
    ThreadSignal.take();
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
