package isola.machine.board.firmware;

import isola.machine.board.layout.BoardSpec;

/**
 * The tables of the MultiProcessor Specification 1.4, chapter 4, for systems that do not know ACPI.
 */
final class MpTable {
  private static final int LOCAL_APIC_VERSION = 0x14;
  private static final int IO_APIC_VERSION = 0x11;
  private static final int ENABLED = 1;
  private static final int BOOT_PROCESSOR = 2;
  private static final int ISA_BUS = 1;
  private static final int ISA_IRQS = 16;
  private static final int SLOTS = 32;
  private static final int INT = 0;
  private static final int NMI = 1;
  private static final int EXTINT = 3;
  private static final int ALL_PROCESSORS = 0xff;
  private static final int LEVEL_LOW = 0xf;

  private MpTable() {}

  /** The floating pointer (4.1) to a configuration table. */
  static byte[] pointer(long table) {
    return new TableWriter().text("_MP_", 4).u32(table).u8(1).u8(4).zeros(6).checksummed(10, 16);
  }

  /** The configuration table (4.2, 4.3). */
  static byte[] table(int cpus, int signature, int features) {
    TableWriter w = new TableWriter();
    int entries = 0;
    for (int i = 0; i < cpus; i++, entries++) {
      w.u8(0).u8(i).u8(LOCAL_APIC_VERSION).u8(ENABLED | (i == 0 ? BOOT_PROCESSOR : 0));
      w.u32(signature).u32(features).u64(0);
    }
    w.u8(1).u8(0).text("PCI", 6);
    w.u8(1).u8(ISA_BUS).text("ISA", 6);
    w.u8(2).u8(0).u8(IO_APIC_VERSION).u8(ENABLED).u32(BoardSpec.IO_APIC_BASE);
    entries += 3;
    for (int irq = 0; irq < ISA_IRQS; irq++) {
      if (irq != 2) {
        w.u8(3).u8(INT).u16(0).u8(ISA_BUS).u8(irq).u8(0).u8(irq == 0 ? 2 : irq);
        entries++;
      }
    }
    for (int slot = 0; slot < SLOTS; slot++, entries++) {
      w.u8(3).u8(INT).u16(LEVEL_LOW).u8(0).u8(slot << 2).u8(0).u8(BoardSpec.PIRQ_GSI + slot % 8);
    }
    w.u8(4).u8(EXTINT).u16(0).u8(ISA_BUS).u8(0).u8(ALL_PROCESSORS).u8(0);
    w.u8(4).u8(NMI).u16(0).u8(ISA_BUS).u8(0).u8(ALL_PROCESSORS).u8(1);
    entries += 2;
    byte[] body = w.done();
    int length = 44 + body.length;
    return new TableWriter()
        .text("PCMP", 4)
        .u16(length)
        .u8(4)
        .u8(0)
        .text("ISOLA", 8)
        .text("ISOLA PC", 12)
        .u32(0)
        .u16(0)
        .u16(entries)
        .u32(BoardSpec.LOCAL_APIC_BASE)
        .u32(0)
        .bytes(body)
        .checksummed(7, length);
  }
}
