package isola.cpu.kvm.abi;

/**
 * Head of a list of {@link KvmMsrEntry}: KVM_GET_MSRS, KVM_SET_MSRS. {@code struct kvm_msrs}, Linux
 * uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmMsrs {
  /** Size in bytes. */
  public static final int SIZE = 8;

  public static final int NMSRS = 0;
  public static final int ENTRIES = 8;

  private KvmMsrs() {}
}
