package isola.machine.board.firmware;

import isola.machine.board.layout.BoardSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * The static ACPI tables (ACPI 6.5, 5.2; HPET: IA-PC HPET 1.0a, 3.2.4; MCFG: PCI Firmware 3.3,
 * 4.1.2).
 */
final class AcpiTables {
  private static final int HEADER = 36;
  private static final int CHECKSUM_AT = 9;

  private static final int SYSTEM_MEMORY = 0;
  private static final int SYSTEM_IO = 1;
  private static final int BYTE_ACCESS = 1;
  private static final int WORD_ACCESS = 2;
  private static final int DWORD_ACCESS = 3;

  // FADT flags (table 5.10) and boot architecture flags (table 5.11).
  private static final int WBINVD = 1;
  private static final int PROC_C1 = 1 << 2;
  private static final int SLEEP_BUTTON_NOT_FIXED = 1 << 5;
  private static final int TIMER_32_BITS = 1 << 8;
  private static final int RESET_SUPPORTED = 1 << 10;
  private static final int LEGACY_DEVICES = 1;
  private static final int HAS_8042 = 1 << 1;
  private static final int NO_VGA = 1 << 2;
  private static final int RESET_VALUE = 0x06;
  private static final int RTC_CENTURY = 0x32;
  private static final int NO_C2 = 0xffff;

  private AcpiTables() {}

  /** A table of any kind: header, body, checksum. */
  static byte[] table(String signature, int revision, byte[] body) {
    return new TableWriter()
        .text(signature, 4)
        .u32(HEADER + body.length)
        .u8(revision)
        .u8(0)
        .text("ISOLA", 6)
        .text("ISOLAPC", 8)
        .u32(1)
        .text("ISLA", 4)
        .u32(1)
        .bytes(body)
        .checksummed(CHECKSUM_AT, HEADER + body.length);
  }

  /** In the FACS: where a machine that wakes from S3 begins, in real mode (5.2.10). */
  static final int FACS_WAKING_VECTOR = 12;

  private static TableWriter address(TableWriter w, int space, int bits, int access, long at) {
    return w.u8(space).u8(bits).u8(0).u8(access).u64(at);
  }

  private static TableWriter noAddress(TableWriter w) {
    return w.zeros(12);
  }

  /** FADT (5.2.9). */
  static byte[] fadt(long facs, long dsdt) {
    int pm = BoardSpec.PM_BASE;
    TableWriter w = new TableWriter();
    w.u32(facs).u32(dsdt).u8(0).u8(0).u16(BoardSpec.SCI_IRQ);
    // No SMI command port: the machine is in ACPI mode from the start.
    w.u32(0).u8(0).u8(0).u8(0).u8(0);
    w.u32(pm).u32(0).u32(pm + 4).u32(0).u32(0).u32(pm + 8).u32(0).u32(0);
    w.u8(4).u8(2).u8(0).u8(4).u8(0).u8(0).u8(0).u8(0);
    w.u16(NO_C2).u16(NO_C2).u16(0).u16(0).u8(0).u8(0).u8(0).u8(0).u8(RTC_CENTURY);
    w.u16(LEGACY_DEVICES | HAS_8042 | NO_VGA).u8(0);
    w.u32(WBINVD | PROC_C1 | SLEEP_BUTTON_NOT_FIXED | TIMER_32_BITS | RESET_SUPPORTED);
    address(w, SYSTEM_IO, 8, BYTE_ACCESS, BoardSpec.RESET_PORT).u8(RESET_VALUE);
    w.u16(0).u8(5).u64(0).u64(dsdt);
    address(w, SYSTEM_IO, 32, WORD_ACCESS, pm);
    noAddress(w);
    address(w, SYSTEM_IO, 16, WORD_ACCESS, pm + 4);
    noAddress(w);
    noAddress(w);
    address(w, SYSTEM_IO, 32, DWORD_ACCESS, pm + 8);
    for (int i = 0; i < 4; i++) {
      noAddress(w);
    }
    w.text("ISOLA", 8);
    return table("FACP", 6, w.done());
  }

