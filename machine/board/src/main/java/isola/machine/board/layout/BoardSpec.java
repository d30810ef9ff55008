package isola.machine.board.layout;

/**
 * Addresses, ports and interrupt numbers of the PC. Where nothing else is said they are what PCs
 * have had since the AT, or this board's choice among free places.
 */
public final class BoardSpec {
  /** First byte of video memory; RAM below it is the conventional 640 KiB. */
  public static final long VIDEO_BASE = 0xa_0000L;

  /** First byte of the extended BIOS data area, whose segment the BIOS data area names. */
  public static final long EBDA_BASE = 0x9_fc00L;

  /** First byte of the area for option ROMs and firmware, RAM here. */
  public static final long FIRMWARE_BASE = 0xc_0000L;

  /** First byte of the ACPI tables. */
  public static final long TABLES_BASE = 0xe_0000L;

  /** First byte of what guests find by searching: RSDP, SMBIOS and MP pointers. */
  public static final long POINTERS_BASE = 0xf_0000L;

  /** End of the first mebibyte. */
  public static final long EXTENDED_BASE = 0x10_0000L;

  /** RAM below 4 GiB ends here at most; the rest of it goes above 4 GiB. */
  public static final long LOW_RAM_END = 0xc000_0000L;

  /** First byte of the window for PCI memory below 4 GiB. */
  public static final long PCI_WINDOW_BASE = 0xc000_0000L;

  /** End of that window. */
  public static final long PCI_WINDOW_END = 0xe000_0000L;

  /** Memory-mapped PCI configuration space, 256 buses of 1 MiB. */
  public static final long ECAM_BASE = 0xe000_0000L;

  public static final long ECAM_SIZE = 0x1000_0000L;

  /** I/O APIC (Intel 82093AA datasheet, 3.0). */
  public static final long IO_APIC_BASE = 0xfec0_0000L;

  public static final long IO_APIC_SIZE = 0x1000L;

  /** HPET (IA-PC HPET specification 1.0a, 3.2.1). */
  public static final long HPET_BASE = 0xfed0_0000L;

  public static final long HPET_SIZE = 0x400L;

  /** Local APIC after reset (Intel SDM vol. 3A 10.4.1). */
  public static final long LOCAL_APIC_BASE = 0xfee0_0000L;

  public static final long LOCAL_APIC_SIZE = 0x1000L;

  /** RAM that does not fit below {@link #LOW_RAM_END} begins here. */
  public static final long HIGH_RAM_BASE = 0x1_0000_0000L;

  /** Size of the window for 64-bit PCI memory above all RAM. */
  public static final long PCI_WINDOW64_SIZE = 0x8_0000_0000L;

  /** The window is aligned to this. */
  public static final long PCI_WINDOW64_ALIGNMENT = 0x10_0000_0000L;

  /** First port for PCI functions. */
  public static final int PCI_PORTS_BASE = 0xc000;

  /** Past the last port for PCI functions. */
  public static final int PCI_PORTS_END = 0x1_0000;

  /** ACPI power management registers: events, control and timer. */
  public static final int PM_BASE = 0x600;

  /** Reset control register (Intel ICH9 datasheet, 13.7.5). */
  public static final int RESET_PORT = 0xcf9;

  public static final int COM1 = 0x3f8;
  public static final int COM2 = 0x2f8;

  public static final int PIT_IRQ = 0;
  public static final int KEYBOARD_IRQ = 1;
  public static final int COM2_IRQ = 3;
  public static final int COM1_IRQ = 4;
  public static final int RTC_IRQ = 8;
  public static final int SCI_IRQ = 9;
  public static final int MOUSE_IRQ = 12;

  /** Input of the I/O APIC that PIRQA# drives; PIRQB# to PIRQH# follow. */
  public static final int PIRQ_GSI = 16;

  /** Inputs of the I/O APIC. */
  public static final int IO_APIC_PINS = 24;

  /** Time-stamp counter frequency: one tick a nanosecond, exactly. */
  public static final long TSC_HZ = 1_000_000_000L;

  private BoardSpec() {}
}
