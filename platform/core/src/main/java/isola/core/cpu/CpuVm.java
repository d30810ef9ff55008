package isola.core.cpu;

/** The processors of one machine on one engine, which share its memory. */
public interface CpuVm extends AutoCloseable {
  /**
   * Creates the next processor (0, 1, ...). All are created before the first runs.
   *
   * @throws IllegalStateException if the engine refuses, with one sentence for the user
   */
  Vcpu createVcpu(VcpuWiring wiring);

  @Override
  void close();
}
