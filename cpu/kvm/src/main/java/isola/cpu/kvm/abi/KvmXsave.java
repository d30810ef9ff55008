package isola.cpu.kvm.abi;

/**
 * The XSAVE area, standard format: KVM_GET_XSAVE, KVM_SET_XSAVE. {@code struct kvm_xsave}, Linux
 * uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmXsave {
  /** Size in bytes. */
  public static final int SIZE = 4096;

  public static final int REGION = 0;

  private KvmXsave() {}
}
