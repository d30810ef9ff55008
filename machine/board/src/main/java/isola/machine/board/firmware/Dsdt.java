package isola.machine.board.firmware;

import static isola.machine.board.firmware.Aml.device;
import static isola.machine.board.firmware.Aml.eisaId;
import static isola.machine.board.firmware.Aml.integer;
import static isola.machine.board.firmware.Aml.join;
import static isola.machine.board.firmware.Aml.named;
import static isola.machine.board.firmware.Aml.packageOf;
import static isola.machine.board.firmware.Aml.scope;
import static isola.machine.board.firmware.Aml.string;
import static isola.machine.board.firmware.Resources.buses;
import static isola.machine.board.firmware.Resources.irq;
import static isola.machine.board.firmware.Resources.memory32;
import static isola.machine.board.firmware.Resources.memoryWindow;
import static isola.machine.board.firmware.Resources.memoryWindow64;
import static isola.machine.board.firmware.Resources.portWindow;
import static isola.machine.board.firmware.Resources.ports;
import static isola.machine.board.firmware.Resources.template;

import isola.machine.board.layout.BoardSpec;

/** The DSDT: the devices that cannot be found by asking them, and how the machine sleeps. */
final class Dsdt {
  private static final int SLOTS = 32;
  private static final int PINS = 4;

  /** SLP_TYP of suspend to memory and of soft off (ACPI 6.5, 7.4.2), as the device knows them. */
  private static final int S3 = 1;

  private static final int S5 = 5;

  private Dsdt() {}

  /**
   * The table.
   *
   * @param cpus number of processors
   * @param serials number of UARTs
   * @param window64 first byte of the window for 64-bit PCI memory
   */
  static byte[] build(int cpus, int serials, long window64) {
    byte[] body =
        join(
            named("\\_S0", sleep(0)),
            named("\\_S3", sleep(S3)),
            named("\\_S5", sleep(S5)),
            scope("\\_SB", pci(serials, window64), timer(), boardResources(), processors(cpus)));
    return AcpiTables.table("DSDT", 2, body);
  }

  private static byte[] sleep(int type) {
    return packageOf(integer(type), integer(type), integer(0), integer(0));
  }

  private static byte[] pci(int serials, long window64) {
    return device(
        "PCI0",
        named("_HID", eisaId("PNP0A08")),
        named("_CID", eisaId("PNP0A03")),
        named("_UID", integer(0)),
        named("_SEG", integer(0)),
        named("_BBN", integer(0)),
        named(
            "_CRS",
            template(
                buses(0, 0xff),
                ports(0xcf8, 8),
                portWindow(0, 0xcf7),
                portWindow(0xd00, 0xffff),
                memoryWindow(BoardSpec.VIDEO_BASE, BoardSpec.FIRMWARE_BASE - 1),
                memoryWindow(BoardSpec.PCI_WINDOW_BASE, BoardSpec.PCI_WINDOW_END - 1),
                memoryWindow64(window64, window64 + BoardSpec.PCI_WINDOW64_SIZE - 1))),
        named("_PRT", routing()),
        isaDevices(serials));
  }

  /** INTA# of slot s drives PIRQ wire s mod 8, INTB# the next: the device's own rule. */
  private static byte[] routing() {
    byte[][] entries = new byte[SLOTS * PINS][];
    for (int slot = 0; slot < SLOTS; slot++) {
      for (int pin = 0; pin < PINS; pin++) {
        entries[slot * PINS + pin] =
            packageOf(
                integer((long) slot << 16 | 0xffff),
                integer(pin),
                integer(0),
                integer(BoardSpec.PIRQ_GSI + (slot + pin & 7)));
      }
    }
    return packageOf(entries);
  }

  private static byte[] isaDevices(int serials) {
    byte[] devices =
        join(
            simple("PIC", "PNP0000", template(ports(0x20, 2), ports(0xa0, 2), irq(2))),
            simple("PIT", "PNP0100", template(ports(0x40, 4), irq(BoardSpec.PIT_IRQ))),
            simple("RTC", "PNP0B00", template(ports(0x70, 2), irq(BoardSpec.RTC_IRQ))),
            simple(
                "KBD",
                "PNP0303",
                template(ports(0x60, 1), ports(0x64, 1), irq(BoardSpec.KEYBOARD_IRQ))),
            simple("MOU", "PNP0F13", template(irq(BoardSpec.MOUSE_IRQ))));
    if (serials > 0) {
      devices = join(devices, uart("COM1", 1, BoardSpec.COM1, BoardSpec.COM1_IRQ));
    }
    if (serials > 1) {
      devices = join(devices, uart("COM2", 2, BoardSpec.COM2, BoardSpec.COM2_IRQ));
    }
    return devices;
  }

  private static byte[] simple(String name, String id, byte[] resources) {
    return device(name, named("_HID", eisaId(id)), named("_CRS", resources));
  }

  private static byte[] uart(String name, int number, int base, int irq) {
    return device(
        name,
        named("_HID", eisaId("PNP0501")),
        named("_UID", integer(number)),
        named("_CRS", template(ports(base, 8), irq(irq))));
  }

  private static byte[] timer() {
    return device(
        "HPET",
        named("_HID", eisaId("PNP0103")),
        named("_UID", integer(0)),
        named("_CRS", template(memory32(BoardSpec.HPET_BASE, BoardSpec.HPET_SIZE))));
  }

  /** What nothing else may be put over: configuration space, APICs, power management. */
  private static byte[] boardResources() {
    return device(
        "RES0",
        named("_HID", eisaId("PNP0C02")),
        named("_UID", integer(0)),
        named(
            "_CRS",
            template(
                memory32(BoardSpec.ECAM_BASE, BoardSpec.ECAM_SIZE),
                memory32(BoardSpec.IO_APIC_BASE, BoardSpec.IO_APIC_SIZE),
                memory32(BoardSpec.LOCAL_APIC_BASE, BoardSpec.LOCAL_APIC_SIZE),
                ports(BoardSpec.PM_BASE, 0x10),
                ports(0x61, 1),
                ports(0x92, 1))));
  }

  private static byte[] processors(int cpus) {
    byte[] all = {};
    for (int i = 0; i < cpus; i++) {
      all =
          join(
              all,
              device(
                  "C%03X".formatted(i),
                  named("_HID", string("ACPI0007")),
                  named("_UID", integer(i))));
    }
    return all;
  }
}
