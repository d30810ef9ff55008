package isola.machine.devices.interrupt;

/**
 * Constants of the local APIC (Intel SDM vol. 3A chapter 10) and of the 82093AA I/O APIC (Intel
 * 290566) as later chipsets extended it.
 */
public final class ApicSpec {
  /** Where the local APIC's registers are after reset, 10.4.1. */
  public static final long DEFAULT_BASE = 0xfee0_0000L;

  /** Where the I/O APIC's registers are on a PC. */
  public static final long IO_APIC_BASE = 0xfec0_0000L;

  /** Size of either's registers in bytes. */
  public static final int WINDOW = 4096;

  /** Frequency of the local APIC timer before its divider, in Hz: what CPUID may state. */
  public static final long TIMER_HZ = 1_000_000_000L;

  /** IA32_APIC_BASE, 10.4.4. */
  public static final int MSR_APIC_BASE = 0x1b;

  /** IA32_TSC_DEADLINE, 10.5.4.1. */
  public static final int MSR_TSC_DEADLINE = 0x6e0;

  /** First of the x2APIC registers, 10.12.1.2; register offset divided by 16 is added. */
  public static final int MSR_X2APIC = 0x800;

  /** How many MSRs belong to the x2APIC. */
  public static final int X2APIC_MSRS = 0x100;

  // IA32_APIC_BASE bits, figure 10-26.
  public static final int BASE_BOOTSTRAP = 1 << 8;
  public static final int BASE_X2APIC = 1 << 10;
  public static final int BASE_ENABLE = 1 << 11;

  // Register offsets, table 10-1.
  static final int ID = 0x20;
  static final int VERSION = 0x30;
  static final int TPR = 0x80;
  static final int APR = 0x90;
  static final int PPR = 0xa0;
  static final int EOI = 0xb0;
  static final int LDR = 0xd0;
  static final int DFR = 0xe0;
  static final int SVR = 0xf0;
  static final int ISR = 0x100;
  static final int TMR = 0x180;
  static final int IRR = 0x200;
  static final int ESR = 0x280;
  static final int ICR = 0x300;
  static final int ICR_HIGH = 0x310;
  static final int LVT_TIMER = 0x320;
  static final int LVT_THERMAL = 0x330;
  static final int LVT_PERFORMANCE = 0x340;
  static final int LVT_LINT0 = 0x350;
  static final int LVT_LINT1 = 0x360;
  static final int LVT_ERROR = 0x370;
  static final int INITIAL_COUNT = 0x380;
  static final int CURRENT_COUNT = 0x390;
  static final int DIVIDE = 0x3e0;
  static final int SELF_IPI = 0x3f0;

  /** Local vector table entries, in register order from {@link #LVT_TIMER}. */
  static final int LVT_ENTRIES = 6;

  /** Version 0x14, highest LVT entry, and that EOI broadcasts can be suppressed; figure 10-7. */
  static final int VERSION_VALUE = 0x14 | (LVT_ENTRIES - 1) << 16 | 1 << 24;

  // Local vector table bits, figure 10-8.
  static final int LVT_MASKED = 1 << 16;
  static final int LVT_LEVEL = 1 << 15;
  static final int LVT_TIMER_MODE = 3 << 17;
  static final int LVT_TIMER_PERIODIC = 1 << 17;
  static final int LVT_TIMER_DEADLINE = 2 << 17;

  // Spurious interrupt vector register, figure 10-23.
  static final int SVR_ENABLE = 1 << 8;
  static final int SVR_SUPPRESS_EOI = 1 << 12;
  static final int SVR_WRITABLE = 0x13ff;

  // Error status register, figure 10-9.
  static final int ESR_SEND_ILLEGAL = 1 << 5;
  static final int ESR_RECEIVED_ILLEGAL = 1 << 6;
  static final int ESR_REGISTER = 1 << 7;

  // Interrupt command register, figure 10-12.
  static final int ICR_LOGICAL = 1 << 11;
  static final int ICR_ASSERT = 1 << 14;
  static final int ICR_LEVEL = 1 << 15;
  static final int ICR_SHORTHAND = 3 << 18;
  static final int ICR_SELF = 1 << 18;
  static final int ICR_ALL = 2 << 18;
  static final int ICR_OTHERS = 3 << 18;
  static final int ICR_WRITABLE = 0x000c_cfff;

  // Delivery modes, 10.6.1.
  static final int FIXED = 0;
  static final int LOWEST_PRIORITY = 1;
  static final int NMI = 4;
  static final int INIT = 5;
  static final int STARTUP = 6;
  static final int EXTINT = 7;

  /** Vectors below this are not for interrupts, 10.5.3. */
  static final int FIRST_VECTOR = 16;

  // Message address and data, 10.11.
  static final long MESSAGE_PREFIX = 0xfee;
  static final int MESSAGE_LOGICAL = 1 << 2;

  // I/O APIC.
  static final int IO_INPUTS = 24;
  static final int IO_SELECT = 0x00;
  static final int IO_WINDOW = 0x10;
  static final int IO_EOI = 0x40;
  static final int IO_ID = 0;
  static final int IO_VERSION = 1;
  static final int IO_ARBITRATION = 2;
  static final int IO_REDIRECTION = 0x10;

  /** Version 0x20: the one with an EOI register (Intel 7-series PCH, 13.5.6). */
  static final int IO_VERSION_VALUE = 0x20 | (IO_INPUTS - 1) << 16;

  static final int IO_ID_WRITABLE = 0x0f00_0000;

  // Redirection table entry.
  static final long IO_LOGICAL = 1 << 11;
  static final long IO_REMOTE_IRR = 1 << 14;
  static final long IO_LEVEL = 1 << 15;
  static final long IO_MASKED = 1 << 16;
  static final long IO_WRITABLE = 0xff00_0000_0001_afffL;

  /** The bits of a local vector table entry that software sets, by register; figure 10-8. */
  static int lvtWritable(int register) {
    return switch (register) {
      case LVT_TIMER -> LVT_MASKED | LVT_TIMER_MODE | 0xff;
      case LVT_ERROR -> LVT_MASKED | 0xff;
      case LVT_LINT0, LVT_LINT1 -> LVT_MASKED | LVT_LEVEL | 1 << 13 | 0x7ff;
      default -> LVT_MASKED | 0x7ff;
    };
  }

  private ApicSpec() {}
}
