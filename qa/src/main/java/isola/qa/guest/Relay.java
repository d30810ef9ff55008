package isola.qa.guest;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Runs a program on several engines by turns: every so often all of its processor's state moves to
 * the next one, which goes on. One thread.
 */
public final class Relay {
  /**
   * How it ended.
   *
   * @param difference in what it was not as the program promises, empty if in nothing
   * @param moves how often the engine changed
   */
  public record Result(String difference, int moves) {}

  /** Software engines run so many instructions at most in a turn. */
  private static final int MOST_INSTRUCTIONS = 400;

  private final List<CpuEngine> engines;
  private final RandomGenerator random;
  private final long longestTurnNanos;

  /**
   * A relay between engines; those called {@code kvm} are stopped by a kick after up to {@code
   * longestTurnNanos}.
   */
  public Relay(List<CpuEngine> engines, RandomGenerator random, long longestTurnNanos) {
    this.engines = List.copyOf(engines);
    this.random = random;
    this.longestTurnNanos = longestTurnNanos;
  }

  /** Runs a program to its end, or for so many seconds. */
  public Result run(GuestProgram program, CpuModel model, int seconds) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    try (BareMachine machine = new BareMachine(engines.getFirst(), model, program.rom())) {
      int moves = 0;
      while (true) {
        BareMachine.End how = turn(machine, engines.get(moves % engines.size()));
        if (how == null && System.nanoTime() - end > 0) {
          how = BareMachine.End.TIMEOUT;
        }
        if (how != null) {
          machine.pull();
          return new Result(program.difference(machine, how), moves);
        }
        moves++;
        machine.moveTo(engines.get(moves % engines.size()));
      }
    }
  }

  private BareMachine.@Nullable End turn(BareMachine machine, CpuEngine engine) {
    if (!engine.name().equals("kvm")) {
      machine.limit(random.nextInt(1, MOST_INSTRUCTIONS));
      BareMachine.End end = machine.turn();
      machine.limit(0);
      return end;
    }
    long wait = random.nextLong(1, longestTurnNanos);
    Thread alarm =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  LockSupport.parkNanos(wait);
                  machine.kick();
                });
    BareMachine.End end = machine.turn();
    while (alarm.isAlive()) {
      try {
        alarm.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return BareMachine.End.TIMEOUT;
      }
    }
    return end;
  }
}
