package isola.machine.board.firmware;

import isola.core.bus.PortBus;
import isola.core.memory.GuestMemory;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.util.List;

/**
 * What firmware leaves in memory for the operating system.
 *
 * @param cpus number of processors
 * @param serials number of UARTs
 * @param map the memory map
 * @param hpetCapabilities the HPET's capabilities register, which its table repeats
 * @param cpuSignature EAX of CPUID leaf 1
 * @param cpuFeatures EDX of CPUID leaf 1
 */
public record Firmware(
    int cpus,
    int serials,
    MemoryMap map,
    long hpetCapabilities,
    int cpuSignature,
    int cpuFeatures) {

  private static final long RSDP = BoardSpec.POINTERS_BASE;
  private static final long MP_POINTER = BoardSpec.POINTERS_BASE + 0x40;
  private static final long SMBIOS_POINTER = BoardSpec.POINTERS_BASE + 0x60;
  private static final long MP_TABLE = BoardSpec.POINTERS_BASE + 0x100;
  private static final long SMBIOS_TABLE = BoardSpec.POINTERS_BASE + 0x2000;

  private static final long REAL_MODE_END = 1 << 20;

  // BIOS data area: segment of the extended one, kilobytes of conventional memory.
  private static final long BDA_COM1 = 0x400;
  private static final long BDA_EBDA_SEGMENT = 0x40e;
  private static final long BDA_BASE_MEMORY = 0x413;

  /**
   * Writes everything into memory and sets up the interrupt controllers and the timer; returns the
   * guest physical address of the ACPI root pointer.
   */
  public long install(GuestMemory memory, PortBus ports) {
    InterruptStubs.install(memory, ports);
    List<AcpiTables.Placed> tables = acpi();
    for (AcpiTables.Placed placed : tables) {
      write(memory, placed.address(), placed.table());
    }
    long xsdt = tables.getLast().address();
    long rsdt = tables.get(tables.size() - 2).address();
    write(memory, RSDP, AcpiTables.rsdp(rsdt, xsdt));
    write(memory, MP_POINTER, MpTable.pointer(MP_TABLE));
    write(memory, MP_TABLE, MpTable.table(cpus, cpuSignature, cpuFeatures));
    byte[] structures = Smbios.structures();
    write(memory, SMBIOS_TABLE, structures);
    write(memory, SMBIOS_POINTER, Smbios.entryPoint(SMBIOS_TABLE, structures.length));
    if (serials > 0) {
      memory.put(BDA_COM1, 2, BoardSpec.COM1);
    }
    if (serials > 1) {
      memory.put(BDA_COM1 + 2, 2, BoardSpec.COM2);
    }
    memory.put(BDA_EBDA_SEGMENT, 2, BoardSpec.EBDA_BASE >> 4);
    memory.put(BDA_BASE_MEMORY, 2, BoardSpec.EBDA_BASE >> 10);
    memory.put(BoardSpec.EBDA_BASE, 1, 1);
    return RSDP;
  }

  /**
   * Where the operating system wants to begin after S3: a physical address below 1 MiB, or 0 if it
   * has named none.
   */
  public static long wakingVector(GuestMemory memory) {
    // The FACS is the first of the tables.
    long vector = memory.get(BoardSpec.TABLES_BASE + AcpiTables.FACS_WAKING_VECTOR, 4);
    return (vector & 0xffff_ffffL) < REAL_MODE_END ? vector : 0;
  }

  /** The ACPI tables and where they go. */
  List<AcpiTables.Placed> acpi() {
    byte[] dsdt = Dsdt.build(cpus, serials, map.pciWindow64());
    return AcpiTables.layOut(BoardSpec.TABLES_BASE, dsdt, cpus, hpetCapabilities);
  }

  private static void write(GuestMemory memory, long address, byte[] bytes) {
    if (!memory.write(address, bytes, 0, bytes.length)) {
      throw new IllegalStateException("no memory for a firmware table at 0x%x".formatted(address));
    }
  }
}
