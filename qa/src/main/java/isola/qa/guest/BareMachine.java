package isola.qa.guest;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.bus.PortDevice;
import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.InterruptPort;
import isola.core.cpu.MsrPort;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.core.time.Clock;
import isola.core.time.ManualClock;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.state.CpuState;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A processor, 16 MiB of memory with a ROM in it, and an exit port: nothing else. */
public final class BareMachine implements AutoCloseable {
  /** How a program ended. */
  public enum End {
    /** It wrote to the exit port. */
    EXIT,
    /** It halted without an interrupt to come. */
    HALT,
    /** Triple fault. */
    SHUTDOWN,
    /** The engine could not go on. */
    FAILED,
    /** It was still running when its time was up. */
    TIMEOUT
  }

  private static final int EXIT_PORT = 0xf4;
  private static final long TSC_HZ = 1_000_000_000L;
  private static final Map<String, Integer> REGISTERS =
      Map.of("rax", 0, "rcx", 1, "rdx", 2, "rbx", 3, "rsp", 4, "rbp", 5, "rsi", 6, "rdi", 7);

  private final GuestMemory memory = new GuestMemory();
  private final PortBus ports = new PortBus();
  private final VcpuWiring wiring;
  private CpuVm vm;
  private Vcpu vcpu;
  private boolean exited;
  private int exitValue;
  private String detail = "";

  /** A machine on an engine, its ROM ending at 1 MiB and at 4 GiB, at the reset vector. */
  public BareMachine(CpuEngine engine, CpuModel model, byte[] rom) {
    memory.addRam(0, 0x100000 - rom.length);
    fill(memory.addRom(0x100000 - rom.length, rom.length), rom);
    memory.addRam(0x100000, 15L << 20);
    fill(memory.addRom((1L << 32) - rom.length, rom.length), rom);
    ports.attach(EXIT_PORT, 4, new ExitPort());
    wiring =
        new VcpuWiring(
            ports,
            new MmioBus(),
            new NoInterrupts(),
            MsrPort.NONE,
            new TickingClock(),
            TSC_HZ,
            new Random(1)::nextLong,
            model.table(0, 1, TSC_HZ, false));
    vm = engine.create(memory);
    vcpu = vm.createVcpu(wiring);
  }

  /**
   * Another engine goes on where the program is. It gets a processor of its own, which knows
   * nothing of the old one but its architectural state: what a saved machine would hold.
   */
  public void moveTo(CpuEngine engine) {
    CpuVm newVm = engine.create(memory);
    Vcpu newVcpu;
    try {
      newVcpu = newVm.createVcpu(wiring);
    } catch (RuntimeException e) {
      newVm.close();
      throw e;
    }
    vcpu.pull();
    newVcpu.pull();
    // Local APICs apart: this machine's does nothing.
    RawMemory.copy(vcpu.state(), newVcpu.state(), CpuState.APIC_BASE);
    newVcpu.push();
    vcpu.close();
    vm.close();
    vm = newVm;
    vcpu = newVcpu;
  }

  private static void fill(MemorySlot slot, byte[] rom) {
    for (int i = 0; i < rom.length; i++) {
      RawMemory.putByte(slot.hostAddress() + i, rom[i]);
    }
  }

  /** The ports, to attach devices to. */
  public PortBus ports() {
    return ports;
  }

  /** Runs until the program ends. */
  public End run(int seconds) {
    boolean[] late = new boolean[1];
    try (ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor()) {
      var alarm =
          timer.schedule(
              () -> {
                synchronized (late) {
                  late[0] = true;
                }
                vcpu.kick();
              },
              seconds,
              TimeUnit.SECONDS);
      try {
        return loop(late);
      } finally {
        alarm.cancel(false);
        vcpu.pull();
      }
    }
  }

  private End loop(boolean[] late) {
    while (true) {
      End end = turn();
      if (end != null) {
        return end;
      }
      synchronized (late) {
        if (late[0]) {
          return End.TIMEOUT;
        }
      }
    }
  }

  /** Runs until the program ends or the processor is kicked: null then. */
  @Nullable End turn() {
    while (true) {
      Exit why = vcpu.run();
      if (exited) {
        return End.EXIT;
      }
      switch (why) {
        case PORT_IN -> vcpu.exit().data = ports.in((int) vcpu.exit().address, vcpu.exit().size);
        case PORT_OUT ->
            ports.out((int) vcpu.exit().address, vcpu.exit().size, (int) vcpu.exit().data);
        case MMIO_READ -> vcpu.exit().data = -1;
        case HALT -> {
          return End.HALT;
        }
        case SHUTDOWN -> {
          return End.SHUTDOWN;
        }
        case INTERNAL_ERROR -> {
          detail = vcpu.exit().detail;
          return End.FAILED;
        }
        case KICK -> {
          return null;
        }
        default -> {
          // On with it.
        }
      }
    }
  }

  /** Lets a software engine run this many instructions more, and no limit if 0. */
  void limit(long instructions) {
    long state = vcpu.state();
    long now = RawMemory.getLong(state + CpuState.INSTRUCTIONS);
    RawMemory.putLong(
        state + CpuState.INSTRUCTION_LIMIT, instructions == 0 ? 0 : now + instructions);
  }

  /** Makes {@link #turn} return soon. Any thread; the machine is not moved meanwhile. */
  void kick() {
    vcpu.kick();
  }

  /** Makes the registers readable. */
  void pull() {
    vcpu.pull();
  }

  /** Why the engine failed. */
  public String detail() {
    return detail;
  }

  /** What was written to the exit port. */
  public int exitValue() {
    return exitValue;
  }

  /** A general register by its 64-bit name, or the instruction pointer. */
  public long register(String name) {
    if (name.equals("rip")) {
      return RawMemory.getLong(vcpu.state() + CpuState.RIP);
    }
    Integer number = REGISTERS.get(name);
    int r = number != null ? number : Integer.parseInt(name.substring(1));
    return RawMemory.getLong(vcpu.state() + CpuState.GPR + 8L * r);
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    memory.close();
  }

  private final class ExitPort implements PortDevice {
    @Override
    public int in(int offset, int size) {
      return -1;
    }

    @Override
    public void out(int offset, int size, int value) {
      if (!exited) {
        exited = true;
        exitValue = value;
        vcpu.kick();
      }
    }
  }

  private static final class NoInterrupts implements InterruptPort {
    private int cr8;

    @Override
    public boolean pending() {
      return false;
    }

    @Override
    public int acknowledge() {
      return -1;
    }

    @Override
    public int cr8() {
      return cr8;
    }

    @Override
    public void cr8(int value) {
      cr8 = value;
    }
  }

  /** A clock that moves by a microsecond whenever it is read, so that runs are repeatable. */
  private static final class TickingClock implements Clock {
    private final ManualClock clock = new ManualClock(0);

    @Override
    public long nanos() {
      clock.advance(1000);
      return clock.nanos();
    }

    @Override
    public long wallNanos() {
      return clock.wallNanos();
    }

    @Override
    public Timer timer(Runnable action) {
      return clock.timer(action);
    }
  }
}
