package isola.cpu.kvm.abi;

/**
 * A capability to switch on: KVM_ENABLE_CAP. {@code struct kvm_enable_cap}, Linux uapi linux/kvm.h
 * and asm/kvm.h.
 */
public final class KvmEnableCap {
  /** Size in bytes. */
  public static final int SIZE = 104;

  public static final int CAP = 0;
  public static final int FLAGS = 4;
  public static final int ARGS = 8;

  private KvmEnableCap() {}
}
