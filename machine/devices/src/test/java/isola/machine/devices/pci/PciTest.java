package isola.machine.devices.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.bus.MmioBus;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortBus;
import isola.core.bus.PortDevice;
import isola.core.irq.InterruptLine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Drives PCI as firmware and an operating system do (PCI Local Bus 3.0 chapter 6). */
final class PciTest {
  private static final PciIdentity IDENTITY =
      new PciIdentity(0x1af4, 0x1042, 0x01_0000, 1, 0x1af4, 0x1100);

  /** Answers every read with its tag. */
  private record Tag(long tag) implements MmioDevice {
    @Override
    public long read(long offset, int size) {
      return tag + offset;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  private static final PortDevice NOTHING =
      new PortDevice() {
        @Override
        public int in(int offset, int size) {
          return -1;
        }

        @Override
        public void out(int offset, int size, int value) {}
      };

  private final PortBus ports = new PortBus();
  private final MmioBus mmio = new MmioBus();
  private final boolean[] wires = new boolean[8];
  private final List<String> messages = new ArrayList<>();
  private final MsixTable msix =
      new MsixTable(3, 1, (address, data) -> messages.add(Long.toHexString(address) + ":" + data));
  private final PciFunction function =
      PciFunction.builder(IDENTITY)
          .portBar(0, 32, new Tag(0x10))
          .msix(msix)
          .memoryBar64(4, 0x4000, true, new Tag(0x40))
          .interruptPin()
          .capability(PciCapability.constant(9, new byte[] {7, 1, 2, 3, 4}))
          .register(0xf0, 2, 0x1234, 0x00ff)
          .build();
  private final PciBus bus = new PciBus(new BarSpace(ports, mmio), lines());
  private final PciConfigPorts config = new PciConfigPorts(bus, NOTHING);

  private List<InterruptLine> lines() {
    List<InterruptLine> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int wire = i;
      all.add(asserted -> wires[wire] = asserted);
    }
    return all;
  }

  @BeforeEach
  void plug() {
    bus.plug(3, 0, function);
    ports.attach(PciConfigPorts.PORT, PciConfigPorts.PORTS, config);
  }

  private int read(int slot, int offset, int size) {
    ports.out(0xcf8, 4, 0x8000_0000 | slot << 11 | (offset & ~3));
    return ports.in(0xcfc + (offset & 3), size);
  }

  private void write(int offset, int size, int value) {
    ports.out(0xcf8, 4, 0x8000_0000 | 3 << 11 | (offset & ~3));
    ports.out(0xcfc + (offset & 3), size, value);
  }

  private void assign() {
    PciFirmware.assign(
        bus,
        new PciFirmware.Windows(0xc000, 0x10000, 0xc000_0000L, 0xe000_0000L, 1L << 36, 1L << 37),
        Arrays.asList(10, 11, 10, 11, 10, 11, 10, 11));
  }

  @Test
  void bothWaysIntoConfigurationSpaceShowTheSame() {
    assertThat(read(3, 0, 4)).isEqualTo(0x1042_1af4);
    assertThat(read(3, 8, 4)).isEqualTo(0x0100_0001);
    assertThat(read(3, 0x2c, 4)).isEqualTo(0x1100_1af4);
    assertThat(read(3, 2, 2)).isEqualTo(0x1042);
    long ecam = 3L << 15;
    assertThat(bus.read(ecam, 4)).isEqualTo(0x1042_1af4L);
    assertThat(bus.read(ecam, 8)).isEqualTo(0x0010_0000_1042_1af4L);
    assertThat(bus.read(ecam + 0x100, 4)).as("no extended capabilities").isZero();
  }

  @Test
  void emptySlotsAndOtherBusesAreAllOnes() {
    assertThat(read(4, 0, 4)).isEqualTo(-1);
    assertThat(read(4, 0, 2)).isEqualTo(0xffff);
    ports.out(0xcf8, 4, 0x8001_1800);
    assertThat(ports.in(0xcfc, 4)).isEqualTo(-1);
    assertThat(bus.read(1 << 20, 4)).isEqualTo(0xffff_ffffL);
    ports.out(0xcf8, 4, 3 << 11);
    assertThat(ports.in(0xcfc, 4)).as("not enabled").isEqualTo(-1);
  }

  @Test
  void sizing() {
    write(0x10, 4, -1);
    assertThat(read(3, 0x10, 4)).isEqualTo(0xffff_ffe1);
    write(0x20, 4, -1);
    write(0x24, 4, -1);
    assertThat(read(3, 0x20, 4)).isEqualTo(0xffff_c00c);
    assertThat(read(3, 0x24, 4)).isEqualTo(-1);
    write(0x18, 4, -1);
    assertThat(read(3, 0x18, 4)).as("no BAR 2").isZero();
  }

  @Test
  void firmwareAssignsAndGuestsMoveBars() {
    assign();
    assertThat(ports.in(0xc004, 1)).isEqualTo(0x14);
    assertThat(mmio.read(1L << 36, 1)).isEqualTo(0x40);
    assertThat(read(3, 0x3c, 2)).isEqualTo(0x10b);
    write(0x24, 4, 0x11);
    assertThat(mmio.claims(1L << 36)).isFalse();
    assertThat(mmio.read(0x11L << 32 | 8, 1)).isEqualTo(0x48);
    write(4, 2, 1);
    assertThat(mmio.claims(0x11L << 32)).as("memory decode off").isFalse();
    assertThat(ports.in(0xc004, 1)).isEqualTo(0x14);
    write(4, 2, 0);
    assertThat(ports.in(0xc004, 1)).isEqualTo(0xff);
  }

