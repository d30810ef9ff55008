package isola.cpu.kvm.abi;

/**
 * GDTR or IDTR inside {@link KvmSregs}. {@code struct kvm_dtable}, Linux uapi linux/kvm.h and
 * asm/kvm.h.
 */
public final class KvmDtable {
  /** Size in bytes. */
  public static final int SIZE = 16;

  public static final int BASE = 0;
  public static final int LIMIT = 8;

  private KvmDtable() {}
}
