package isola.cpu.kvm.abi;

/**
 * The vector of an external interrupt: KVM_INTERRUPT. {@code struct kvm_interrupt}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmInterrupt {
  /** Size in bytes. */
  public static final int SIZE = 4;

  public static final int IRQ = 0;

  private KvmInterrupt() {}
}
