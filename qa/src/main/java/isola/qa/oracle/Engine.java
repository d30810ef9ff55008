package isola.qa.oracle;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ServiceLoader;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs test cases on a CPU engine as a machine would: decoded blocks, TLB, exception delivery and
 * all. Not thread-safe.
 */
final class Engine implements AutoCloseable {
  /** Kicks, of which there are five a second, before a case counts as endless. */
  private static final int PATIENCE = 10;

  private final Machine machine = new Machine();
  private final Arena arena = Arena.ofConfined();
  private final CpuVm vm;
  private final Vcpu vcpu;
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(Thread.ofPlatform().daemon().factory());
  private final ScheduledFuture<?> kicks;
  private final MemorySegment out = arena.allocate(RecordSpec.STATE_BYTES, 64);

  private final String name;
  private final int level;

  /** An engine by its name. */
  Engine(String name) {
    this.name = name;
    CpuEngine engine = find(name);
    level = engine.level();
    vm = engine.create(machine.memory);
    vcpu = vm.createVcpu(VcpuWiring.unconnected(Level.cpuid(level)));
    machine.prepare(vcpu.state());
    kicks = watch.scheduleAtFixedRate(vcpu::kick, 200, 200, TimeUnit.MILLISECONDS);
  }

  private static CpuEngine find(String name) {
    return ServiceLoader.load(CpuEngine.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(e -> e.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** Whether an engine works on this host. */
  static boolean available(String name) {
    return find(name).unavailable().isEmpty();
  }

  String name() {
    return name;
  }

  /** The level of x86-64 that it offers. */
  int level() {
    return level;
  }

  /** What the engine has counted, by name. */
  java.util.Map<String, Long> counters() {
    return vcpu.counters();
  }

  /**
   * Runs the case of a record; the state afterwards is valid until the next call. Null if the case
   * does not end.
   */
  @Nullable MemorySegment run(MemorySegment record) {
    machine.take(record, vcpu.state());
    vcpu.push();
    Exit exit = vcpu.run();
    for (int kicked = 0; exit == Exit.KICK && kicked < PATIENCE; kicked++) {
      exit = vcpu.run();
    }
    if (exit == Exit.KICK) {
      vcpu.reset();
      machine.prepare(vcpu.state());
      return null;
    }
    if (exit != Exit.HALT) {
      throw new IllegalStateException("a test case ended with " + exit + " " + vcpu.exit().detail);
    }
    vcpu.pull();
    machine.give(out, vcpu.state());
    machine.giveTrap(out, vcpu.state());
    return out;
  }

  @Override
  public void close() {
    kicks.cancel(true);
    watch.shutdownNow();
    vcpu.close();
    vm.close();
    machine.close();
    arena.close();
  }
}
