package isola.core.cpu;

import isola.core.memory.GuestMemory;
import java.util.Optional;

/** A way to run guest instructions. Found with {@link java.util.ServiceLoader}. Any thread. */
public interface CpuEngine {
  /** The name that the user gives: {@code interpreter}, {@code translator} or {@code kvm}. */
  String name();

  /** One sentence on why this engine cannot run here, or empty if it can. */
  Optional<String> unavailable();

  /**
   * The highest level of x86-64 (psABI: 2 or 3) that a guest may be offered on this engine and this
   * host.
   */
  default int level() {
    return 2;
  }

  /**
   * Its place when the user leaves the choice to us: of the engines that can run here, that of the
   * highest number is taken.
   */
  default int preference() {
    return 0;
  }

  /**
   * One sentence on why this engine is not to be chosen unless asked for by name, although it can
   * run here; or empty. May take some tens of milliseconds to find out.
   */
  default Optional<String> reluctance() {
    return Optional.empty();
  }

  /**
   * The frequency in Hz at which the time-stamp counters of a machine on this engine and this host
   * count unless it asks for another; 0 for an engine that counts at any, or that cannot run here.
   * Takes a millisecond or two.
   */
  default long hostTscHz() {
    return 0;
  }

  /**
   * What CPUID would answer on this engine and this host to a processor that is given this table:
   * as {@link CpuVm#offered}, without a machine. The table itself if the engine cannot run here.
   */
  default CpuidTable hostCpuid(CpuidTable table) {
    return table;
  }

  /**
   * Reads the tables that the first guest would otherwise wait for. Of no consequence if it is
   * never called, or called again.
   */
  default void prepare() {}

  /** Creates a machine's processors over its memory. The memory outlives the result. */
  CpuVm create(GuestMemory memory);
}
