package isola.cpu.kvm;

import isola.core.bus.MmioBus;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortBus;
import isola.core.bus.PortDevice;
import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.InterruptPort;
import isola.core.cpu.MsrPort;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.core.time.ManualClock;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** A processor on KVM that runs a few bytes of 16-bit code from address 1000h, ROM at 8000h. */
final class RealModeMachine implements AutoCloseable {
  static final int CODE = 0x1000;
  static final int ROM = 0x8000;
  static final long DEVICE = 0x9000;
  static final int STOP_PORT = 0xf4;

  /** Tables of {@link #paePaging}. */
  static final int POINTERS = 0x4000;

  static final int PAGE_DIRECTORY = 0x5000;

  final GuestMemory memory = new GuestMemory();
  final PortBus ports = new PortBus();

  /** Devices that the processor on KVM reaches by itself. */
  final PortBus direct = new PortBus();

  final MmioBus mmio = new MmioBus();
  final List<String> seen = new ArrayList<>();
  final KvmMachine machine;
  final KvmProcessor vcpu;
  final ManualClock clock = new ManualClock(0);
  final VcpuWiring wiring;
  private final Thread alarm;
  private boolean stopped;
  private @Nullable Vcpu running;

  RealModeMachine(int... code) {
    this(CpuModel.v2(), code);
  }

  RealModeMachine(CpuModel model, int... code) {
    skipWithoutKvm();
    memory.addRam(0, ROM);
    MemorySlot rom = memory.addRom(ROM, 0x1000);
    RawMemory.putByte(rom.hostAddress(), (byte) 0x5a);
    memory.addRam(0xa000, 0x6000);
    for (int i = 0; i < code.length; i++) {
      memory.put(CODE + i, 1, code[i]);
    }
    ports.attach(STOP_PORT, 4, new Recorder(true));
    ports.attach(0x60, 4, new Recorder(false));
    mmio.attach(
        DEVICE,
        0x1000,
        new MmioDevice() {
          @Override
          public long read(long offset, int size) {
            seen.add("read %x %d".formatted(offset, size));
            return 0x1122_3344_5566_7788L >>> (8 * (offset & 7));
          }

          @Override
          public void write(long offset, int size, long value) {
            seen.add("write %x %d %x".formatted(offset, size, value));
          }
        });
    machine = new KvmMachine(memory);
    long tscHz = machine.tscHz();
    wiring = wiring(ports, model, tscHz);
    // So that tests see accesses of ports as exits: the processor itself finds no device there.
    vcpu = (KvmProcessor) machine.createVcpu(wiring(direct, model, tscHz));
    alarm = Thread.ofPlatform().daemon().unstarted(this::stopWhenLate);
    alarm.start();
    start();
  }

  /** A program that does not end is kicked out, and its test fails instead of hanging. */
  private void stopWhenLate() {
    try {
      TimeUnit.SECONDS.sleep(20);
      vcpu.kick();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static void skipWithoutKvm() {
    Optional<String> obstacle = KvmSystem.obstacle(KvmSystem.PATH);
    obstacle.ifPresent(Assumptions::abort);
  }

  /** At the beginning of the code, everything else as after power-on. */
  void start() {
    vcpu.reset();
    vcpu.pull();
    cs(0, 0);
    field(CpuState.RIP, CODE);
    vcpu.push();
  }

  /** From here on in 32-bit protected mode with a flat code segment, and no interrupt table. */
  void protectedMode() {
    field(CpuState.CR0, 0x11);
    field(CpuState.IDTR_LIMIT, 0);
    long at = vcpu.state() + CpuState.SEGMENTS + CpuState.SEGMENT_SIZE;
    RawMemory.putInt(at + CpuState.SEGMENT_SELECTOR, 8);
    RawMemory.putInt(at + CpuState.SEGMENT_ATTRIBUTES, 0xc09b);
    RawMemory.putLong(at + CpuState.SEGMENT_LIMIT, 0xffff_ffffL);
    vcpu.push();
  }

  /** The same with PAE paging, of which the first pointer maps the first 2 MiB to themselves. */
  void paePaging() {
    memory.put(POINTERS, 8, PAGE_DIRECTORY | 1);
    memory.put(PAGE_DIRECTORY, 8, 0x83);
    field(CpuState.CR3, POINTERS);
    field(CpuState.CR4, 0x20);
    protectedMode();
    field(CpuState.CR0, 0x8000_0011L);
    vcpu.push();
  }

  private void cs(int selector, long base) {
    long at = vcpu.state() + CpuState.SEGMENTS + CpuState.SEGMENT_SIZE;
    RawMemory.putInt(at + CpuState.SEGMENT_SELECTOR, selector);
    RawMemory.putLong(at + CpuState.SEGMENT_BASE, base);
  }

  long field(int offset) {
    return RawMemory.getLong(vcpu.state() + offset);
  }

  void field(int offset, long value) {
    RawMemory.putLong(vcpu.state() + offset, value);
  }

  long register(int number) {
    return field(CpuState.GPR + 8 * number);
  }

  private VcpuWiring wiring(PortBus bus, CpuModel model, long tscHz) {
    return new VcpuWiring(
        bus,
        mmio,
        InterruptPort.NONE,
        MsrPort.NONE,
        clock,
        tscHz,
        new Random(1)::nextLong,
        model.table(0, 1, tscHz, true));
  }

  /** Runs until the guest writes the stop port, or leaves for something else than an access. */
  Exit run() {
    return run(vcpu);
  }

  /** The same with another engine's processor, whose state is then up to date. */
  Exit run(Vcpu processor) {
    running = processor;
    while (true) {
      Exit why = processor.run();
      ExitRecord exit = processor.exit();
      switch (why) {
        case PORT_IN -> exit.data = ports.in((int) exit.address, exit.size);
        case PORT_OUT -> ports.out((int) exit.address, exit.size, (int) exit.data);
        case MMIO_READ -> exit.data = mmio.read(exit.address, exit.size);
        case MMIO_WRITE -> mmio.write(exit.address, exit.size, exit.data);
        default -> {
          if (!stopped) {
            return why;
          }
        }
      }
      if (stopped) {
        stopped = false;
        processor.pull();
        return why;
      }
    }
  }

  @Override
  public void close() {
    alarm.interrupt();
    vcpu.close();
    machine.close();
    memory.close();
  }

  private final class Recorder implements PortDevice {
    private final boolean stops;

    Recorder(boolean stops) {
      this.stops = stops;
    }

    @Override
    public int in(int offset, int size) {
      seen.add("in %d %d".formatted(offset, size));
      return 0x40 + seen.size();
    }

    @Override
    public void out(int offset, int size, int value) {
      seen.add("out %d %d %x".formatted(offset, size, value));
      if (stops) {
        stopped = true;
        Vcpu inside = running;
        if (inside != null && inside != vcpu) {
          // An engine that calls the bus itself goes on unless it is kicked.
          inside.kick();
        }
      }
    }
  }
}
