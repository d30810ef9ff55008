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

  /**
   * Ends a HLT whatever RFLAGS.IF says, the next one if the processor is not halted
   * (KVM_HC_KICK_CPU). Engines that answer hypercalls inside do not need it.
   */
  default void unhalt() {}

  /** Makes {@link Vcpu#run} return {@link Exit#KICK} soon, within 10 ms. */
  void kick();
}
