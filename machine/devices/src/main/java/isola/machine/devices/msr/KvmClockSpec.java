package isola.machine.devices.msr;

/**
 * Constants of KVM's paravirtual clock (Linux Documentation/virt/kvm/x86/msr.rst, uapi
 * asm/kvm_para.h and asm/pvclock-abi.h).
 */
public final class KvmClockSpec {
  static final int MSR_WALL_CLOCK = 0x11;
  static final int MSR_SYSTEM_TIME = 0x12;
  static final int MSR_WALL_CLOCK_NEW = 0x4b56_4d00;
  static final int MSR_SYSTEM_TIME_NEW = 0x4b56_4d01;

  /** Bit 0 of the system time register: switched on. */
  static final long ENABLE = 1;

  // struct pvclock_wall_clock.
  static final int WALL_VERSION = 0;
  static final int WALL_SECONDS = 4;
  static final int WALL_NANOS = 8;

  // struct pvclock_vcpu_time_info.
  static final int TIME_VERSION = 0;
  static final int TIME_TSC = 8;
  static final int TIME_SYSTEM = 16;
  static final int TIME_MULTIPLIER = 24;
  static final int TIME_SHIFT = 28;
  static final int TIME_FLAGS = 29;

  /** Time from different processors may be compared (PVCLOCK_TSC_STABLE_BIT). */
  static final int FLAG_STABLE = 1;

  private KvmClockSpec() {}
}
