package isola.cpu.kvm.abi;

/**
 * One extended control register inside {@link KvmXcrs}. {@code struct kvm_xcr}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmXcr {
  /** Size in bytes. */
  public static final int SIZE = 16;

  public static final int XCR = 0;
  public static final int VALUE = 8;

  private KvmXcr() {}
}
