package isola.machine.board;

import isola.core.backend.EntropySource;
import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.CpuidTable;
import isola.core.cpu.EngineApics;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.memory.GuestMemory;
import isola.core.memory.HostMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.core.time.Clock;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.state.CpuState;
import isola.host.FileBlockBackend;
import isola.machine.board.boot.BootProtocol;
import isola.machine.board.boot.BootTarget;
import isola.machine.board.boot.CpuEntry;
import isola.machine.board.firmware.Firmware;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import isola.machine.board.saved.Description.Hardware;
import isola.machine.devices.chipset.ChipsetSpec;
import isola.machine.devices.chipset.HostBridge;
import isola.machine.devices.chipset.LpcBridge;
import isola.machine.devices.debug.DebugExit;
import isola.machine.devices.debug.PostPort;
import isola.machine.devices.debug.TestDevice;
import isola.machine.devices.display.CrtController;
import isola.machine.devices.firmware.FwCfg;
import isola.machine.devices.firmware.FwCfgSpec;
import isola.machine.devices.input.I8042;
import isola.machine.devices.input.I8042Spec;
import isola.machine.devices.interrupt.ApicBus;
import isola.machine.devices.interrupt.ApicHypercalls;
import isola.machine.devices.interrupt.IoApic;
import isola.machine.devices.interrupt.LocalApic;
import isola.machine.devices.interrupt.Pic;
import isola.machine.devices.interrupt.PicSpec;
import isola.machine.devices.msr.KvmClock;
import isola.machine.devices.msr.MsrRouter;
import isola.machine.devices.pci.BarSpace;
import isola.machine.devices.pci.PciBus;
import isola.machine.devices.pci.PciConfigPorts;
import isola.machine.devices.pci.PciFirmware;
import isola.machine.devices.power.AcpiPower;
import isola.machine.devices.power.AcpiSpec;
import isola.machine.devices.power.Port92;
import isola.machine.devices.power.ResetControl;
import isola.machine.devices.serial.Uart16550;
import isola.machine.devices.serial.UartSpec;
import isola.machine.devices.timer.Hpet;
import isola.machine.devices.timer.HpetSpec;
import isola.machine.devices.timer.Pit;
import isola.machine.devices.timer.PitSpec;
import isola.machine.devices.timer.Rtc;
import isola.machine.devices.timer.RtcSpec;
import isola.machine.devices.virtio.ConsolePort;
import isola.machine.devices.virtio.VirtioPci;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The PC: every part and every wire, in the order in which one would solder them. Built by one
 * thread; the parts then answer to any.
 */
final class PcBoard implements AutoCloseable {
  /** What the hardware asks of whoever runs the machine. On a vCPU's thread; must not block. */
  interface Requests extends AcpiPower.Sleep {
    void reset(String how);

    void testExit(int status);
  }

  /** Names of parts, before a processor's number. */
  static final String LOCAL_APIC = "local-apic-";

  static final String KVM_CLOCK = "kvm-clock-";

  private static final int VIRTIO_FIRST_SLOT = 1;

  /** Two frequencies are the same if they differ by no more than this part. */
  private static final long TSC_TOLERANCE = 4000;

  // IA32_MTRR_DEF_TYPE (Intel SDM vol. 3A 11.11.2.1).
  private static final int MTRR_ON = 1 << 11;
  private static final int MTRR_WRITE_BACK = 6;

  final MachineConfig config;
  final MemoryMap map;
  final GuestMemory memory = new GuestMemory();
  final Clock clock;
  final PortBus ports = new PortBus();
  final MmioBus mmio = new MmioBus();
  final List<MmioBus> cpuBuses = new ArrayList<>();
  final CpuVm cpuVm;
  final List<Vcpu> vcpus = new ArrayList<>();
  final List<Uart16550> serials = new ArrayList<>();
  final List<ConsolePort> consolePorts = new ArrayList<>();
  final List<ConsoleWatch> watches = new ArrayList<>();
  final DeviceThreads threads;
  final AcpiPower power;
  private final LpcBridge lpc;
  private final PciBus pci;
  private final Rtc rtc;
  private final @Nullable BootProtocol protocol;

  /** What has state, by a name that stays, in the order in which state is restored. */
  final Map<String, Stateful<?>> parts = new LinkedHashMap<>();

