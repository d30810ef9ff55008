package isola.cpu.x86.interpreter;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.cpu.CpuVm;
import isola.core.cpu.InterruptPort;
import isola.core.cpu.MsrPort;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.core.time.ManualClock;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.CpuState;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A machine of 16 MiB with processors in 64-bit mode at level 0. Linear addresses are physical
 * ones; the first 2 MiB are mapped in small pages whose table is at {@link #PAGES}.
 */
final class Guest implements AutoCloseable {
  static final long CODE = 0x10_0000;
  static final long STACK = 0x8_0000;
  static final long PAGES = 0x4000;
  static final long IDT = 0x6000;
  static final long GDT = 0x7000;

  /** Where the handler of every vector is; it halts. */
  static final long HANDLER = 0x7_0000;

  private static final long BIG = 0x80 | 3;
  private static final int HLT = 0xf4;

  final GuestMemory memory = new GuestMemory();
  final PortBus ports = new PortBus();
  final MmioBus mmio = new MmioBus();

  /** Vector that waits at the interrupt port, -1 for none. */
  final AtomicInteger waiting = new AtomicInteger(-1);

  private final CpuVm vm;

  private final CpuModel model;

  Guest() {
    this(CpuModel.v2());
  }

  Guest(CpuModel model) {
    this.model = model;
    memory.addRam(0, 16 << 20);
    vm = new InterpreterEngine().create(memory);
    memory.put(0x1000, 8, 0x2003);
    memory.put(0x2000, 8, 0x3003);
    memory.put(0x3000, 8, PAGES | 3);
    for (long i = 1; i < 512; i++) {
      memory.put(0x3000 + i * 8, 8, i << 21 | BIG);
    }
    for (long i = 0; i < 512; i++) {
      memory.put(PAGES + i * 8, 8, i << 12 | 3);
    }
    memory.put(GDT + 8, 8, 0x00af_9b00_0000_ffffL);
    memory.put(GDT + 16, 8, 0x00cf_9300_0000_ffffL);
    for (int v = 0; v < 256; v++) {
      long at = HANDLER + v * 16L;
      memory.put(at, 1, HLT);
      memory.put(IDT + v * 16L, 8, (at & 0xffff) | 8L << 16 | 0x8e00L << 32 | (at >>> 16) << 48);
    }
  }

  Vcpu vcpu() {
    InterruptPort interrupts =
        new InterruptPort() {
          @Override
          public boolean pending() {
            return waiting.get() >= 0;
          }

          @Override
          public int acknowledge() {
            return waiting.getAndSet(-1);
          }

          @Override
          public int cr8() {
            return 0;
          }

          @Override
          public void cr8(int value) {}
        };
    Vcpu vcpu =
        vm.createVcpu(
            new VcpuWiring(
                ports,
                mmio,
                interrupts,
                MsrPort.NONE,
                new ManualClock(0),
                1_000_000_000L,
                () -> 42L,
                model.table(0, 1, 1_000_000_000L, false)));
    long state = vcpu.state();
    RawMemory.putLong(state + CpuState.CR0, 0x8005_0033L);
    RawMemory.putLong(state + CpuState.CR3, 0x1000);
    RawMemory.putLong(state + CpuState.CR4, Cr4.PAE | Cr4.OSFXSR | Cr4.OSXMMEXCPT);
    RawMemory.putLong(state + CpuState.EFER, Efer.LME | Efer.LMA | Efer.NXE | Efer.SCE);
    segment(state, Segment.CS, 8, 0xa09b);
    for (int s : new int[] {Segment.ES, Segment.SS, Segment.DS, Segment.FS, Segment.GS}) {
      segment(state, s, 16, 0xc093);
    }
    RawMemory.putLong(state + CpuState.GDTR_BASE, GDT);
    RawMemory.putLong(state + CpuState.GDTR_LIMIT, 23);
    RawMemory.putLong(state + CpuState.IDTR_BASE, IDT);
    RawMemory.putLong(state + CpuState.IDTR_LIMIT, 0xfff);
    RawMemory.putLong(state + CpuState.RFLAGS, 2);
    RawMemory.putLong(state + CpuState.RIP, CODE);
    RawMemory.putInt(state + CpuState.ACTIVITY, Activity.ACTIVE);
    set(vcpu, 4, STACK);
    vcpu.push();
    return vcpu;
  }

  private static void segment(long state, int number, int selector, int attributes) {
    long at = state + CpuState.SEGMENTS + number * CpuState.SEGMENT_SIZE;
    RawMemory.putInt(at + CpuState.SEGMENT_SELECTOR, selector);
    RawMemory.putInt(at + CpuState.SEGMENT_ATTRIBUTES, attributes);
    RawMemory.putLong(at + CpuState.SEGMENT_BASE, 0);
    RawMemory.putLong(at + CpuState.SEGMENT_LIMIT, 0xffff_ffffL);
  }

  void program(long address, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    memory.write(address, bytes, 0, bytes.length);
  }

  static long get(Vcpu vcpu, int register) {
    return RawMemory.getLong(vcpu.state() + CpuState.GPR + register * 8L);
  }

  static void set(Vcpu vcpu, int register, long value) {
    RawMemory.putLong(vcpu.state() + CpuState.GPR + register * 8L, value);
  }

  static long field(Vcpu vcpu, int offset) {
    return RawMemory.getLong(vcpu.state() + offset);
  }

  /** The vector whose handler the processor halted in, -1 if none. */
  static int vector(Vcpu vcpu) {
    long at = field(vcpu, CpuState.RIP) - 1 - HANDLER;
    return at >= 0 && at < 4096 && at % 16 == 0 ? (int) (at / 16) : -1;
  }

  @Override
  public void close() {
    vm.close();
    memory.close();
  }
}
