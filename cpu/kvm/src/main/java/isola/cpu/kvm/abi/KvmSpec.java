package isola.cpu.kvm.abi;

/** Numbers of Linux uapi linux/kvm.h and asm/kvm.h: calls, capabilities, exits and flags. */
public final class KvmSpec {
  public static final int API_VERSION = 12;

  // Of the system.
  public static final int KVM_GET_API_VERSION = 0xae00;
  public static final int KVM_CREATE_VM = 0xae01;
  public static final int KVM_GET_MSR_INDEX_LIST = 0xc004ae02;
  public static final int KVM_CHECK_EXTENSION = 0xae03;
  public static final int KVM_GET_VCPU_MMAP_SIZE = 0xae04;
  public static final int KVM_GET_SUPPORTED_CPUID = 0xc008ae05;

  // Of a machine.
  public static final int KVM_CREATE_VCPU = 0xae41;
  public static final int KVM_GET_DIRTY_LOG = 0x4010ae42;
  public static final int KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
  public static final int KVM_SET_TSS_ADDR = 0xae47;
  public static final int KVM_SET_IDENTITY_MAP_ADDR = 0x4008ae48;
  public static final int KVM_SET_GSI_ROUTING = 0x4008ae6a;
  public static final int KVM_IOEVENTFD = 0x4040ae79;
  public static final int KVM_SET_CLOCK = 0x4030ae7b;
  public static final int KVM_GET_CLOCK = 0x8030ae7c;
  public static final int KVM_ENABLE_CAP = 0x4068aea3;
  public static final int KVM_SIGNAL_MSI = 0x4020aea5;

  // Of a processor.
  public static final int KVM_RUN = 0xae80;
  public static final int KVM_GET_REGS = 0x8090ae81;
  public static final int KVM_SET_REGS = 0x4090ae82;
  public static final int KVM_GET_SREGS = 0x8138ae83;
  public static final int KVM_SET_SREGS = 0x4138ae84;
  public static final int KVM_GET_SREGS2 = 0x8140_aecc;
  public static final int KVM_SET_SREGS2 = 0x4140_aecd;
  public static final int KVM_GET_MSRS = 0xc008ae88;
  public static final int KVM_SET_MSRS = 0x4008ae89;
  public static final int KVM_GET_LAPIC = 0x8400ae8e;
  public static final int KVM_SET_LAPIC = 0x4400ae8f;
  public static final int KVM_SET_CPUID2 = 0x4008ae90;
  public static final int KVM_GET_MP_STATE = 0x8004ae98;
  public static final int KVM_SET_MP_STATE = 0x4004ae99;
  public static final int KVM_GET_VCPU_EVENTS = 0x8040ae9f;
  public static final int KVM_SET_VCPU_EVENTS = 0x4040aea0;
  public static final int KVM_GET_DEBUGREGS = 0x8080aea1;
  public static final int KVM_SET_DEBUGREGS = 0x4080aea2;
  public static final int KVM_SET_TSC_KHZ = 0xaea2;
  public static final int KVM_GET_TSC_KHZ = 0xaea3;
  public static final int KVM_GET_XSAVE = 0x9000aea4;
  public static final int KVM_SET_XSAVE = 0x5000aea5;
  public static final int KVM_GET_XSAVE2 = 0x9000aecf;
  public static final int KVM_GET_XCRS = 0x8188aea6;
  public static final int KVM_SET_XCRS = 0x4188aea7;
  public static final int KVM_KVMCLOCK_CTRL = 0xaead;
  public static final int KVM_SET_DEVICE_ATTR = 0x4018aee1;
  public static final int KVM_GET_DEVICE_ATTR = 0x4018aee2;

  // An attribute of a processor.
  public static final int KVM_VCPU_TSC_CTRL = 0;
  public static final int KVM_VCPU_TSC_OFFSET = 0;

  // Exits.
  public static final int KVM_EXIT_UNKNOWN = 0;
  public static final int KVM_EXIT_IO = 2;
  public static final int KVM_EXIT_DEBUG = 4;
  public static final int KVM_EXIT_HLT = 5;
  public static final int KVM_EXIT_MMIO = 6;
  public static final int KVM_EXIT_IRQ_WINDOW_OPEN = 7;
  public static final int KVM_EXIT_SHUTDOWN = 8;
  public static final int KVM_EXIT_FAIL_ENTRY = 9;
  public static final int KVM_EXIT_INTR = 10;
  public static final int KVM_EXIT_INTERNAL_ERROR = 17;
  public static final int KVM_EXIT_SYSTEM_EVENT = 24;
  public static final int KVM_EXIT_IOAPIC_EOI = 26;
  public static final int KVM_EXIT_X86_RDMSR = 29;
  public static final int KVM_EXIT_X86_WRMSR = 30;

  /** Directions of {@link #KVM_EXIT_IO}. */
  public static final int KVM_EXIT_IO_IN = 0;

  public static final int KVM_EXIT_IO_OUT = 1;

  // Details of an internal error.
  public static final int KVM_INTERNAL_ERROR_EMULATION = 1;
  public static final int KVM_INTERNAL_ERROR_SIMUL_EX = 2;
  public static final int KVM_INTERNAL_ERROR_DELIVERY_EV = 3;
  public static final int KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON = 4;

  // Memory slots.
  public static final int KVM_MEM_LOG_DIRTY_PAGES = 1;
  public static final int KVM_MEM_READONLY = 1 << 1;

  // CPUID entries.
  public static final int KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

  // Event descriptors.
  public static final int KVM_IOEVENTFD_FLAG_DEASSIGN = 1 << 2;

  /** Kind of a {@link KvmIrqRoutingEntry}. */
  public static final int KVM_IRQ_ROUTING_MSI = 2;

  // What a processor is up to.
  public static final int KVM_MP_STATE_RUNNABLE = 0;
  public static final int KVM_MP_STATE_UNINITIALIZED = 1;
  public static final int KVM_MP_STATE_INIT_RECEIVED = 2;
  public static final int KVM_MP_STATE_HALTED = 3;
  public static final int KVM_MP_STATE_SIPI_RECEIVED = 4;

  // Flags of the events.
  public static final int KVM_VCPUEVENT_VALID_NMI_PENDING = 1;
  public static final int KVM_VCPUEVENT_VALID_SHADOW = 1 << 2;
  public static final int KVM_X86_SHADOW_INT_MOV_SS = 1;
  public static final int KVM_X86_SHADOW_INT_STI = 2;

  /** Why an access to an MSR leaves: no such register. */
  public static final int KVM_MSR_EXIT_REASON_UNKNOWN = 1 << 1;

  /** {@link KvmSregs2#FLAGS}: the registers of PAE paging count. */
  public static final int KVM_SREGS2_FLAGS_PDPTRS_VALID = 1;

  private KvmSpec() {}
}
