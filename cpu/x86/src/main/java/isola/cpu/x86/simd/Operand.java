package isola.cpu.x86.simd;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.MemoryOrder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.state.CpuState;

/**
 * Where the bytes of an operand are on the host: a register inside the state, or a copy in the
 * state's scratch bytes. With VEX it is the lane that the instruction has got to, see {@link
 * VexInstructions}.
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

  /** Host address of the upper half of YMM register {@code r}. */
  static long ymmHigh(Cpu cpu, int r) {
    return cpu.state + CpuState.YMM_HIGH + ((long) r << 4);
  }

  /** Host address of the destination that ModRM.reg names, which is the first source too. */
  static long destination(Cpu cpu, Insn insn) {
    return insn.vex ? cpu.lane.to : xmm(cpu, insn.reg);
  }

  /** Host address of a destination that ModRM.rm names. */
  static long stored(Cpu cpu, Insn insn) {
    return insn.vex ? cpu.lane.to : xmm(cpu, insn.rm);
  }

  /** Host address of the register that ModRM.rm names as the second source. */
  static long register(Cpu cpu, Insn insn) {
    return insn.vex ? cpu.lane.from : xmm(cpu, insn.rm);
  }

  /** Which lane is worked on. */
  static int lane(Cpu cpu, Insn insn) {
    return insn.vex ? cpu.lane.number : 0;
  }

  /** The table's opcode byte: tells the forms of one mnemonic apart. */
  static int opcode(Insn insn) {
    Form form = insn.form;
    return form == null ? 0 : form.opcode();
  }

  /** Host address of a 16-byte source, aligned in memory unless the form says otherwise. */
  static long source(Cpu cpu, Insn insn) {
    if (insn.vex) {
      return cpu.lane.from;
    }
    if (insn.rm >= 0) {
      return xmm(cpu, insn.rm);
    }
    Form form = insn.form;
    return memory(cpu, insn, form == null || form.aligned());
  }

  /** Host address of a 16-byte source that need not be aligned. */
  static long unaligned(Cpu cpu, Insn insn) {
    if (insn.vex) {
      return cpu.lane.from;
    }
    return insn.rm >= 0 ? xmm(cpu, insn.rm) : memory(cpu, insn, false);
  }

  private static long memory(Cpu cpu, Insn insn, boolean aligned) {
    return memory(cpu, insn, 16, aligned);
  }

  /** Host address of a copy of 1 to 8, 16 or 32 bytes of memory, aligned to them if asked. */
  static long memory(Cpu cpu, Insn insn, int size, boolean aligned) {
    long copy = cpu.state + CpuState.SCRATCH_SOURCE;
    long offset = cpu.effective(insn);
    if (size <= 8) {
      RawMemory.putLong(copy, cpu.load(insn.segment, offset, size));
      return copy;
    }
    long linear = cpu.linear(insn.segment, offset, size, false);
    if (aligned && (linear & (size - 1)) != 0) {
      throw cpu.gp();
    }
    long host = cpu.readHost(linear, size);
    if (host == 0) {
      cpu.checkLoad(insn.segment, offset, size);
    }
    for (int i = 0; i < size; i += 8) {
      RawMemory.putLong(
          copy + i,
          host != 0 ? MemoryOrder.load(host + i, 8) : cpu.load(insn.segment, offset + i, 8));
    }
    return copy;
  }

  /** A source of 1 to 8 bytes: the low part of an XMM register, or memory. */
  static long part(Cpu cpu, Insn insn, int size) {
    if (insn.vex || insn.rm >= 0) {
      long value = low(register(cpu, insn));
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

  /** Stores the 16 bytes of a register to memory, or 32 with those of its upper half. */
  static void store(Cpu cpu, Insn insn, boolean aligned, int register, int size) {
    long offset = cpu.effective(insn);
    long linear = cpu.linear(insn.segment, offset, size, true);
    if (aligned && (linear & (size - 1)) != 0) {
      throw cpu.gp();
    }
    long host = cpu.atomicHost(linear, size);
    if (host == 0) {
      cpu.checkStore(insn.segment, offset, size);
    }
    for (int i = 0; i < size; i += 8) {
      long from = i < 16 ? xmm(cpu, register) + i : ymmHigh(cpu, register) + i - 16;
      if (host != 0) {
        MemoryOrder.store(host + i, 8, RawMemory.getLong(from));
      } else {
        cpu.store(insn.segment, offset + i, 8, RawMemory.getLong(from));
      }
    }
  }

  /** Stores {@code size} bytes, up to 8, to memory. */
  static void storePart(Cpu cpu, Insn insn, int size, long value) {
    cpu.store(insn.segment, cpu.effective(insn), size, value);
  }
}
