package isola.cpu.x86.integer;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.MemoryOrder;

/**
 * Reads, changes and writes a memory operand: all faults come first, and a locked one is atomic
 * against every processor.
 */
public final class Update {
  private Update() {}

  /**
   * Applies an operation of {@link Arithmetic} to memory and sets the flags; returns the old value,
   * sign-extended.
   */
  static long memory(
      Cpu cpu, int segment, long offset, int size, boolean locked, int operation, long b) {
    int unused = Operands.unused(size);
    long linear = cpu.linear(segment, offset, size, true);
    long host = cpu.atomicHost(linear, size);
    if (host == 0) {
      return slow(cpu, linear, size, locked, operation, b);
    }
    if (!locked) {
      long old = Operands.signed(MemoryOrder.load(host, size), size);
      MemoryOrder.store(host, size, Arithmetic.apply(cpu.flags, operation, old, b, unused));
      return old;
    }
    if ((host & 7) + size > 8) {
      cpu.exclusive.enter();
      try {
        long old = Operands.signed(MemoryOrder.load(host, size), size);
        MemoryOrder.store(host, size, Arithmetic.apply(cpu.flags, operation, old, b, unused));
        return old;
      } finally {
        cpu.exclusive.leave();
      }
    }
    long carry = cpu.flags.carry;
    while (true) {
      long old = Operands.signed(MemoryOrder.load(host, size), size);
      // ADC and SBB read CF, and a lost race computes them again.
      cpu.flags.carry = carry;
      long r = Arithmetic.apply(cpu.flags, operation, old, b, unused);
      if (cas(host, size, old, r)) {
        return old;
      }
    }
  }

  private static long slow(Cpu cpu, long linear, int size, boolean locked, int operation, long b) {
    int unused = Operands.unused(size);
    if (locked) {
      cpu.exclusive.enter();
    }
    try {
      long old = Operands.signed(cpu.loadCurrent(linear, size), size);
      long r = Arithmetic.apply(cpu.flags, operation, old, b, unused);
      cpu.storeCurrent(linear, size, r);
      return old;
    } finally {
      if (locked) {
        cpu.exclusive.leave();
      }
    }
  }

  /** Compare and set of bytes that lie inside an aligned word of 8. */
  static boolean cas(long host, int size, long expected, long value) {
    if ((host & (size - 1)) == 0) {
      return switch (size) {
        case 1 -> RawMemory.casByte(host, (byte) expected, (byte) value);
        case 2 -> RawMemory.casShort(host, (short) expected, (short) value);
        case 4 -> RawMemory.casInt(host, (int) expected, (int) value);
        default -> RawMemory.casLong(host, expected, value);
      };
    }
    long word = host & -8;
    int shift = (int) (host & 7) * 8;
    long mask = (-1L >>> Operands.unused(size)) << shift;
    long old = RawMemory.getLong(word);
    if ((old & mask) != ((expected << shift) & mask)) {
      return false;
    }
    return RawMemory.casLong(word, old, (old & ~mask) | ((value << shift) & mask));
  }
}
