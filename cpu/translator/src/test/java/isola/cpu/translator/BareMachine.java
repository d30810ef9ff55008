package isola.cpu.translator;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;
import java.util.Random;

/** A processor in 64-bit mode with identity-mapped memory and nothing else. */
final class BareMachine implements AutoCloseable {
  static final int CODE = 0x10000;
  static final int STACK = 0x180000;
  static final int DATA = 0x200000;
  static final int DATA_SIZE = 0x10000;
  private static final int MEMORY = 0x400000;

  /** The level of x86-64 that the translator has here, on whichever engine. */
  static final int LEVEL = new TranslatorEngine().level();

  final GuestMemory memory = new GuestMemory();
  final Vcpu vcpu;
  private final CpuVm vm;

  /** Whether {@link #prepare} makes it one of 32-bit code with flat segments, in long mode. */
  boolean code32;

  BareMachine(CpuEngine engine) {
    memory.addRam(0, MEMORY);
    vm = engine.create(memory);
    vcpu =
        vm.createVcpu(
            VcpuWiring.unconnected(CpuModel.level(LEVEL).table(0, 1, 1_000_000_000L, false)));
  }

  /** Another processor; all are made before one runs. */
  Vcpu another() {
    return vm.createVcpu(
        VcpuWiring.unconnected(CpuModel.level(LEVEL).table(0, 1, 1_000_000_000L, false)));
  }

  /** Puts another processor where the first one is, but for where it executes and its stack. */
  void begin(Vcpu other, long rip, long stack) {
    RawMemory.copy(vcpu.state(), other.state(), CpuState.ARCHITECTURAL_SIZE);
    RawMemory.putLong(other.state() + CpuState.RIP, rip);
    RawMemory.putLong(other.state() + CpuState.GPR + 4 * 8, stack);
    other.push();
  }

  long field(int offset) {
    return RawMemory.getLong(vcpu.state() + offset);
  }

  void field(int offset, long value) {
    RawMemory.putLong(vcpu.state() + offset, value);
  }

  private void segment(int number, int selector, int attributes) {
    int at = CpuState.SEGMENTS + number * CpuState.SEGMENT_SIZE;
    field(at, (long) attributes << 32 | selector);
    field(at + CpuState.SEGMENT_BASE, 0);
    field(at + CpuState.SEGMENT_LIMIT, 0xffff_ffffL);
  }

  /** Starts over with this code; registers and data follow from the seed. */
  void prepare(byte[] code, long seed) {
    vcpu.reset();
    memory.put(0x1000, 8, 0x2007);
    memory.put(0x2000, 8, 0x3007);
    memory.put(0x3000, 8, 0x87);
    memory.put(0x3008, 8, 0x4007);
    for (int i = 0; i < 512; i++) {
      memory.put(0x4000 + i * 8L, 8, DATA + i * 4096L | 7);
    }
    vcpu.pull();
    field(CpuState.CR0, 0x8000_0033L);
    field(CpuState.CR3, 0x1000);
    field(CpuState.CR4, 0x40620);
    int avx = LEVEL >= 3 ? XsaveSpec.AVX : 0;
    field(CpuState.XCR0, XsaveSpec.X87 | XsaveSpec.SSE | avx | XsaveSpec.PKRU);
    field(CpuState.EFER, 0xd00);
    for (int s = 0; s < 6; s++) {
      segment(s, s == 1 ? 8 : 16, s == 1 ? (code32 ? 0xc09b : 0xa09b) : 0xc093);
    }
    Random random = new Random(seed);
    for (int r = 0; r < 16; r++) {
      long value = random.nextInt(3) == 0 ? random.nextInt(100) : random.nextLong();
      field(CpuState.GPR + r * 8, code32 ? value & 0xffff_ffffL : value);
      field(CpuState.XMM + r * 16, random.nextLong());
      field(CpuState.XMM + r * 16 + 8, random.nextLong());
    }
    for (int i = 0; i < XsaveSpec.AVX_SIZE; i += 8) {
      field(CpuState.YMM_HIGH + i, LEVEL >= 3 ? random.nextLong() : 0);
    }
    field(CpuState.GPR + 4 * 8, STACK);
    field(CpuState.RIP, CODE);
    field(CpuState.RFLAGS, 2 | random.nextInt() & 0x8d5);
    RawMemory.putInt(vcpu.state() + CpuState.MXCSR, 0x1f80);
    x87(new Random(~seed));
    byte[] data = new byte[DATA_SIZE];
    random.nextBytes(data);
    memory.write(DATA, data, 0, data.length);
    memory.write(CODE, code, 0, code.length);
    vcpu.push();
  }

  /** All exceptions masked; numbers of every size and some rubbish in the registers. */
  private void x87(Random random) {
    int control = 0x7f | random.nextInt(4) << 10 | (random.nextInt(3) == 0 ? 0x200 : 0x300);
    field(CpuState.FCW, (long) random.nextInt(256) << 32 | random.nextInt(8) << 27 | control);
    for (int i = 0; i < 8; i++) {
      boolean number = random.nextInt(4) != 0;
      long exponent = number ? 0x3fff + random.nextInt(128) - 64 : random.nextInt();
      field(CpuState.ST + i * 16, number ? random.nextLong() | Long.MIN_VALUE : random.nextLong());
      field(CpuState.ST + i * 16 + 8, (exponent ^ random.nextInt(2) << 15) & 0xffff);
    }
  }

  Exit run() {
    Exit exit = vcpu.run();
    vcpu.pull();
    return exit;
  }

  /** All that a program may have changed, as text. */
  String outcome(Exit exit) {
    StringBuilder text = new StringBuilder(4096);
    text.append(exit).append('\n');
    text.append("rip %x rflags %x\n".formatted(field(CpuState.RIP), field(CpuState.RFLAGS)));
    for (int r = 0; r < 16; r++) {
      text.append("r%d %x\n".formatted(r, field(CpuState.GPR + r * 8)));
    }
    for (int r = 0; r < 16; r++) {
      int at = CpuState.XMM + r * 16;
      int high = CpuState.YMM_HIGH + r * 16;
      text.append(
          "ymm%d %016x%016x%016x%016x\n"
              .formatted(r, field(high + 8), field(high), field(at + 8), field(at)));
    }
    text.append("x87 %016x fip %x".formatted(field(CpuState.FCW), field(CpuState.FIP)));
    for (int i = CpuState.ST; i < CpuState.ST + 128; i += 16) {
      text.append(" %04x:%016x".formatted(field(i + 8), field(i)));
    }
    text.append('\n');
    text.append("mxcsr %x\n".formatted(RawMemory.getInt(vcpu.state() + CpuState.MXCSR)));
    byte[] data = new byte[DATA_SIZE];
    memory.read(DATA, data, 0, data.length);
    for (int i = 0; i < data.length; i += 64) {
      int hash = 0;
      for (int k = 0; k < 64; k++) {
        hash = hash * 31 + data[i + k];
      }
      text.append("data %x %08x\n".formatted(DATA + i, hash));
    }
    return text.toString();
  }

  @Override
  public void close() {
    vm.close();
    memory.close();
  }
}
