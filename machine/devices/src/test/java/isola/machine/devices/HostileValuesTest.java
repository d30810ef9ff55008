package isola.machine.devices;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.bus.MmioBus;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortBus;
import isola.core.bus.PortDevice;
import isola.core.cpu.MsrPort;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.memory.GuestMemory;
import isola.core.time.ManualClock;
import isola.machine.devices.chipset.HostBridge;
import isola.machine.devices.chipset.LpcBridge;
import isola.machine.devices.debug.DebugExit;
import isola.machine.devices.debug.PostPort;
import isola.machine.devices.debug.TestDevice;
import isola.machine.devices.firmware.FwCfg;
import isola.machine.devices.input.I8042;
import isola.machine.devices.interrupt.ApicBus;
import isola.machine.devices.interrupt.IoApic;
import isola.machine.devices.interrupt.LocalApic;
import isola.machine.devices.interrupt.Pic;
import isola.machine.devices.msr.KvmClock;
import isola.machine.devices.pci.BarSpace;
import isola.machine.devices.pci.MsixTable;
import isola.machine.devices.pci.PciBus;
import isola.machine.devices.pci.PciConfigPorts;
import isola.machine.devices.pci.PciFunction;
import isola.machine.devices.pci.PciIdentity;
import isola.machine.devices.power.AcpiPower;
import isola.machine.devices.power.Port92;
import isola.machine.devices.power.ResetControl;
import isola.machine.devices.serial.Uart16550;
import isola.machine.devices.timer.Hpet;
import isola.machine.devices.timer.Pit;
import isola.machine.devices.timer.Rtc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/**
 * Random and boundary values at every register of every device, alone and from two threads at once:
 * nothing throws, nothing hangs, and the state can still be saved and restored.
 */
