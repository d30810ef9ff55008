package isola.cpu.kvm.abi;

/**
 * Events under way: KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS. {@code struct kvm_vcpu_events}, Linux
 * uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmVcpuEvents {
  /** Size in bytes. */
  public static final int SIZE = 64;

  /** Member {@code exception}. */
  @SuppressWarnings("JavaLangClash") // It is what the header calls it.
  public static final class Exception {
    public static final int INJECTED = 0;
    public static final int NR = 1;
    public static final int HAS_ERROR_CODE = 2;
    public static final int PENDING = 3;
    public static final int ERROR_CODE = 4;

    private Exception() {}
  }

  /** Member {@code interrupt}. */
  public static final class Interrupt {
    public static final int INJECTED = 8;
    public static final int NR = 9;
    public static final int SOFT = 10;
    public static final int SHADOW = 11;

    private Interrupt() {}
  }

  /** Member {@code nmi}. */
  public static final class Nmi {
    public static final int INJECTED = 12;
    public static final int PENDING = 13;
    public static final int MASKED = 14;

    private Nmi() {}
  }

  public static final int SIPI_VECTOR = 16;
  public static final int FLAGS = 20;

  private KvmVcpuEvents() {}
}
