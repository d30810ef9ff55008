package isola.cpu.kvm.abi;

/**
 * Extended control registers: KVM_GET_XCRS, KVM_SET_XCRS. {@code struct kvm_xcrs}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmXcrs {
  /** Size in bytes. */
  public static final int SIZE = 392;

  public static final int NR_XCRS = 0;
  public static final int FLAGS = 4;
  public static final int XCRS = 8;

  private KvmXcrs() {}
}