final class HostileValuesTest {
  private static final int STEPS = 60_000;
  private static final long[] BOUNDARIES = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    0xfee0_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1
  };

  private final ManualClock clock = new ManualClock(1_700_000_000_000_000_000L);
  private final PortBus ports = new PortBus();
  private final MmioBus mmio = new MmioBus();
  private final ApicBus apics = new ApicBus();
  private final List<LocalApic> processors = new ArrayList<>();
  private final List<Stateful<?>> devices = new ArrayList<>();
  private final List<int[]> portRanges = new ArrayList<>();
  private final List<long[]> memoryRanges = new ArrayList<>();
  private final List<MsrPort> msrs = new ArrayList<>();
  private final GuestMemory memory = new GuestMemory();

  private <D extends Stateful<?>> D device(D device) {
    devices.add(device);
    return device;
  }

  private void ports(int base, int count, PortDevice device) {
    ports.attach(base, count, device);
    portRanges.add(new int[] {base, count});
  }

  private void memory(long base, int size, MmioDevice device) {
    mmio.attach(base, size, device);
    memoryRanges.add(new long[] {base, size});
  }

  private static List<InterruptLine> lines(IoApic ioApic, int first, int count) {
    List<InterruptLine> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(ioApic.input(first + i));
    }
    return all;
  }

  /** A machine like the board's, as far as it matters here. */
  private void build() {
    memory.addRam(0, 1 << 20);
    for (int i = 0; i < 3; i++) {
      LocalApic apic = device(new LocalApic(i, i == 0, 40, apics, clock, 2_000_000_000L));
      processors.add(apic);
      msrs.add(apic.registers());
      memory(0xfee0_0000L + i * 0x1000L, 0x1000, apic.registers());
      msrs.add(device(new KvmClock(memory, clock, 2_000_000_000L)));
    }
    Pic pic = device(new Pic(processors.getFirst().lint0()));
    processors.getFirst().external(pic::acknowledge);
    ports(0x20, 2, pic.masterPorts());
    ports(0xa0, 2, pic.slavePorts());
    ports(0x4d0, 2, pic.elcrPorts());
    IoApic ioApic = device(new IoApic(apics));
    memory(0xfec0_0000L, 0x1000, ioApic);
    Pit pit = device(new Pit(clock, pic.input(0)));
    ports(0x40, 4, pit);
    ports(0x61, 1, pit.speakerPort());
    ports(0x70, 2, device(new Rtc(clock, pic.input(8))));
    memory(
        0xfed0_0000L,
        0x400,
        device(new Hpet(clock, lines(ioApic, 0, 24), pic.input(0), pic.input(8))));
    AcpiPower power = device(new AcpiPower(clock, true, pic.input(9), new Sleepless()));
    ports(0x600, 0x40, power);
    ports(0xb2, 1, power.smiCommand());
    ports(0x92, 1, device(new Port92(() -> {})));
    I8042 i8042 = device(new I8042(pic.input(1), pic.input(12), () -> {}));
    ports(0x60, 1, i8042.dataPort());
    ports(0x64, 1, i8042.commandPort());
    Uart16550 uart = device(new Uart16550(clock, pic.input(4), (bytes, offset, length) -> {}));
    ports(0x3f8, 8, uart);
    ports(0x510, 2, device(new FwCfg()));
    ports(0x80, 1, new PostPort());
    ports(0xf4, 4, new DebugExit(status -> {}));
    TestDevice test = new TestDevice(lines(ioApic, 0, 24));
    ports(0x2000, 24, test.linePorts());
    ports(0xe0, 4, test.echoPorts());
    memory(TestDevice.MEMORY, TestDevice.MEMORY_BYTES, test.memory());
    pci(pic, ioApic);
  }

  private void pci(Pic pic, IoApic ioApic) {
    List<InterruptLine> isa = new ArrayList<>(Collections.nCopies(16, InterruptLine.unconnected()));
    isa.set(10, pic.input(10));
    isa.set(11, pic.input(11));
    LpcBridge lpc = new LpcBridge(lines(ioApic, 16, 8), isa, 0x600);
    PciBus bus = new PciBus(new BarSpace(ports, mmio), lpc.wires());
    bus.plug(0, 0, device(HostBridge.create(0xe000_0000L)));
    bus.plug(31, 0, device(lpc.function()));
    PciIdentity identity = new PciIdentity(0x1234, 0x5678, 0xff0000, 0, 0, 0);
    for (int slot = 1; slot < 4; slot++) {
      MsixTable msix = new MsixTable(5, 1, apics);
      PciFunction function =
          PciFunction.builder(identity)
              .portBar(0, 64, new TestDevice(lines(ioApic, 0, 24)).memory())
              .msix(msix)
              .memoryBar64(2, 0x1_0000, slot == 1, new TestDevice(lines(ioApic, 0, 24)).memory())
              .interruptPin()
              .build();
      bus.plug(slot, 0, device(function));
      memory(0xd000_0000L + slot * 0x1000L, msix.barSize(), msix);
    }
    ports(0xcf8, 8, new PciConfigPorts(bus, device(new ResetControl(() -> {}))));
    memory(0xe000_0000L, 1 << 20, bus);
  }

  private static long value(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> BOUNDARIES[random.nextInt(BOUNDARIES.length)];
      case 1 -> random.nextInt(256);
      case 2 -> 1L << random.nextInt(64);
      default -> random.nextLong();
    };
  }

  private void step(SplittableRandom random) {
    switch (random.nextInt(8)) {
      case 0, 1 -> {
        int[] range = portRanges.get(random.nextInt(portRanges.size()));
        int port = range[0] + random.nextInt(range[1]);
        int size = 1 << random.nextInt(3);
        if (random.nextBoolean()) {
          ports.out(port, size, (int) value(random));
        } else {
          ports.in(port, size);
        }
      }
      case 2, 3, 4 -> {
        long[] range = memoryRanges.get(random.nextInt(memoryRanges.size()));
        long span = random.nextBoolean() ? range[1] : Math.min(range[1], 0x400);
        long offset = random.nextLong(span) & (random.nextBoolean() ? -4 : -1);
        int size = 1 << random.nextInt(4);
        if (random.nextBoolean()) {
          mmio.write(range[0] + offset, size, value(random));
        } else {
          mmio.read(range[0] + offset, size);
        }
      }
      case 5 -> {
        MsrPort port = msrs.get(random.nextInt(msrs.size()));
        int[] indices = {0x1b, 0x6e0, 0x800 + random.nextInt(0x100), 0x11, 0x12, 0x4b564d00};
        int index = indices[random.nextInt(indices.length)];
        if (random.nextBoolean()) {
          port.write(index, value(random));
        } else {
          port.read(index);
        }
      }
      case 6 -> {
        LocalApic apic = processors.get(random.nextInt(processors.size()));
        if (apic.pending()) {
          assertThat(apic.acknowledge()).isBetween(-1, 255);
        }
        apics.send(0xfee0_0000L | random.nextInt(1 << 20), random.nextInt());
        apic.cr8(random.nextInt());
      }
      default -> clock.advance(random.nextInt(20_000));
    }
  }

  private static <S extends Record> void saveAndRestore(Stateful<S> device) {
    device.restore(device.save());
  }

  @Test
  void oneThread() {
    build();
    SplittableRandom random = new SplittableRandom(1);
    within(
        Duration.ofSeconds(60),
        () -> {
          for (int i = 0; i < 5 * STEPS; i++) {
            step(random);
          }
          for (Stateful<?> device : devices) {
            saveAndRestore(device);
            device.reset();
          }
          return true;
        });
  }

  /** Two processors and the clock's thread at once: a wrong lock order would hang here. */
  @Test
  void twoThreads() {
    build();
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    within(
        Duration.ofSeconds(60),
        () -> {
          List<Thread> threads = new ArrayList<>();
          for (int t = 0; t < 2; t++) {
            SplittableRandom random = new SplittableRandom(100 + t);
            threads.add(
                Thread.ofPlatform()
                    .start(
                        () -> {
                          try {
                            for (int i = 0; i < STEPS; i++) {
                              step(random);
                            }
                          } catch (Throwable e) {
                            failures.add(e);
                          }
                        }));
          }
          for (Thread thread : threads) {
            try {
              thread.join();
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
          }
          return true;
        });
    assertThat(failures).isEmpty();
  }

  private static void within(Duration limit, Supplier<Boolean> work) {
    assertThat(Assertions.assertTimeoutPreemptively(limit, work::get)).isTrue();
  }

  /** A machine that keeps running. */
  private static final class Sleepless implements AcpiPower.Sleep {
    @Override
    public void powerOff() {}

    @Override
    public void suspend() {}

    @Override
    public void wake() {}
  }
}
