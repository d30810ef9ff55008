package isola.cpu.kvm.abi;

/**
 * A message-signalled interrupt: KVM_SIGNAL_MSI. {@code struct kvm_msi}, Linux uapi linux/kvm.h and
 * asm/kvm.h.
 */
public final class KvmMsi {
  /** Size in bytes. */
  public static final int SIZE = 32;

  public static final int ADDRESS_LO = 0;
  public static final int ADDRESS_HI = 4;
  public static final int DATA = 8;
  public static final int FLAGS = 12;
  public static final int DEVID = 16;

  private KvmMsi() {}
}