  @Test
  void aBarOnAnothersPlaceWaitsUntilItIsFree() {
    PciFunction other = PciFunction.builder(IDENTITY).memoryBar(0, 0x1000, new Tag(0x77)).build();
    bus.plug(5, 0, other);
    function.writeConfig(0x14, 4, 0xd000_0000);
    function.writeConfig(4, 2, 2);
    other.writeConfig(0x10, 4, 0xd000_0000);
    other.writeConfig(4, 2, 2);
    assertThat(mmio.read(0xd000_000cL, 1)).as("the first keeps it: a masked vector").isEqualTo(1);
    function.writeConfig(0x14, 4, 0xd100_0000);
    assertThat(mmio.read(0xd000_0000L, 1)).isEqualTo(0x77);
    other.writeConfig(0x10, 4, 0);
    assertThat(mmio.claims(0)).as("0 is nowhere").isFalse();
  }

  @Test
  void aPortBarDoesNotTakeThePortsOfOthers() {
    write(0x10, 4, 0xce0);
    write(4, 2, 1);
    assertThat(read(3, 0, 2)).as("0xcf8 still answers").isEqualTo(0x1af4);
    assertThat(ports.in(0xce0, 1)).isEqualTo(0xff);
  }

  @Test
  void capabilitiesAreAList() {
    assertThat(read(3, 6, 2) & 0x10).isEqualTo(0x10);
    int at = read(3, 0x34, 1);
    assertThat(read(3, at, 1)).isEqualTo(0x11);
    assertThat(read(3, at + 2, 2)).isEqualTo(2);
    assertThat(read(3, at + 4, 4)).isEqualTo(1);
    assertThat(read(3, at + 8, 4)).isEqualTo(0x801);
    at = read(3, at + 1, 1);
    assertThat(read(3, at, 4)).isEqualTo(0x0107_0009);
    assertThat(read(3, at + 4, 4)).isEqualTo(0x0004_0302);
    write(at + 2, 1, 0xff);
    assertThat(read(3, at + 2, 1)).isEqualTo(7);
  }

  @Test
  void deviceRegistersKeepTheirReadOnlyBits() {
    write(0xf0, 2, 0xffff);
    assertThat(read(3, 0xf0, 2)).isEqualTo(0x12ff);
  }

  private void program(int vector, int data, int control) {
    msix.write(vector * 16L, 4, 0xfee0_1000L);
    msix.write(vector * 16L + 4, 4, 0);
    msix.write(vector * 16L + 8, 8, (long) control << 32 | data);
  }

  private void msixControl(int value) {
    write(read(3, 0x34, 1) + 2, 2, value);
  }

  @Test
  void msixSendsHoldsBackAndCatchesUp() {
    write(4, 2, 6);
    program(0, 0x41, 0);
    program(1, 0x42, 1);
    msix.raise(0);
    assertThat(messages).as("off").isEmpty();
    msixControl(0x8000);
    assertThat(msix.enabled()).isTrue();
    msix.raise(0);
    assertThat(messages).containsExactly("fee01000:65");
    msix.raise(1);
    assertThat(msix.read(msix.pbaOffset(), 8)).isEqualTo(2);
    program(1, 0x43, 0);
    assertThat(messages).last().isEqualTo("fee01000:67");
    assertThat(msix.read(msix.pbaOffset(), 8)).isZero();
    msixControl(0xc000);
    msix.raise(0);
    assertThat(messages).hasSize(2);
    msixControl(0x8000);
    assertThat(messages).hasSize(3);
    write(4, 2, 2);
    msix.raise(0);
    assertThat(messages).as("not a bus master").hasSize(3);
    write(4, 2, 6);
    assertThat(messages).hasSize(4);
    msix.raise(0xffff);
    msix.raise(-1);
    assertThat(messages).hasSize(4);
  }

  @Test
  void pinsFollowTheirWireAndTheDisableBit() {
    assertThat(PciBus.wire(3, 0)).isEqualTo(3);
    function.interrupt(true);
    assertThat(wires[3]).isTrue();
    assertThat(read(3, 6, 2) & 8).isEqualTo(8);
    write(4, 2, 0x400);
    assertThat(wires[3]).isFalse();
    write(4, 2, 0);
    PciFunction sharing = PciFunction.builder(IDENTITY).interruptPin().build();
    bus.plug(11, 0, sharing);
    sharing.interrupt(true);
    function.interrupt(false);
    assertThat(wires[3]).as("the other still asserts it").isTrue();
    bus.unplug(11, 0);
    assertThat(wires[3]).isFalse();
  }

  @Test
  void severalFunctionsAreAnnounced() {
    bus.plug(3, 2, PciFunction.builder(IDENTITY).build());
    assertThat(read(3, 0x0e, 1)).isEqualTo(0x80);
    assertThatThrownBy(() -> bus.plug(3, 2, function)).hasMessageContaining("3.2 is taken");
  }

  @Test
  void stateSurvivesAndResetForgets() {
    assign();
    write(4, 2, 7);
    msixControl(0x8000);
    program(2, 9, 0);
    PciFunction.State saved = function.save();
    function.reset();
    assertThat(read(3, 4, 2)).isZero();
    assertThat(mmio.claims(1L << 36)).isFalse();
    function.restore(saved);
    assertThat(mmio.read(1L << 36, 1)).isEqualTo(0x40);
    msix.raise(2);
    assertThat(messages).containsExactly("fee01000:9");
  }
}
