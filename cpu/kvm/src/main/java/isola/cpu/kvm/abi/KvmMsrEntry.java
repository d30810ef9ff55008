package isola.cpu.kvm.abi;

/**
 * One register inside {@link KvmMsrs}. {@code struct kvm_msr_entry}, Linux uapi linux/kvm.h and
 * asm/kvm.h.
 */
public final class KvmMsrEntry {
  /** Size in bytes. */
  public static final int SIZE = 16;

  public static final int INDEX = 0;
  public static final int DATA = 8;

  private KvmMsrEntry() {}
}
