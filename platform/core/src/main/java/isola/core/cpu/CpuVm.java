package isola.core.cpu;

import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** The processors of one machine on one engine, which share its memory. */
public interface CpuVm extends AutoCloseable {
  /**
   * Creates the next processor (0, 1, ...). All are created before the first runs.
   *
   * @throws IllegalStateException if the engine refuses, with one sentence for the user
   */
  Vcpu createVcpu(VcpuWiring wiring);

  /**
   * The frequency in Hz that the processors' time-stamp counters have unless another is asked for:
   * hardware has its own. 0 for an engine that counts at any.
   */
  default long tscHz() {
    return 0;
  }

  /**
   * Asks for a frequency of the processors' time-stamp counters, once, before the first processor
   * is created. Hardware may not be able to count at another than its own.
   *
   * @param wanted in Hz
   * @return what they will have. An engine that cannot tell the two apart in practice, or would not
   *     be exact, may answer with its own; the board decides whether that is near enough
   */
  default long tscHz(long wanted) {
    return wanted;
  }

  /**
   * What CPUID answers on a processor that is given this table: an engine that runs on hardware
   * leaves out what that does not have.
   */
  default CpuidTable offered(CpuidTable table) {
    return table;
  }

  /**
   * The local APICs, if the engine has them inside; then {@link VcpuWiring#interrupts} and the
   * local APIC's registers are never asked. Null for engines that use the board's.
   */
  default @Nullable EngineApics apics() {
    return null;
  }

  /**
   * Told that no processor runs until {@link #resumed}: an engine whose time-stamp counters are not
   * driven by {@link VcpuWiring#clock} makes them, and what else of the guest's time it keeps,
   * stand still meanwhile. Any thread.
   */
  default void paused() {
    // The clock stands still.
  }

  /** Told that processors are about to run again, after {@link #paused}. Any thread. */
  default void resumed() {
    // The clock goes on.
  }

  /**
   * What the paravirtual clock shows while the machine is paused, in nanoseconds, if the engine
   * keeps that clock itself; otherwise -1.
   */
  default long paravirtualNanos() {
    return -1;
  }

  /**
   * Sets what the paravirtual clock goes on from at {@link #resumed}, while the machine is paused;
   * nothing for engines that do not keep that clock.
   */
  default void paravirtualNanos(long nanos) {
    // The board's clock.
  }

  /**
   * Sets what the first processor's time-stamp counter goes on from at {@link #resumed}, while the
   * machine is paused; the others keep their distance from it. Nothing for engines whose counters
   * the clock drives.
   */
  default void counter(long ticks) {
    // It follows from the clock.
  }

  /**
   * Begins, or ends, to note which pages of RAM are written, by the guest or through {@link
   * isola.core.memory.GuestMemory}. Any thread, no processor running.
   *
   * @return whether this engine can
   */
  default boolean logWrites(boolean on) {
    return false;
  }

  /**
   * Names each page that was written since the last such call, or since {@link #logWrites}, and
   * perhaps some that were not. The guest may run; devices stand still, as what they write
   * meanwhile may be named too early. One thread at a time.
   */
  default void writtenPages(LongConsumer guestAddress) {
    throw new IllegalStateException("nobody logs writes");
  }

  @Override
  void close();
}
