package isola.cpu.kvm.abi;

/**
 * One leaf inside {@link KvmCpuid2}. {@code struct kvm_cpuid_entry2}, Linux uapi linux/kvm.h and
 * asm/kvm.h.
 */
public final class KvmCpuidEntry2 {
  /** Size in bytes. */
  public static final int SIZE = 40;

  public static final int FUNCTION = 0;
  public static final int INDEX = 4;
  public static final int FLAGS = 8;
  public static final int EAX = 12;
  public static final int EBX = 16;
  public static final int ECX = 20;
  public static final int EDX = 24;

  private KvmCpuidEntry2() {}
}
