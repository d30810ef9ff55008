package isola.machine.board.firmware;

import java.nio.charset.StandardCharsets;

/** SMBIOS 3.0 (DMTF DSP0134 3.0.0): who made the machine and what it is called. */
final class Smbios {
  private static final int ENTRY_SIZE = 24;
  private static final int VIRTUAL_MACHINE = 1 << 4;
  private static final int BIOS_CHARACTERISTICS_UNSUPPORTED = 1 << 3;
  private static final int OTHER = 1;
  private static final int UNKNOWN = 2;
  private static final int SAFE = 3;

  private Smbios() {}

  /** The 64-bit entry point (5.2.2) to the structures. */
  static byte[] entryPoint(long table, int size) {
    return new TableWriter()
        .text("_SM3_", 5)
        .u8(0)
        .u8(ENTRY_SIZE)
        .u8(3)
        .u8(0)
        .u8(0)
        .u8(1)
        .u8(0)
        .u32(size)
        .u64(table)
        .checksummed(5, ENTRY_SIZE);
  }

  /** The structures: firmware, system, chassis, end. */
  static byte[] structures() {
    TableWriter w = new TableWriter();
    // Type 0 (7.1): vendor, version, segment, date, size, characteristics, releases.
    w.u8(0).u8(0x18).u16(0).u8(1).u8(2).u16(0xe000).u8(3).u8(0);
    w.u64(BIOS_CHARACTERISTICS_UNSUPPORTED).u8(0).u8(VIRTUAL_MACHINE);
    w.u8(0).u8(1).u8(0xff).u8(0xff);
    strings(w, "Isola", "0.1", "01/01/2026");
    // Type 1 (7.2): manufacturer, product, version, serial number, UUID, wake-up, SKU, family.
    w.u8(1).u8(0x1b).u16(1).u8(1).u8(2).u8(3).u8(0).zeros(16).u8(6).u8(0).u8(0);
    strings(w, "Isola", "Isola PC", "0.1");
    // Type 3 (7.4): manufacturer, kind, version, serial number, tag, states, contents.
    w.u8(3).u8(0x15).u16(2).u8(1).u8(OTHER).u8(0).u8(0).u8(0);
    w.u8(SAFE).u8(SAFE).u8(SAFE).u8(UNKNOWN).u32(0).u8(0).u8(0).u8(0).u8(0);
    strings(w, "Isola");
    w.u8(127).u8(4).u16(3).u16(0);
    return w.done();
  }

  private static void strings(TableWriter w, String... values) {
    for (String value : values) {
      w.bytes(value.getBytes(StandardCharsets.US_ASCII)).u8(0);
    }
    w.u8(0);
  }
}
