package isola.core.cpu;

import java.util.Map;

/** One virtual processor. See the package for threads. */
public interface Vcpu extends VcpuSignals, AutoCloseable {
  /** Its number in the machine, from 0. Also its initial APIC id. */
  int index();

  /**
   * Runs the guest until something needs the outside. Owner thread. Never throws for what a guest
   * does.
   */
  Exit run();

  /** Details of the last exit. Owner thread. */
  ExitRecord exit();

  /**
   * Host address of the processor's state in the layout of {@code isola.cpu.x86.CpuState}. It is
   * current after {@link #run} returned and {@link #pull} was called, and takes effect after {@link
   * #push}. Owner thread, or any while the vCPU is stopped.
   */
  long state();

  /**
   * Brings {@link #state} up to date from where the engine keeps the processor (nothing to do for
   * software engines).
   */
  void pull();

  /** Makes changes to {@link #state} count. */
  void push();

  /**
   * Power-on state (Intel SDM vol. 3A 9.1); processors other than 0 wait for a start-up IPI. Owner
   * thread or stopped.
   */
  void reset();

  /** Whether a halted processor has something to do: an event it would take. Any thread. */
  boolean runnable();

  /**
   * Sets what is run, on the signalling thread, whenever a signal arrives; set before the first
   * {@link #run}.
   */
  void onWake(Runnable action);

  /**
   * Counters by name: guest instructions, exits by kind, TLB misses, and what else the engine
   * counts. Any thread; approximate.
   */
  Map<String, Long> counters();

  /**
   * Names all host code that stands for guest code now; nothing for engines that make none. Owner
   * thread, or any while the vCPU is stopped.
   */
  default void hostCode(HostCodeListener listener) {
    // None.
  }

  @Override
  void close();
}
