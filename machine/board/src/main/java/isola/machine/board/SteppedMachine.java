package isola.machine.board;

import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.core.time.ManualClock;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.boot.BootException;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A PC with one processor that runs on its owner's thread for as many instructions as asked, and
 * whose time is counted in instructions: one lasts a nanosecond, the clock moves every {@link
 * #QUANTUM} of them, and where the processor halts it moves on to the next timer. So the same guest
 * does the same on every engine and at every run, as long as nothing comes in from outside. Owner
 * thread only.
 */
public final class SteppedMachine implements AutoCloseable {
  /** Instructions, and nanoseconds, between two looks at the clock. */
  public static final long QUANTUM = 10_000;

  /** Wall time at power-on: 2026-01-01T00:00Z. */
  private static final long WALL_START = 1_767_225_600_000_000_000L;

  private static final long ENTROPY_SEED = 42;

  private final AtomicReference<String> ending = new AtomicReference<>("");
  private final ManualClock clock = new ManualClock(WALL_START);
  private final PcBoard board;
  private final Vcpu vcpu;
  private long nextTick = QUANTUM;

  /**
   * Builds a machine and powers it on.
   *
   * @param config with one processor and no virtio devices, as those have threads of their own
   * @throws MachineException if something is missing or refused, with one sentence for the user
   */
  public SteppedMachine(MachineConfig config) {
    boolean threads = !config.disks().isEmpty() || !config.ports().isEmpty() || config.entropy();
    if (config.cpus() != 1 || threads) {
      throw new MachineException(
          "A machine whose time is counted in instructions has one processor and no virtio device.");
    }
    SplittableRandom random = new SplittableRandom(ENTROPY_SEED);
    Timeline timeline = new Timeline(() -> 0);
    try {
      board =
          new PcBoard(
              "stepped",
              config,
              EngineChoice.of(config.engine(), EngineChoice.installed()).engine(),
              new Ends(),
              timeline,
              clock,
              random::nextLong,
              OtherEngines.NONE,
              null);
    } catch (BootException e) {
      throw new MachineException(String.valueOf(e.getMessage()), e);
    }
    try {
      board.powerOn(true);
    } catch (BootException e) {
      board.close();
      throw new MachineException(String.valueOf(e.getMessage()), e);
    }
    vcpu = board.vcpus.getFirst();
  }

  private final class Ends implements PcBoard.Requests {
    @Override
    public void powerOff() {
      ended("power off");
    }

    @Override
    public void suspend() {
      ended("suspended");
    }

    @Override
    public void wake() {
      // A machine that sleeps has ended.
    }

    @Override
    public void reset(String how) {
      ended("reset " + how);
    }

    @Override
    public void testExit(int status) {
      ended("test exit " + status);
    }
  }

  private void ended(String how) {
    ending.compareAndSet("", how);
  }

  /**
   * Runs until so many instructions were executed since power-on, or the machine ends, which is
   * noticed at the next {@link #QUANTUM} or halt.
   *
   * @return whether it still runs
   */
  public boolean runTo(long instructions) {
    while (ending.get().isEmpty() && instructions() < instructions) {
      long limit = Math.min(instructions, nextTick);
      RawMemory.putLong(vcpu.state() + CpuState.INSTRUCTION_LIMIT, limit);
      Exit exit = vcpu.run();
      vcpu.pull();
      switch (exit) {
        case KICK -> {
          if (instructions() >= nextTick) {
            nextTick += QUANTUM;
            clock.advance(QUANTUM);
          }
        }
        case HALT -> halted();
        default -> ended(exit + ": " + vcpu.exit().detail);
      }
    }
    return ending.get().isEmpty();
  }

  private void halted() {
    if (vcpu.runnable()) {
      return;
    }
    long deadline = clock.nextDeadline();
    if (deadline == Long.MAX_VALUE) {
      ended("halted for good");
    } else {
      clock.advance(Math.max(0, deadline - clock.nanos()));
    }
  }

  /** Instructions executed since power-on. */
  public long instructions() {
    return RawMemory.getLong(vcpu.state() + CpuState.INSTRUCTIONS);
  }

  /** How the machine ended, or the empty string. */
  public String ending() {
    return ending.get();
  }

  /** Host address of the processor's state, laid out by {@link CpuState}. */
  public long state() {
    return vcpu.state();
  }

  /** The guest's memory. */
  public GuestMemory memory() {
    return board.memory;
  }

  /** What the engine counted. */
  public Map<String, Long> counters() {
    return vcpu.counters();
  }

  @Override
  public void close() {
    board.threads.close();
    board.close();
  }
}
