package isola.cpu.kvm.abi;

/**
 * Head of a list of {@link KvmCpuidEntry2}: KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2. {@code struct
 * kvm_cpuid2}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmCpuid2 {
  /** Size in bytes. */
  public static final int SIZE = 8;

  public static final int NENT = 0;
  public static final int ENTRIES = 8;

  private KvmCpuid2() {}
}
