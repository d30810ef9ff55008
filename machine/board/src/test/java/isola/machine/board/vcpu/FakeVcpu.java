package isola.machine.board.vcpu;

import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.Vcpu;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** A vCPU that follows a script: each step is one {@code run()}. Halts when the script is empty. */
final class FakeVcpu implements Vcpu {
  private final int index;
  private final ExitRecord record = new ExitRecord();
  final BlockingQueue<Function<ExitRecord, Exit>> script = new LinkedBlockingQueue<>();
  final AtomicInteger runs = new AtomicInteger();
  private volatile boolean kicked;
  private volatile Runnable wake = () -> {};

  FakeVcpu(int index) {
    this.index = index;
  }

  /** Adds a step from another thread, as an interrupt would. */
  void signal(Function<ExitRecord, Exit> step) {
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
    return 0;
  }

  @Override
  public void pull() {}

  @Override
  public void push() {}

  @Override
  public void reset() {}

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
  public void close() {}
}
