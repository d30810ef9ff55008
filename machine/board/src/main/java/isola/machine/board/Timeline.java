package isola.machine.board;

import isola.machine.board.MachineStats.Phase;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** When a run reached what. Any thread. */
final class Timeline {
  private final long jvmStartNanos;
  private final LongSupplier instructions;
  private final List<Phase> phases = new ArrayList<>();

  /** A timeline whose zero is the start of this JVM. */
  Timeline(LongSupplier instructions) {
    this.instructions = instructions;
    Instant now = Instant.now();
    Instant start = ProcessHandle.current().info().startInstant().orElse(now);
    jvmStartNanos = System.nanoTime() - (now.toEpochMilli() - start.toEpochMilli()) * 1_000_000;
  }

  /** Notes that a phase is reached now, unless it was before. */
  synchronized void reach(String name) {
    if (phases.stream().noneMatch(phase -> phase.name().equals(name))) {
      double millis = (System.nanoTime() - jvmStartNanos) / 1e6;
      phases.add(new Phase(name, millis, instructions.getAsLong()));
    }
  }

  synchronized List<Phase> phases() {
    return List.copyOf(phases);
  }
}
