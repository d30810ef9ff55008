package isola.machine.devices.pci;

/** Constants of PCI Local Bus 3.0 and, where named, PCI Express Base 3.0. */
public final class PciSpec {
  /** Bytes of the conventional configuration space, 6.1. */
  public static final int CONFIG_BYTES = 256;

  /** Bytes of the extended configuration space, PCI Express 7.2. */
  public static final int EXTENDED_CONFIG_BYTES = 4096;

  /** Devices on a bus, 3.2.2.3. */
  public static final int DEVICES = 32;

  /** Functions of a device, 3.2.2.3. */
  public static final int FUNCTIONS = 8;

  // Header registers, figure 6-1.
  public static final int VENDOR_ID = 0x00;
  public static final int DEVICE_ID = 0x02;
  public static final int COMMAND = 0x04;
  public static final int STATUS = 0x06;
  public static final int REVISION_ID = 0x08;
  public static final int CLASS_CODE = 0x09;
  public static final int CACHE_LINE_SIZE = 0x0c;
  public static final int LATENCY_TIMER = 0x0d;
  public static final int HEADER_TYPE = 0x0e;
  public static final int BAR0 = 0x10;
  public static final int SUBSYSTEM_VENDOR_ID = 0x2c;
  public static final int SUBSYSTEM_ID = 0x2e;
  public static final int CAPABILITIES_POINTER = 0x34;
  public static final int INTERRUPT_LINE = 0x3c;
  public static final int INTERRUPT_PIN = 0x3d;

  /** First byte after the header of type 0. */
  public static final int HEADER_BYTES = 0x40;

  /** Base address registers of a type 0 header, 6.2.5. */
  public static final int BARS = 6;

  // Command register, 6.2.2.
  public static final int COMMAND_IO = 1;
  public static final int COMMAND_MEMORY = 1 << 1;
  public static final int COMMAND_MASTER = 1 << 2;
  public static final int COMMAND_INTX_DISABLE = 1 << 10;

  /** The command bits that software can change here: the above, parity and SERR# enable. */
  public static final int COMMAND_WRITABLE =
      COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE | 1 << 6 | 1 << 8;

  // Status register, 6.2.3.
  public static final int STATUS_INTERRUPT = 1 << 3;
  public static final int STATUS_CAPABILITIES = 1 << 4;

  /** Header type bit for a device with several functions, 6.2.1. */
  public static final int HEADER_MULTIFUNCTION = 0x80;

  // Base address register encodings, 6.2.5.1.
  public static final int BAR_IO = 1;
  public static final int BAR_64_BIT = 2 << 1;
  public static final int BAR_PREFETCHABLE = 1 << 3;
  public static final int BAR_MEMORY_FLAGS = 0xf;
  public static final int BAR_IO_FLAGS = 0x3;

  // Capability ids, appendix H.
  public static final int CAPABILITY_VENDOR = 0x09;
  public static final int CAPABILITY_MSIX = 0x11;

  // MSI-X, 6.8.2.
  public static final int MSIX_CAPABILITY_BYTES = 12;
  public static final int MSIX_MAX_VECTORS = 2048;
  public static final int MSIX_ENTRY_BYTES = 16;
  public static final int MSIX_ENABLE = 1 << 15;
  public static final int MSIX_FUNCTION_MASK = 1 << 14;
  public static final int MSIX_VECTOR_MASKED = 1;

  /** CONFIG_ADDRESS bit that turns CONFIG_DATA accesses into configuration cycles, 3.2.2.3.2. */
  public static final int CONFIG_ENABLE = 1 << 31;

  private PciSpec() {}
}
