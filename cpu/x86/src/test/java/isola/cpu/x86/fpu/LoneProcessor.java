package isola.cpu.x86.fpu;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.integer.IntegerInstructions;
import isola.cpu.x86.simd.MmxInstructions;
import isola.cpu.x86.simd.SseInstructions;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;
import java.lang.foreign.Arena;
import java.util.HexFormat;
import java.util.List;

/** A processor in flat 32-bit protected mode without paging, 64 KiB of memory, and nothing else. */
final class LoneProcessor implements AutoCloseable {
  final GuestMemory memory = new GuestMemory();
  final Cpu cpu;
  private final Arena arena = Arena.ofConfined();
  private final Decoder decoder = new Decoder(OpcodeTable.v3());

  LoneProcessor() {
    memory.addRam(0, 0x10000);
    cpu =
        new Cpu(
            arena.allocate(Cpu.STATE_SIZE, 4096).address(),
            memory,
            VcpuWiring.unconnected(new CpuidTable(List.of())));
    cpu.field(CpuState.CR0, Cr0.PE | Cr0.ET | Cr0.NE);
    cpu.field(CpuState.CR4, Cr4.OSFXSR | Cr4.OSXMMEXCPT);
    cpu.intField(CpuState.MXCSR, 0x1f80);
    int flat = Attribute.P | Attribute.S | Attribute.G | Attribute.DB;
    for (int s = 0; s < 6; s++) {
      cpu.segment(s, 8, flat | (s == Segment.CS ? 0xb : 3), 0, 0xffff_ffffL);
    }
    cpu.modeChanged();
    X87Memory.initialize(cpu);
  }

  /** Makes it a real-mode processor with segments at 0. */
  void realMode() {
    cpu.field(CpuState.CR0, Cr0.ET | Cr0.NE);
    for (int s = 0; s < 6; s++) {
      cpu.segment(s, 0, Attribute.P | Attribute.S | 3, 0, 0xffff);
    }
    cpu.modeChanged();
  }

  /** Executes one instruction, given in hexadecimal. */
  void execute(String hex) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    Insn insn = new Insn();
    Decoder.Status status = decoder.decode(insn, code, 0, code.length, cpu.codeSize());
    Form form = insn.form;
    if (status != Decoder.Status.OK || form == null) {
      throw new IllegalArgumentException(hex + " is no instruction: " + status);
    }
    cpu.begin(cpu.rip(), insn.length);
    switch (form.group()) {
      case X87 -> X87Instructions.execute(cpu, insn);
      case MMX -> MmxInstructions.execute(cpu, insn);
      case SSE -> SseInstructions.execute(cpu, insn);
      case INTEGER -> IntegerInstructions.execute(cpu, insn);
      case SYSTEM -> throw new IllegalArgumentException(hex + " is not for a lone processor");
    }
    cpu.rip(cpu.nextRip());
  }

  /** The vector of the fault that an instruction raises, or -1. */
  int fault(String hex) {
    try {
      execute(hex);
      return -1;
    } catch (Fault fault) {
      return fault.vector();
    }
  }

  @Override
  public void close() {
    memory.close();
    arena.close();
  }
}
