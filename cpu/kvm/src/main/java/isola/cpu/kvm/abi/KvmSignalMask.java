package isola.cpu.kvm.abi;

/**
 * Signals that are blocked while a guest runs: KVM_SET_SIGNAL_MASK. The mask follows, 8 bytes.
 * {@code struct kvm_signal_mask}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmSignalMask {
  /** Size in bytes. */
  public static final int SIZE = 4;

  public static final int LEN = 0;
  public static final int SIGSET = 4;

  private KvmSignalMask() {}
}
