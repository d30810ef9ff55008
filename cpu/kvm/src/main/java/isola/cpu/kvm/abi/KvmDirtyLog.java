package isola.cpu.kvm.abi;

/**
 * Where the pages written since the last call are told: KVM_GET_DIRTY_LOG. {@code struct
 * kvm_dirty_log}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmDirtyLog {
  /** Size in bytes. */
  public static final int SIZE = 16;

  public static final int SLOT = 0;
  public static final int DIRTY_BITMAP = 8;

  private KvmDirtyLog() {}
}
