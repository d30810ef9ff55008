package isola.cpu.kvm.abi;

/**
 * Debug registers: KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS. {@code struct kvm_debugregs}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmDebugregs {
  /** Size in bytes. */
  public static final int SIZE = 128;

  public static final int DB = 0;
  public static final int DR6 = 32;
  public static final int DR7 = 40;
  public static final int FLAGS = 48;

  private KvmDebugregs() {}
}
