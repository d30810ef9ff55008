package isola.cpu.kvm.abi;

/**
 * System registers: KVM_GET_SREGS, KVM_SET_SREGS. {@code struct kvm_sregs}, Linux uapi linux/kvm.h
 * and asm/kvm.h.
 */
public final class KvmSregs {
  /** Size in bytes. */
  public static final int SIZE = 312;

  public static final int CS = 0;
  public static final int DS = 24;
  public static final int ES = 48;
  public static final int FS = 72;
  public static final int GS = 96;
  public static final int SS = 120;
  public static final int TR = 144;
  public static final int LDT = 168;
  public static final int GDT = 192;
  public static final int IDT = 208;
  public static final int CR0 = 224;
  public static final int CR2 = 232;
  public static final int CR3 = 240;
  public static final int CR4 = 248;
  public static final int CR8 = 256;
  public static final int EFER = 264;
  public static final int APIC_BASE = 272;
  public static final int INTERRUPT_BITMAP = 280;

  private KvmSregs() {}
}
