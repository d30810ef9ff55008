package isola.machine.board.vcpu;

import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.Vcpu;
import isola.core.memory.HostMemory;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** A vCPU that follows a script: each step is one {@code run()}. Halts when the script is empty. */
public final class FakeVcpu implements Vcpu {
  private final int index;
  private final ExitRecord record = new ExitRecord();
  public final BlockingQueue<Function<ExitRecord, Exit>> script = new LinkedBlockingQueue<>();
  public final AtomicInteger runs = new AtomicInteger();
  private final long state = HostMemory.installed().reserve(4096, "fake processor");
  private volatile boolean kicked;
  private volatile Runnable onReset = () -> {};
  private volatile Runnable wake = () -> {};

  /** With an empty script. */
  public FakeVcpu(int index) {
    this.index = index;
  }

  /** Adds a step from another thread, as an interrupt would. */
  public void signal(Function<ExitRecord, Exit> step) {
    script.add(step);
    wake.run();
  }

  boolean kicked() {
    return kicked;
  }

  @Override
  public int index() {
    return index;
  }

  @Override
  public Exit run() {
    runs.incrementAndGet();
    if (kicked) {
      kicked = false;
      return Exit.KICK;
    }
    Function<ExitRecord, Exit> step = script.poll();
    return step == null ? Exit.HALT : step.apply(record);
  }

  @Override
  public ExitRecord exit() {
    return record;
  }

  @Override
  public long state() {
    return state;
  }

  @Override
  public void pull() {}

  @Override
  public void push() {}

  @Override
  public void reset() {
    script.clear();
    onReset.run();
  }

  /** Sets what is run at each reset. */
  public void onReset(Runnable action) {
    onReset = action;
  }

  @Override
  public boolean runnable() {
    return !script.isEmpty();
  }

  @Override
  public void onWake(Runnable action) {
    wake = action;
  }

  @Override
  public Map<String, Long> counters() {
    return Map.of("instructions", (long) runs.get());
  }

  @Override
  public void interruptRaised() {
    wake.run();
  }

  @Override
  public void nmi() {}

  @Override
  public void init() {}

  @Override
  public void startup(int vector) {}

  @Override
  public void kick() {
    kicked = true;
    wake.run();
  }

  @Override
  public void close() {
    HostMemory.installed().release(state, 4096);
  }
}
