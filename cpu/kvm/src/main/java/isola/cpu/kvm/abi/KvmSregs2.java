package isola.cpu.kvm.abi;

/**
 * System registers with those of PAE paging: KVM_GET_SREGS2, KVM_SET_SREGS2. {@code struct
 * kvm_sregs2}, Linux uapi asm/kvm.h; up to {@link #FLAGS} as {@link KvmSregs}.
 */
public final class KvmSregs2 {
  /** Size in bytes. */
  public static final int SIZE = 320;

  public static final int CS = KvmSregs.CS;
  public static final int LDT = KvmSregs.LDT;
  public static final int GDT = KvmSregs.GDT;
  public static final int CR0 = KvmSregs.CR0;
  public static final int APIC_BASE = KvmSregs.APIC_BASE;
  public static final int FLAGS = 280;
  public static final int PDPTRS = 288;

  private KvmSregs2() {}
}