  final List<LocalApic> apics = new ArrayList<>();
  final List<KvmClock> kvmClocks = new ArrayList<>();
  final List<TscFollower> followers = new ArrayList<>();
  final List<FileBlockBackend> disks = new ArrayList<>();
  private final Deque<AutoCloseable> closeables = new ArrayDeque<>();
  final long tscHz;
  final CpuModel model;
  private CpuidTable cpuid = new CpuidTable(List.of());

  /**
   * Builds a machine.
   *
   * @param others where a new machine is to be able to go on
   * @param saved what a saved machine is made of, which is to be restored into this one and needs
   *     no kernel; null for a machine to be powered on
   * @throws MachineException if something is missing or refused, with one sentence for the user
   */
  PcBoard(
      String name,
      MachineConfig config,
      CpuEngine engine,
      Requests requests,
      Timeline timeline,
      Clock clock,
      EntropySource entropy,
      OtherEngines others,
      @Nullable Hardware saved) {
    this.config = config;
    protocol = saved == null ? BootProtocol.detect(config.kernel()) : null;
    this.clock = clock;
    threads = owned(new DeviceThreads(name));
    try {
      // Memory. Nothing of a PC's first mebibyte is ROM here: firmware tables and the text screen
      // are RAM that the map keeps from the guest's allocator.
      map = new MemoryMap(config.memory());
      owned(memory);
      memory.addRam(0, map.lowEnd());
      if (map.highSize() > 0) {
        memory.addRam(BoardSpec.HIGH_RAM_BASE, map.highSize());
      }

      // Processors, each with its local APIC on a bus of its own.
      ApicBus apicBus = new ApicBus();
      CpuVm vm = processors(engine);
      cpuVm = vm;
      model = model(config.cpuModel(), engine, others);
      tscHz = saved == null ? newTscHz(vm, others) : sameTscHz(saved, vm, engine);
      LocalApic bootstrap = buildProcessors(vm, apicBus, entropy, others, saved);

      // Interrupt controllers. An engine may have the local APICs inside itself.
      EngineApics inside = vm.apics();
      Pic pic = part("pic", new Pic(inside == null ? bootstrap.lint0() : inside.external()));
      if (inside == null) {
        bootstrap.external(pic::acknowledge);
      } else {
        inside.acknowledge(pic::acknowledge);
        apicBus.inside(inside);
      }
      IoApic ioApic = part("io-apic", new IoApic(apicBus));
      ports.attach(PicSpec.MASTER_PORT, 2, pic.masterPorts());
      ports.attach(PicSpec.SLAVE_PORT, 2, pic.slavePorts());
      ports.attach(PicSpec.ELCR_PORT, 2, pic.elcrPorts());
      mmio.attach(BoardSpec.IO_APIC_BASE, BoardSpec.IO_APIC_SIZE, ioApic);
      InterruptWires wires = new InterruptWires(pic, ioApic);

      // Timers and the clock.
      InterruptLine timerIrq = wires.isa(BoardSpec.PIT_IRQ);
      Pit pit = part("pit", new Pit(clock, timerIrq));
      ports.attach(PitSpec.PORT, 4, pit);
      ports.attach(PitSpec.SPEAKER_PORT, 1, pit.speakerPort());
      InterruptLine rtcIrq = wires.isa(BoardSpec.RTC_IRQ);
      power = new AcpiPower(clock, true, wires.isa(BoardSpec.SCI_IRQ), requests);
      InterruptLine rtcEvent = power.rtcLine();
      rtc =
          part(
              "rtc",
              new Rtc(
                  clock,
                  asserted -> {
                    rtcIrq.set(asserted);
                    rtcEvent.set(asserted);
                  }));
      ports.attach(RtcSpec.PORT, 2, rtc);
      // After the clock, whose line is an event to it.
      AcpiPower _ = part("acpi-power", power);
      Hpet hpet =
          part(
              "hpet",
              new Hpet(
                  clock,
                  wires.inputs(),
                  wires.isa(BoardSpec.PIT_IRQ),
                  wires.isa(BoardSpec.RTC_IRQ)));
      mmio.attach(BoardSpec.HPET_BASE, BoardSpec.HPET_SIZE, hpet);

      // Power, reset, and the ports that say how far firmware got.
      ports.attach(AcpiSpec.PORT, AcpiSpec.PORTS, power);
      ports.attach(AcpiSpec.SMI_COMMAND_PORT, 1, power.smiCommand());
      ResetControl resetControl =
          part("reset-control", new ResetControl(() -> requests.reset("through port 0xcf9")));
      ports.attach(
          Port92.PORT, 1, part("port-92", new Port92(() -> requests.reset("through port 0x92"))));
      ports.attach(PostPort.PORT, 1, new PostPort());

      // Keyboard, mouse, and the text screen's registers.
      ports.attach(
          CrtController.PORT, CrtController.PORTS, part("crt-controller", new CrtController()));
      I8042 i8042 =
          part(
              "i8042",
              new I8042(
                  wires.isa(BoardSpec.KEYBOARD_IRQ),
                  wires.isa(BoardSpec.MOUSE_IRQ),
                  () -> requests.reset("through the keyboard controller")));
      ports.attach(I8042Spec.DATA_PORT, 1, i8042.dataPort());
      ports.attach(I8042Spec.COMMAND_PORT, 1, i8042.commandPort());

      // Serial lines.
      for (MachineConfig.Serial serial : config.serials()) {
        boolean first = serials.isEmpty();
        ConsoleWatch watch = watched(new ConsoleWatch(serial.output(), timeline));
        Uart16550 uart =
            part(
                first ? "com1" : "com2",
                new Uart16550(
                    clock, wires.isa(first ? BoardSpec.COM1_IRQ : BoardSpec.COM2_IRQ), watch));
        ports.attach(first ? BoardSpec.COM1 : BoardSpec.COM2, UartSpec.PORTS, uart);
        serials.add(uart);
      }

      // PCI and what is plugged into it.
      lpc = new LpcBridge(wires.pirqInputs(), wires.requests(), AcpiSpec.PORT);
      pci = new PciBus(new BarSpace(ports, mmio), lpc.wires());
      ports.attach(
          PciConfigPorts.PORT,
          PciConfigPorts.PORTS,
          part("pci-config-ports", new PciConfigPorts(pci, resetControl)));
      mmio.attach(BoardSpec.ECAM_BASE, BoardSpec.ECAM_SIZE, pci);
      pci.plug(0, 0, part("host-bridge", HostBridge.create(BoardSpec.ECAM_BASE)));
      pci.plug(ChipsetSpec.LPC_SLOT, 0, part("lpc-bridge", lpc.function()));
      plugVirtio(apicBus, entropy, timeline);

      if (config.testDevices()) {
        attachTestDevices(wires, requests);
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T owned(T resource) {
    closeables.push(resource);
    return resource;
  }

  private <T extends Stateful<?>> T part(String name, T device) {
    if (parts.put(name, device) != null) {
      throw new IllegalStateException("two parts are called " + name);
    }
    return device;
  }

  private static long newTscHz(CpuVm vm, OtherEngines others) {
    long own = vm.tscHz();
    return own > 0 ? own : others.tscHz();
  }

  /** A guest's sense of time is its counter's frequency: KVM's own tolerance is the same. */
  private static long sameTscHz(Hardware saved, CpuVm vm, CpuEngine engine) {
    long wanted = saved.tscHz();
    long here = vm.tscHz(wanted);
    if (Math.abs(here - wanted) > wanted / TSC_TOLERANCE) {
      throw new MachineException(
          "The saved machine counts time at %d MHz, and the engine %s here can only at %d MHz;"
                  .formatted(wanted / 1_000_000, engine.name(), here / 1_000_000)
              + " another engine can go on with it.");
    }
    // What its guest was told stays, so that moves within the tolerance do not add up.
    return wanted;
  }

  private ConsoleWatch watched(ConsoleWatch watch) {
    watches.add(watch);
    return watch;
  }

  private CpuVm processors(CpuEngine engine) {
    try {
      return owned(engine.create(memory));
    } catch (IllegalStateException e) {
      throw new MachineException(String.valueOf(e.getMessage()), e);
    }
  }

  /** The processors; returns the first one's local APIC. */
  private LocalApic buildProcessors(
      CpuVm vm,
      ApicBus apicBus,
      EntropySource entropy,
      OtherEngines others,
      @Nullable Hardware saved) {
    for (int i = 0; i < config.cpus(); i++) {
      MmioBus bus = new MmioBus(mmio);
      LocalApic apic =
          part(
              LOCAL_APIC + i,
              new LocalApic(i, i == 0, CpuModel.PHYSICAL_BITS, apicBus, clock, tscHz));
      apic.placement(
          (base, visible) -> {
            bus.detach(apic.registers());
            if (visible) {
              bus.attach(base, BoardSpec.LOCAL_APIC_SIZE, apic.registers());
            }
          });
      KvmClock kvmClock = part(KVM_CLOCK + i, new KvmClock(memory, clock, tscHz));
      TscFollower follower = new TscFollower(apic, kvmClock);
      cpuid = others.offered(model.table(i, config.cpus(), tscHz, true));
      if (saved != null) {
        cpuid = GuestFeatures.limit(cpuid, saved.features());
      }
      Vcpu vcpu;
      try {
        vcpu =
            vm.createVcpu(
                new VcpuWiring(
                    ports,
                    bus,
                    apic,
                    new MsrRouter(List.of(follower, apic.registers(), kvmClock)),
                    clock,
                    tscHz,
                    entropy,
                    cpuid,
                    new ApicHypercalls(apicBus)));
      } catch (IllegalStateException e) {
        throw new MachineException(String.valueOf(e.getMessage()), e);
      }
      follower.follow(vcpu);
      followers.add(follower);
      kvmClocks.add(kvmClock);
      apic.connect(vcpu);
      owned(vcpu);
      vcpus.add(vcpu);
      cpuBuses.add(bus);
      apics.add(apic);
    }
    return apics.getFirst();
  }

  private static CpuModel model(String name, CpuEngine engine, OtherEngines others) {
    if (name.equals(MachineConfig.BEST_CPU_MODEL)) {
      return CpuModel.level(engine.level());
    }
    if (name.equals(MachineConfig.COMMON_CPU_MODEL)) {
      return CpuModel.level(others.level(engine.level()));
    }
    CpuModel model = CpuModel.named(name).orElse(null);
    if (model == null) {
      throw new MachineException(
          "There is no CPU model \"%s\"; there is v2, v3, v2-la57, v3-la57 and common."
              .formatted(name));
    }
    if (model.level() > engine.level()) {
      throw new MachineException(
          "The engine %s offers no more than v%d here, not the CPU model %s."
              .formatted(engine.name(), engine.level(), name));
    }
    return model;
  }

  private void plugVirtio(ApicBus messages, EntropySource entropy, Timeline timeline) {
    int slot = VIRTIO_FIRST_SLOT;
    if (!config.ports().isEmpty()) {
      for (MachineConfig.Port port : config.ports()) {
        ConsolePort console =
            port.console()
                ? new ConsolePort(
                    port.name(), true, watched(new ConsoleWatch(port.output(), timeline)))
                : new ConsolePort(port.name(), false, port.output());
        consolePorts.add(console);
        owned(console::close);
      }
      slot = plug(slot, VirtioPci.console(memory, consolePorts, threads, messages), timeline);
    }
    if (config.entropy()) {
      slot = plug(slot, VirtioPci.entropy(memory, entropy, threads, messages), timeline);
    }
    int number = 0;
    for (MachineConfig.Disk disk : config.disks()) {
      FileBlockBackend backend;
      try {
        backend = owned(FileBlockBackend.open(disk.file(), disk.readOnly()));
        disks.add(backend);
      } catch (IOException e) {
        throw new MachineException(String.valueOf(e.getMessage()), e);
      }
      String id = "disk%d".formatted(number++);
      slot = plug(slot, VirtioPci.block(memory, backend, id, threads, messages), timeline);
    }
  }

  private int plug(int slot, VirtioPci device, Timeline timeline) {
    device.onDriver(() -> timeline.reach("first driver"));
    pci.plug(slot, 0, device.function());
    part("virtio-" + slot, device);
    return slot + 1;
  }

  private void attachTestDevices(InterruptWires wires, Requests requests) {
    ports.attach(DebugExit.PORT, DebugExit.PORTS, new DebugExit(requests::testExit));
    TestDevice test = part("test-device", new TestDevice(wires.both()));
    ports.attach(TestDevice.LINE_PORT, TestDevice.LINES, test.linePorts());
    ports.attach(TestDevice.ECHO_PORT, TestDevice.ECHO_PORTS, test.echoPorts());
    mmio.attach(TestDevice.MEMORY, TestDevice.MEMORY_BYTES, test.memory());
    FwCfg facts = part("fw-cfg", new FwCfg());
    facts.item(FwCfgSpec.RAM_SIZE, 8, config.memory());
    facts.item(FwCfgSpec.PROCESSORS, 2, config.cpus());
    facts.item(FwCfgSpec.MAX_PROCESSORS, 2, config.cpus());
    ports.attach(FwCfgSpec.PORT, FwCfgSpec.PORTS, facts);
  }

  /**
   * Power-on: every part in its first state, empty memory, what firmware does, the kernel in place,
   * and the first processor at its entry. No vCPU runs.
   *
   * @throws isola.machine.board.boot.BootException if the kernel cannot be started
   */
  void powerOn(boolean first) {
    BootProtocol loader = protocol;
    if (loader == null) {
      throw new IllegalStateException("a machine that was restored does not start anew");
    }
    if (!first) {
      parts.values().forEach(Stateful::reset);
      clearMemory();
    }
    setUp();
    rtc.presetMemory(map.lowEnd(), map.highSize());
    CpuidTable.Row features = cpuid.find(1, 0);
    Firmware firmware =
        new Firmware(
            config.cpus(),
            config.serials().size(),
            map,
            HpetSpec.CAPABILITIES,
            features == null ? 0 : features.eax(),
            features == null ? 0 : features.edx());
    long rsdp = firmware.install(memory, ports);
    CpuEntry entry =
        loader.load(
            new BootTarget(
                memory, map, config.kernel(), config.initrds(), config.commandLine(), rsdp));
    Vcpu vcpu = vcpus.getFirst();
    vcpu.pull();
    entry.apply(memory, vcpu.state());
    vcpu.push();
  }

  /**
   * Wake-up from S3: the parts in their first state, but memory, real-time clock and power
   * management as they were; the first processor where the operating system wants to begin.
   *
   * @return whether the operating system has said where that is; nothing is done if not
   */
  boolean wakeUp() {
    long vector = Firmware.wakingVector(memory);
    if (vector == 0) {
      return false;
    }
    for (Stateful<?> part : parts.values()) {
      if (part != rtc && part != power) {
        part.reset();
      }
    }
    setUp();
    Vcpu vcpu = vcpus.getFirst();
    vcpu.pull();
    CpuEntry.realMode(vcpu.state(), vector);
    vcpu.push();
    return true;
  }

  /** What firmware does to processors and chipset at power-on and at wake-up alike. */
  private void setUp() {
    lpc.reroute();
    vcpus.forEach(Vcpu::reset);
    vcpus.forEach(PcBoard::setMemoryTypes);
    limitInstructions();
    ports.out(PicSpec.ELCR_PORT, 2, levelTriggered());
    PciFirmware.assign(
        pci,
        new PciFirmware.Windows(
            BoardSpec.PCI_PORTS_BASE,
            BoardSpec.PCI_PORTS_END,
            BoardSpec.PCI_WINDOW_BASE,
            BoardSpec.PCI_WINDOW_END,
            map.pciWindow64(),
            map.pciWindow64() + BoardSpec.PCI_WINDOW64_SIZE),
        InterruptWires.pirqRoutes());
  }

  /** The features that the guest is told of. */
  List<Integer> features() {
    return GuestFeatures.of(cpuVm.offered(cpuid));
  }

  /** Has every instruction counted, where that was asked for. */
  void limitInstructions() {
    if (config.countInstructions()) {
      for (Vcpu vcpu : vcpus) {
        RawMemory.putLong(vcpu.state() + CpuState.INSTRUCTION_LIMIT, Long.MAX_VALUE);
      }
    }
  }

  /**
   * As firmware leaves the memory type range registers: on, write-back where nothing else is said,
   * uncacheable where devices are. Nothing here depends on them, but systems do not trust a machine
   * without.
   */
  private static void setMemoryTypes(Vcpu vcpu) {
    vcpu.pull();
    RawMemory.putLong(vcpu.state() + CpuState.MTRR_DEF_TYPE, MTRR_ON | MTRR_WRITE_BACK);
    vcpu.push();
  }

  /** The SCI's and the PIRQs' ISA interrupts are level-triggered. */
  private static int levelTriggered() {
    int mask = 1 << BoardSpec.SCI_IRQ;
    for (int irq : InterruptWires.pirqRoutes()) {
      mask |= 1 << irq;
    }
    return mask;
  }

  private void clearMemory() {
    for (MemorySlot slot : memory.slots()) {
      memory.prepareWrite(slot, slot.guestBase(), slot.size());
      HostMemory.installed().discard(slot.hostAddress(), slot.size());
    }
  }

  /** Gives everything back, the last built first; no vCPU runs. */
  @Override
  public void close() {
    while (!closeables.isEmpty()) {
      try {
        closeables.pop().close();
      } catch (Exception e) {
        // A disk that cannot be closed changes nothing for the others.
      }
    }
  }
}
