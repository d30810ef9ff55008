package isola.cpu.kvm.abi;

/**
 * What a processor is up to: KVM_GET_MP_STATE, KVM_SET_MP_STATE. {@code struct kvm_mp_state}, Linux
 * uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmMpState {
  /** Size in bytes. */
  public static final int SIZE = 4;

  public static final int MP_STATE = 0;

  private KvmMpState() {}
}
