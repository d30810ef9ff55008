package isola.cpu.kvm.abi;

/** What a KVM may or may not offer, by the names and numbers of Linux uapi linux/kvm.h. */
public enum KvmCapability {
  KVM_CAP_USER_MEMORY(3, true),
  KVM_CAP_SET_TSS_ADDR(4, true),
  KVM_CAP_EXT_CPUID(7, true),
  KVM_CAP_NR_VCPUS(9, false),
  KVM_CAP_NR_MEMSLOTS(10, false),
  KVM_CAP_MP_STATE(14, true),
  KVM_CAP_IRQ_ROUTING(25, true),
  KVM_CAP_IOEVENTFD(36, false),
  KVM_CAP_SET_IDENTITY_MAP_ADDR(37, true),
  KVM_CAP_ADJUST_CLOCK(39, false),
  KVM_CAP_VCPU_EVENTS(41, true),
  KVM_CAP_DEBUGREGS(50, true),
  KVM_CAP_XSAVE(55, true),
  KVM_CAP_XCRS(56, true),
  KVM_CAP_TSC_CONTROL(60, false),
  KVM_CAP_GET_TSC_KHZ(61, true),
  KVM_CAP_MAX_VCPUS(66, false),
  KVM_CAP_TSC_DEADLINE_TIMER(72, false),
  KVM_CAP_KVMCLOCK_CTRL(76, false),
  KVM_CAP_SIGNAL_MSI(77, true),
  KVM_CAP_READONLY_MEM(81, true),
  KVM_CAP_SPLIT_IRQCHIP(121, true),
  KVM_CAP_IOEVENTFD_ANY_LENGTH(122, false),
  KVM_CAP_VCPU_ATTRIBUTES(127, false),
  KVM_CAP_IMMEDIATE_EXIT(136, true),
  KVM_CAP_X86_USER_SPACE_MSR(188, false),
  KVM_CAP_SREGS2(200, false),
  KVM_CAP_EXIT_ON_EMULATION_FAILURE(204, false),
  KVM_CAP_XSAVE2(208, false);

  private final int number;
  private final boolean needed;

  KvmCapability(int number, boolean needed) {
    this.number = number;
    this.needed = needed;
  }

  /** Its number in the header. */
  public int number() {
    return number;
  }

  /** Whether the engine cannot do without. */
  public boolean needed() {
    return needed;
  }
}
