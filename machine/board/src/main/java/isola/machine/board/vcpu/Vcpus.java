package isola.machine.board.vcpu;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.vcpu.VcpuThread.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The running processors of one machine: started, paused and stopped together. Any thread. */
public final class Vcpus {
  /** Told, on the processor's thread, of what ends a run. The processor runs no more. */
  public interface Listener {
    /** A triple fault. */
    void shutdown(int cpu, String detail);

    /** The engine or a device failed. */
    void failed(int cpu, String detail);
  }

  private final List<VcpuThread> threads = new ArrayList<>();
  private final Listener listener;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  // Guarded by lock.
  private int alive;
  private int paused;

  /**
   * Processors that do not run yet.
   *
   * @param name of the machine, for the threads' names
   * @param vcpus the processors
   * @param ports where their port accesses go
   * @param mmio where each one's device memory accesses go, its own bus by index
   */
  public Vcpus(
      String name, List<Vcpu> vcpus, PortBus ports, List<MmioBus> mmio, Listener listener) {
    this.listener = listener;
    for (int i = 0; i < vcpus.size(); i++) {
      threads.add(new VcpuThread(name + " cpu " + i, vcpus.get(i), ports, mmio.get(i), this));
    }
  }

  Listener listener() {
    return listener;
  }

  /** Starts the threads; once. */
  public void start() {
    lock.lock();
    try {
      alive = threads.size();
    } finally {
      lock.unlock();
    }
    threads.forEach(t -> t.thread().start());
  }

  /** Returns when no processor runs, and none will until {@link #resume}. */
  public void pause() throws InterruptedException {
    ask(Request.PAUSE);
    lock.lock();
    try {
      while (paused < alive) {
        changed.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * As {@link #pause()}, but waits no longer than asked; false if a processor still runs, which may
   * stop any time until {@link #resume}.
   */
  public boolean pause(long millis) throws InterruptedException {
    ask(Request.PAUSE);
    long left = TimeUnit.MILLISECONDS.toNanos(millis);
    lock.lock();
    try {
      while (paused < alive && left > 0) {
        left = changed.awaitNanos(left);
      }
      return paused >= alive;
    } finally {
      lock.unlock();
    }
  }

  /** Whether every processor is paused, and none has ended or has yet to be started. */
  public boolean allPaused() {
    lock.lock();
    try {
      return paused == threads.size();
    } finally {
      lock.unlock();
    }
  }

  /** Lets paused processors go on. */
  public void resume() {
    ask(Request.RUN);
  }

  /** Makes all threads end soon; for good. */
  public void stop() {
    ask(Request.STOP);
  }

  private void ask(Request request) {
    lock.lock();
    try {
      for (VcpuThread thread : threads) {
        if (thread.request() != Request.STOP) {
          thread.ask(request);
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until all threads have ended after {@link #stop}. One that hangs in a device for a second
   * is interrupted.
   */
  public void join() throws InterruptedException {
    for (VcpuThread thread : threads) {
      while (!thread.thread().join(Duration.ofSeconds(1))) {
        if (thread.request() == Request.STOP) {
          thread.thread().interrupt();
        }
      }
    }
  }

  /** On a vCPU's thread: waits while a pause is wanted; false if the thread is to end. */
  boolean obey(VcpuThread thread) {
    lock.lock();
    try {
      if (thread.request() == Request.PAUSE) {
        paused++;
        changed.signalAll();
        while (thread.request() == Request.PAUSE) {
          changed.awaitUninterruptibly();
        }
        paused--;
      }
      return thread.request() != Request.STOP;
    } finally {
      lock.unlock();
    }
  }

  void ended() {
    lock.lock();
    try {
      alive--;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void failing(int cpu, Throwable e) {
    listener.failed(cpu, describe(e));
  }

  private static String describe(Throwable e) {
    try {
      String what = e.getClass().getSimpleName();
      StackTraceElement[] trace = e.getStackTrace();
      String at = trace.length > 0 ? " at " + trace[0] : "";
      return e.getMessage() == null ? what + at : what + " (" + e.getMessage() + ")" + at;
    } catch (Throwable again) {
      return "out of stack or heap";
    }
  }

  /** The processor whose thread calls, or -1. */
  public int current() {
    Thread caller = Thread.currentThread();
    for (VcpuThread thread : threads) {
      if (thread.thread() == caller) {
        return thread.vcpu.index();
      }
    }
    return -1;
  }

  /** Where a stopped processor is, for a sentence. */
  public String where(int cpu) {
    VcpuThread thread = threads.get(cpu);
    if (thread.thread().isAlive()) {
      return "on CPU " + cpu;
    }
    Vcpu vcpu = thread.vcpu;
    vcpu.pull();
    long state = vcpu.state();
    long cs = state + CpuState.SEGMENTS + CpuState.SEGMENT_SIZE;
    return "at %04x:%016x on CPU %d"
        .formatted(
            RawMemory.getInt(cs + CpuState.SEGMENT_SELECTOR) & 0xffff,
            RawMemory.getLong(state + CpuState.RIP),
            cpu);
  }

  /** Exits by kind, summed over the processors; kinds that did not occur are left out. */
  public Map<String, Long> exits() {
    Map<String, Long> sums = new LinkedHashMap<>();
    for (Exit exit : Exit.values()) {
      long sum = 0;
      for (VcpuThread thread : threads) {
        sum += thread.exits(exit);
      }
      if (sum > 0) {
        sums.put(exit.name(), sum);
      }
    }
    return sums;
  }

  /** What the engine counted, summed over the processors. */
  public Map<String, Long> counters() {
    Map<String, Long> sums = new LinkedHashMap<>();
    for (VcpuThread thread : threads) {
      thread.vcpu.counters().forEach((name, value) -> sums.merge(name, value, Long::sum));
    }
    return sums;
  }
}
