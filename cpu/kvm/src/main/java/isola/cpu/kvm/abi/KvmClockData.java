package isola.cpu.kvm.abi;

/**
 * The paravirtual clock: KVM_GET_CLOCK, KVM_SET_CLOCK. {@code struct kvm_clock_data}, Linux uapi
 * linux/kvm.h and asm/kvm.h.
 */
public final class KvmClockData {
  /** Size in bytes. */
  public static final int SIZE = 48;

  public static final int CLOCK = 0;
  public static final int FLAGS = 8;
  public static final int REALTIME = 16;
  public static final int HOST_TSC = 24;

  private KvmClockData() {}
}
