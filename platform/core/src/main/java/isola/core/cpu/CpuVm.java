package isola.core.cpu;

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
   * The frequency in Hz that the processors' time-stamp counters will have, when the board would
   * like {@code wanted}: hardware has its own. Asked before the first processor is created.
   */
  default long tscHz(long wanted) {
    return wanted;
  }

  /**
   * The local APICs, if the engine has them inside; then {@link VcpuWiring#interrupts} and the
   * local APIC's registers are never asked. Null for engines that use the board's.
   */
  default @Nullable EngineApics apics() {
    return null;
  }

  @Override
  void close();
}
