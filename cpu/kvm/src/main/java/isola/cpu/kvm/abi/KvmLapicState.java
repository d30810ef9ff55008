package isola.cpu.kvm.abi;

/**
 * Registers of a local APIC, each at its offset in the memory window: KVM_GET_LAPIC, KVM_SET_LAPIC.
 * {@code struct kvm_lapic_state}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmLapicState {
  /** Size in bytes. */
  public static final int SIZE = 1024;

  public static final int REGS = 0;

  private KvmLapicState() {}
}
