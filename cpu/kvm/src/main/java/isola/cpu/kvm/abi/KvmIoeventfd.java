package isola.cpu.kvm.abi;

/**
 * A place whose writes only count up an event descriptor: KVM_IOEVENTFD. {@code struct
 * kvm_ioeventfd}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmIoeventfd {
  /** Size in bytes. */
  public static final int SIZE = 64;

  public static final int DATAMATCH = 0;
  public static final int ADDR = 8;
  public static final int LEN = 16;
  public static final int FD = 20;
  public static final int FLAGS = 24;

  private KvmIoeventfd() {}
}
