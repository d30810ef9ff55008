package isola.cpu.kvm.abi;

/**
 * A memory slot: KVM_SET_USER_MEMORY_REGION. {@code struct kvm_userspace_memory_region}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmUserspaceMemoryRegion {
  /** Size in bytes. */
  public static final int SIZE = 32;

  public static final int SLOT = 0;
  public static final int FLAGS = 4;
  public static final int GUEST_PHYS_ADDR = 8;
  public static final int MEMORY_SIZE = 16;
  public static final int USERSPACE_ADDR = 24;

  private KvmUserspaceMemoryRegion() {}
}
