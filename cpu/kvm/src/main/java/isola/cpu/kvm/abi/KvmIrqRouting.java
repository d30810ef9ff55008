package isola.cpu.kvm.abi;

/**
 * Head of a list of {@link KvmIrqRoutingEntry}: KVM_SET_GSI_ROUTING. {@code struct
 * kvm_irq_routing}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmIrqRouting {
  /** Size in bytes. */
  public static final int SIZE = 8;

  public static final int NR = 0;
  public static final int FLAGS = 4;
  public static final int ENTRIES = 8;

  private KvmIrqRouting() {}
}
