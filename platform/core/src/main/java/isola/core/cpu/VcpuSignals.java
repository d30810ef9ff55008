package isola.core.cpu;

/**
 * What reaches a processor from outside. Any thread; never blocks. Each signal also ends a {@link
 * Exit#HALT} wait: whoever parks on behalf of the vCPU is woken through {@link Vcpu#onWake}.
 */
public interface VcpuSignals {
  /** {@link InterruptPort#pending} may have become true. */
  void interruptRaised();

  /** A non-maskable interrupt. */
  void nmi();

  /** INIT (Intel SDM vol. 3A 9.1, table 9-1): reset to the wait-for-SIPI state. */
  void init();

  /** Start-up IPI: begin at {@code vector << 12} if waiting for it. */
  void startup(int vector);

  /** Makes {@link Vcpu#run} return {@link Exit#KICK} soon, within 10 ms. */
  void kick();
}
