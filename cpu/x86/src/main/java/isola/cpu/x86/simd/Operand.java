package isola.cpu.x86.simd;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.state.CpuState;

/**
 * Where the bytes of an operand are on the host: a register inside the state, guest memory through
 * the software TLB, or a copy in the state's scratch bytes.
 */
final class Operand {
  private Operand() {}

  static long low(long host) {
    return RawMemory.getLong(host);
  }

  static long high(long host) {
    return RawMemory.getLong(host + 8);
  }

  /** Host address of XMM register {@code r}. */
  static long xmm(Cpu cpu, int r) {
    return cpu.state + CpuState.XMM + ((long) r << 4);
  }

  static void put(long host, long low, long high) {
    RawMemory.putLong(host, low);
    RawMemory.putLong(host + 8, high);
  }

  /** Host address of the destination that ModRM.reg names. */
  static long destination(Cpu cpu, Insn insn) {
    return xmm(cpu, insn.reg);
  }

  /** The table's opcode byte: tells the forms of one mnemonic apart. */
  static int opcode(Insn insn) {
    Form form = insn.form;
    return form == null ? 0 : form.opcode();
  }

  /** Host address of a 16-byte source, aligned in memory unless the form says otherwise. */
  static long source(Cpu cpu, Insn insn) {
    if (insn.rm >= 0) {
      return xmm(cpu, insn.rm);
    }
    Form form = insn.form;
    return memory(cpu, insn, form == null || form.aligned());
  }

  /** Host address of a 16-byte source that need not be aligned. */
  static long unaligned(Cpu cpu, Insn insn) {
    return insn.rm >= 0 ? xmm(cpu, insn.rm) : memory(cpu, insn, false);
  }

  private static long memory(Cpu cpu, Insn insn, boolean aligned) {
    long offset = cpu.effective(insn);
    long linear = cpu.linear(insn.segment, offset, 16, false);
    if (aligned && (linear & 15) != 0) {
      throw cpu.gp();
    }
    long host = cpu.readHost(linear, 16);
    if (host != 0) {
      return host;
    }
    cpu.checkLoad(insn.segment, offset, 16);
    long scratch = cpu.state + CpuState.SCRATCH;
    put(scratch, cpu.load(insn.segment, offset, 8), cpu.load(insn.segment, offset + 8, 8));
    return scratch;
  }

  /** A source of 1 to 8 bytes: the low part of an XMM register, or memory. */
  static long part(Cpu cpu, Insn insn, int size) {
    if (insn.rm >= 0) {
      long value = low(xmm(cpu, insn.rm));
      return size == 8 ? value : value & (1L << (size * 8)) - 1;
    }
    return cpu.load(insn.segment, cpu.effective(insn), size);
  }

  /** A source of {@code size} bytes: a general register's low part, or memory. */
  static long general(Cpu cpu, Insn insn, int size) {
    if (insn.rm >= 0) {
      return cpu.reg(insn.rm, size, true);
    }
    return cpu.load(insn.segment, cpu.effective(insn), size);
  }

  /** Stores {@code size} bytes: zero-extended to a general register's 64 bits, or to memory. */
  static void toGeneral(Cpu cpu, Insn insn, int size, long value) {
    if (insn.rm >= 0) {
      cpu.gpr(insn.rm, value);
    } else {
      cpu.store(insn.segment, cpu.effective(insn), size, value);
    }
  }

  /** Stores 16 bytes to memory. */
  static void store(Cpu cpu, Insn insn, boolean aligned, long low, long high) {
    long offset = cpu.effective(insn);
    long linear = cpu.linear(insn.segment, offset, 16, true);
    if (aligned && (linear & 15) != 0) {
      throw cpu.gp();
    }
    long host = cpu.atomicHost(linear, 16);
    if (host != 0) {
      put(host, low, high);
      return;
    }
    cpu.checkStore(insn.segment, offset, 16);
    cpu.store(insn.segment, offset, 8, low);
    cpu.store(insn.segment, offset + 8, 8, high);
  }

  /** Stores {@code size} bytes, up to 8, to memory. */
  static void storePart(Cpu cpu, Insn insn, int size, long value) {
    cpu.store(insn.segment, cpu.effective(insn), size, value);
  }
}
