package isola.cpu.x86.integer;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.cpu.MemoryOrder;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * String instructions (Intel SDM vol. 1, 7.3.9). A repeated one works in chunks inside a page and
 * stops between two of them, to go on later, when something waits for the processor.
 */
final class StringInstructions {
  private StringInstructions() {}

  static void execute(Cpu cpu, Insn insn) {
    if ((insn.prefixes & (Insn.REP | Insn.REPNE)) == 0) {
      one(cpu, insn);
      return;
    }
    int addressSize = insn.addressSize;
    boolean compares = insn.op == Op.CMPS || insn.op == Op.SCAS;
    boolean whileEqual = (insn.prefixes & Insn.REP) != 0;
    long count = cpu.reg(Operands.RCX, addressSize, true);
    // A fault leaves the flags as they were before the instruction (Intel SDM vol. 2B, REP), and so
    // does an interruption, after which one may come.
    int before = compares ? cpu.statusFlags() : 0;
    while (count != 0) {
      long done = cpu.stepping() ? 0 : bulk(cpu, insn, count);
      if (done == 0) {
        try {
          one(cpu, insn);
        } catch (Fault fault) {
          if (compares) {
            cpu.statusFlags(before);
          }
          throw fault;
        }
        done = 1;
      }
      count -= done;
      cpu.reg(Operands.RCX, addressSize, true, count);
      if (compares && (cpu.flags.result == 0) != whileEqual) {
        return;
      }
      if (count != 0
          && (cpu.stepping() || RawMemory.getIntOpaque(cpu.state + CpuState.ATTENTION) != 0)) {
        if (compares && !cpu.stepping()) {
          cpu.statusFlags(before);
        }
        cpu.nextRip(cpu.rip());
        return;
      }
    }
  }

  private static long source(Cpu cpu, Insn insn) {
    return cpu.reg(Operands.RSI, insn.addressSize, true);
  }

  private static long destination(Cpu cpu, Insn insn) {
    return cpu.reg(Operands.RDI, insn.addressSize, true);
  }

  private static void advance(Cpu cpu, Insn insn, int register, long by) {
    boolean down = (cpu.systemFlags() & Rflags.DF) != 0;
    long at = cpu.reg(register, insn.addressSize, true);
    cpu.reg(register, insn.addressSize, true, down ? at - by : at + by);
  }

  private static void one(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    switch (insn.op) {
      case MOVS -> {
        long value = cpu.load(insn.segment, source(cpu, insn), size);
        cpu.store(Segment.ES, destination(cpu, insn), size, value);
        advance(cpu, insn, Operands.RSI, size);
        advance(cpu, insn, Operands.RDI, size);
      }
      case STOS -> {
        cpu.store(Segment.ES, destination(cpu, insn), size, cpu.reg(Operands.RAX, size, true));
        advance(cpu, insn, Operands.RDI, size);
      }
      case LODS -> {
        long value = cpu.load(insn.segment, source(cpu, insn), size);
        cpu.reg(Operands.RAX, size, true, value);
        advance(cpu, insn, Operands.RSI, size);
      }
      case CMPS -> {
        long a = Operands.signed(cpu.load(insn.segment, source(cpu, insn), size), size);
        long b = Operands.signed(cpu.load(Segment.ES, destination(cpu, insn), size), size);
        cpu.flags.sub(a, b, Operands.unused(size));
        advance(cpu, insn, Operands.RSI, size);
        advance(cpu, insn, Operands.RDI, size);
      }
      case SCAS -> {
        long a = Operands.signed(cpu.reg(Operands.RAX, size, true), size);
        long b = Operands.signed(cpu.load(Segment.ES, destination(cpu, insn), size), size);
        cpu.flags.sub(a, b, Operands.unused(size));
        advance(cpu, insn, Operands.RDI, size);
      }
      case INS -> {
        int port = (int) cpu.gpr(Operands.RDX) & 0xffff;
        PortInstructions.check(cpu, port, size);
        long at = destination(cpu, insn);
        // A fault comes before the port is read.
        cpu.checkStore(Segment.ES, at, size);
        cpu.store(Segment.ES, at, size, PortInstructions.read(cpu, port, size));
        advance(cpu, insn, Operands.RDI, size);
      }
      default -> {
        int port = (int) cpu.gpr(Operands.RDX) & 0xffff;
        PortInstructions.check(cpu, port, size);
        long value = cpu.load(insn.segment, source(cpu, insn), size);
        PortInstructions.write(cpu, port, size, (int) value);
        advance(cpu, insn, Operands.RSI, size);
      }
    }
  }