  /** FACS (5.2.10), which has no checksum. */
  static byte[] facs() {
    return new TableWriter().text("FACS", 4).u32(64).zeros(24).u8(2).zeros(31).done();
  }

  /** MADT (5.2.12): local APICs, I/O APIC, and what differs from ISA's identity routing. */
  static byte[] madt(int cpus) {
    TableWriter w = new TableWriter().u32(BoardSpec.LOCAL_APIC_BASE).u32(1);
    for (int i = 0; i < cpus; i++) {
      w.u8(0).u8(8).u8(i).u8(i).u32(1);
    }
    w.u8(1).u8(12).u8(0).u8(0).u32(BoardSpec.IO_APIC_BASE).u32(0);
    // The timer is at input 2; the SCI is level-triggered, active high.
    w.u8(2).u8(10).u8(0).u8(0).u32(2).u16(0);
    w.u8(2).u8(10).u8(0).u8(BoardSpec.SCI_IRQ).u32(BoardSpec.SCI_IRQ).u16(0xd);
    w.u8(4).u8(6).u8(0xff).u16(0).u8(1);
    return table("APIC", 5, w.done());
  }

  /** HPET. */
  static byte[] hpet(long capabilities) {
    TableWriter w = new TableWriter().u32(capabilities & 0xffff_ffffL);
    address(w, SYSTEM_MEMORY, 64, 0, BoardSpec.HPET_BASE).u8(0).u16(0).u8(0);
    return table("HPET", 1, w.done());
  }

  /** MCFG. */
  static byte[] mcfg() {
    return table(
        "MCFG",
        1,
        new TableWriter().u64(0).u64(BoardSpec.ECAM_BASE).u16(0).u8(0).u8(0xff).u32(0).done());
  }

  /** RSDT (5.2.7): addresses of 32 bits. */
  static byte[] rsdt(List<Long> tables) {
    TableWriter w = new TableWriter();
    tables.forEach(w::u32);
    return table("RSDT", 1, w.done());
  }

  /** XSDT (5.2.8): addresses of 64 bits. */
  static byte[] xsdt(List<Long> tables) {
    TableWriter w = new TableWriter();
    tables.forEach(w::u64);
    return table("XSDT", 1, w.done());
  }

  /** RSDP (5.2.5.3). */
  static byte[] rsdp(long rsdt, long xsdt) {
    byte[] first =
        new TableWriter()
            .text("RSD PTR ", 8)
            .u8(0)
            .text("ISOLA", 6)
            .u8(2)
            .u32(rsdt)
            .u32(36)
            .u64(xsdt)
            .u8(0)
            .zeros(3)
            .checksummed(8, 20);
    return TableWriter.checksum(first, 32, 36);
  }

  /** Where tables go and what they are, in the order they were placed. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Placed(long address, byte[] table) {}

  /** All tables, laid out from {@code base}; the last is the XSDT, before it the RSDT. */
  static List<Placed> layOut(long base, byte[] dsdt, int cpus, long hpetCapabilities) {
    List<Placed> placed = new ArrayList<>();
    long facs = place(placed, base, facs());
    long dsdtAt = place(placed, next(placed), dsdt);
    List<Long> listed = new ArrayList<>();
    listed.add(place(placed, next(placed), fadt(facs, dsdtAt)));
    listed.add(place(placed, next(placed), madt(cpus)));
    listed.add(place(placed, next(placed), hpet(hpetCapabilities)));
    listed.add(place(placed, next(placed), mcfg()));
    place(placed, next(placed), rsdt(listed));
    place(placed, next(placed), xsdt(listed));
    return placed;
  }

  private static long place(List<Placed> placed, long address, byte[] table) {
    placed.add(new Placed(address, table));
    return address;
  }

  private static long next(List<Placed> placed) {
    Placed last = placed.getLast();
    return last.address + last.table.length + 63 & -64;
  }
}
