package isola.machine.board;

import java.util.List;
import java.util.Map;

/**
 * Figures of a machine's run, for {@code --stats}.
 *
 * @param engine the CPU engine's name
 * @param cpus number of processors
 * @param memory guest RAM in bytes
 * @param seconds guest clock at the time of asking
 * @param instructions guest instructions retired by all processors
 * @param exits how often the processors left for the board, by kind of exit
 * @param counters what the engine counted, summed over the processors (TLB misses, ...)
 * @param phases boot phases in order of time
 * @param jvmPeakBytes peak resident memory of this JVM, or 0 where the host does not tell
 * @param guestTouchedBytes guest memory that occupies host memory, or 0 where the host does not
 *     tell
 * @param outcome how the run ended, or what it is doing
 */
public record MachineStats(
    String engine,
    int cpus,
    long memory,
    double seconds,
    long instructions,
    Map<String, Long> exits,
    Map<String, Long> counters,
    List<Phase> phases,
    long jvmPeakBytes,
    long guestTouchedBytes,
    String outcome) {
  /** Copies the collections. */
  public MachineStats {
    exits = Map.copyOf(exits);
    counters = Map.copyOf(counters);
    phases = List.copyOf(phases);
  }

  /**
   * A moment of the run.
   *
   * @param name what was reached
   * @param millis milliseconds since the JVM started
   * @param instructions guest instructions retired until then
   */
  public record Phase(String name, double millis, long instructions) {}
}