  /**
   * Elements of {@code size} bytes that lie in one page from a linear address on, upwards or
   * downwards; 0 if the first does not.
   */
  private static int inPage(long linear, int size, boolean down) {
    int offset = (int) linear & 4095;
    if (down) {
      return offset + size > 4096 ? 0 : offset / size + 1;
    }
    return (4096 - offset) / size;
  }

  /** Does as many elements as can be done at once on the host; 0 if one must go the long way. */
  private static long bulk(Cpu cpu, Insn insn, long count) {
    if ((cpu.mode() & Cpu.MODE_FLAT) == 0
        || (insn.op != Op.MOVS && insn.op != Op.STOS)
        || (insn.segment >= Segment.FS && !cpu.is64())) {
      return 0;
    }
    int size = insn.operandSize;
    boolean down = (cpu.systemFlags() & Rflags.DF) != 0;
    long to = destination(cpu, insn);
    long n = Math.min(count < 0 ? 4096 : count, inPage(to, size, down));
    if (insn.op == Op.STOS) {
      return n < 2 ? 0 : fill(cpu, insn, to, n, down);
    }
    long from = source(cpu, insn);
    long linear = from + (insn.segment >= Segment.FS ? cpu.effectiveBase(insn.segment) : 0);
    n = Math.min(n, inPage(linear, size, down));
    if (n < 2 || !cpu.canonical(linear) || !cpu.canonical(to)) {
      return 0;
    }
    long source = cpu.readableHost(linear);
    long target = source == 0 ? 0 : cpu.writableHost(to);
    if (target == 0) {
      return 0;
    }
    long bytes = n * size;
    // Host addresses of the lowest bytes.
    long back = down ? bytes - size : 0;
    copy(source - back, target - back, bytes, size, down);
    advance(cpu, insn, Operands.RSI, bytes);
    advance(cpu, insn, Operands.RDI, bytes);
    return n;
  }

  /** Copies elements one by one where those copied first are copied again, else all at once. */
  private static void copy(long source, long target, long bytes, int size, boolean down) {
    if (!down && target > source && target < source + bytes) {
      for (long i = 0; i < bytes; i += size) {
        MemoryOrder.store(target + i, size, MemoryOrder.load(source + i, size));
      }
    } else if (down && target < source && source < target + bytes) {
      for (long i = bytes - size; i >= 0; i -= size) {
        MemoryOrder.store(target + i, size, MemoryOrder.load(source + i, size));
      }
    } else {
      MemoryOrder.copy(source, target, bytes);
    }
  }

  private static long fill(Cpu cpu, Insn insn, long to, long n, boolean down) {
    long first = cpu.canonical(to) ? cpu.writableHost(to) : 0;
    if (first == 0) {
      return 0;
    }
    int size = insn.operandSize;
    long value = cpu.reg(Operands.RAX, size, true);
    long bytes = n * size;
    long target = down ? first - (bytes - size) : first;
    if (size == 1 || value == 0) {
      MemoryOrder.fill(target, bytes, (byte) value);
    } else {
      for (long i = 0; i < bytes; i += size) {
        MemoryOrder.store(target + i, size, value);
      }
    }
    advance(cpu, insn, Operands.RDI, bytes);
    return n;
  }
}
