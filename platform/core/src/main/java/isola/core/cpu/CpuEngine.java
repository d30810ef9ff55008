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

  /** Creates a machine's processors over its memory. The memory outlives the result. */
  CpuVm create(GuestMemory memory);
}
