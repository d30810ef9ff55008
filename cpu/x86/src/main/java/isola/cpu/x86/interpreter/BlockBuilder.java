package isola.cpu.x86.interpreter;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Segment;
import org.jspecify.annotations.Nullable;

/**
 * Fetches and decodes blocks. What goes wrong at the first instruction is thrown; a later one is
 * left to a block of its own. Owner thread only.
 */
final class BlockBuilder {
  private final Cpu cpu;
  private final Decoder decoder;
  private final byte[] bytes = new byte[Decoder.MAX_LENGTH + 1];
  private final Insn end = new Insn();

  // Where the instruction's second page is, if the last fetch ran into it.
  private long secondHost;
  private long secondPhysical;
  private boolean crossed;

  BlockBuilder(Cpu cpu) {
    this.cpu = cpu;
    decoder = new Decoder(OpcodeTable.offered(cpu.wiring.cpuid()));
    end.handler = Handler.END;
  }

  /** Decodes up to {@code limit} instructions at the processor's RIP. */
  Block build(long linear, long host, long physical, int limit) {
    long rip = cpu.rip();
    int mode = cpu.mode();
    Insn first = instruction(rip, linear, host, physical);
    Block block = new Block(rip, linear, host, mode, first);
    block.physical = physical;
    Insn last = first;
    long at = next(rip, first);
    int count = 1;
    int length = first.length;
    boolean ends = Preparation.prepare(first, mode);
    if (crossed) {
      block.secondHost = secondHost;
      block.secondPhysical = secondPhysical;
    }
    int room = 4096 - (int) (linear & 4095);
    while (!ends && !crossed && host != 0 && count < limit && length < room) {
      Insn insn = inPage(at, host + length, room - length);
      if (insn == null) {
        break;
      }
      insn.ordinal = (short) count;
      ends = Preparation.prepare(insn, mode);
      last.next = insn;
      last = insn;
      at = next(at, insn);
      count++;
      length += insn.length;
    }
    if (!ends) {
      last.next = end;
    }
    Fusion.improve(first);
    block.count = count;
    block.length = length;
    block.end = at;
    block.target = cpu.is64() ? at + last.imm : (at + last.imm) & 0xffff_ffffL;
    return block;
  }

  private long next(long rip, Insn insn) {
    long at = rip + insn.length;
    return cpu.is64() ? at : at & 0xffff_ffffL;
  }

  /** An instruction that lies in the page whole, or null. */
  private @Nullable Insn inPage(long rip, long host, int room) {
    int available = Math.min(Decoder.MAX_LENGTH, room);
    if (!cpu.is64()) {
      available = (int) Math.min(available, cpu.limit(Segment.CS) - rip + 1);
    }
    for (int i = 0; i < available; i++) {
      bytes[i] = RawMemory.getByte(host + i);
    }
    Insn insn = new Insn();
    insn.rip = rip;
    return decoder.decode(insn, bytes, 0, available, cpu.codeSize()) == Decoder.Status.OK
        ? insn
        : null;
  }

  private byte fetch(long host, long physical, int offset) {
    return host != 0
        ? RawMemory.getByte(host + offset)
        : (byte) cpu.mmu.readPhysical(physical + offset, 1);
  }

  /** The instruction at RIP, or its fault. */
  private Insn instruction(long rip, long linear, long host, long physical) {
    crossed = false;
    int room = 4096 - (int) (linear & 4095);
    long limit = cpu.is64() ? Long.MAX_VALUE : cpu.limit(Segment.CS) - rip + 1;
    int available = (int) Math.min(Math.min(Decoder.MAX_LENGTH, room), limit);
    for (int i = 0; i < available; i++) {
      bytes[i] = fetch(host, physical, i);
    }
    Insn insn = new Insn();
    insn.rip = rip;
    Decoder.Status status = decoder.decode(insn, bytes, 0, available, cpu.codeSize());
    if (status == Decoder.Status.MORE && available == room && available < limit) {
      crossed = true;
      long second = cpu.is64() ? linear + room : (linear + room) & 0xffff_ffffL;
      if (cpu.is64() && !cpu.canonical(second)) {
        throw cpu.gp();
      }
      secondHost = cpu.fetchHost(second);
      secondPhysical = cpu.fetchPhysical(second);
      available = (int) Math.min(Decoder.MAX_LENGTH, limit);
      for (int i = room; i < available; i++) {
        bytes[i] = fetch(secondHost, secondPhysical, i - room);
      }
      insn = new Insn();
      insn.rip = rip;
      status = decoder.decode(insn, bytes, 0, available, cpu.codeSize());
    }
    return switch (status) {
      case OK -> insn;
      case UNDEFINED -> undefined(rip);
      // Past the segment's limit, or past 15 bytes.
      case MORE, TOO_LONG -> throw cpu.gp();
    };
  }

  private static Insn undefined(long rip) {
    Insn insn = new Insn();
    insn.rip = rip;
    insn.length = 1;
    insn.operandSize = 4;
    insn.addressSize = 4;
    return insn;
  }
}
