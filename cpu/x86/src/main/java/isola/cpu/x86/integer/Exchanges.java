package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.MemoryOrder;
import isola.cpu.x86.decode.Insn;

/** XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B (Intel SDM vol. 2). */
final class Exchanges {
  private Exchanges() {}

  static void xchg(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    switch (Operands.shape(insn)) {
      case Z -> {
        long old = Operands.reg(cpu, insn, size);
        Operands.reg(cpu, insn, size, cpu.reg(Operands.RAX, size, true));
        cpu.reg(Operands.RAX, size, true, old);
      }
      default -> {
        long b = Operands.reg(cpu, insn, size);
        if (insn.rm >= 0) {
          long old = cpu.reg(insn.rm, size, insn.rex);
          cpu.reg(insn.rm, size, insn.rex, b);
          Operands.reg(cpu, insn, size, old);
        } else {
          // XCHG with memory is locked without a prefix.
          long offset = cpu.effective(insn);
          long old = Update.memory(cpu, insn.segment, offset, size, true, Arithmetic.MOVE, b);
          Operands.reg(cpu, insn, size, old);
        }
      }
    }
  }

  static void xadd(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long b = Operands.signed(Operands.reg(cpu, insn, size), size);
    if (insn.rm >= 0) {
      long a = Operands.signed(cpu.reg(insn.rm, size, insn.rex), size);
      long r = cpu.flags.add(a, b, Operands.unused(size));
      Operands.reg(cpu, insn, size, a);
      cpu.reg(insn.rm, size, insn.rex, r);
    } else {
      long old =
          Update.memory(
              cpu, insn.segment, cpu.effective(insn), size, insn.locked(), Arithmetic.ADD, b);
      Operands.reg(cpu, insn, size, old);
    }
  }

  static void cmpxchg(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    int unused = Operands.unused(size);
    long expected = Operands.signed(cpu.reg(Operands.RAX, size, true), size);
    long replacement = Operands.reg(cpu, insn, size);
    long old;
    if (insn.rm >= 0) {
      old = Operands.signed(cpu.reg(insn.rm, size, insn.rex), size);
      if (old == expected) {
        cpu.reg(insn.rm, size, insn.rex, replacement);
      }
    } else {
      old = inMemory(cpu, insn, size, expected, replacement);
    }
    cpu.flags.sub(expected, old, unused);
    if (old != expected) {
      cpu.reg(Operands.RAX, size, true, old);
    }
  }

  private static long inMemory(Cpu cpu, Insn insn, int size, long expected, long replacement) {
    long linear = cpu.linear(insn.segment, cpu.effective(insn), size, true);
    long host = cpu.atomicHost(linear, size);
    if (host != 0 && (host & 7) + size <= 8) {
      while (true) {
        long old = Operands.signed(MemoryOrder.load(host, size), size);
        if (old != expected || Update.cas(host, size, old, replacement)) {
          return old;
        }
      }
    }
    if (insn.locked()) {
      cpu.exclusive.enter();
    }
    try {
      long old = Operands.signed(cpu.loadCurrent(linear, size), size);
      cpu.storeCurrent(linear, size, old == expected ? replacement : old);
      return old;
    } finally {
      if (insn.locked()) {
        cpu.exclusive.leave();
      }
    }
  }

  /** CMPXCHG8B and CMPXCHG16B. */
  static void cmpxchgPair(Cpu cpu, Insn insn) {
    int half = insn.operandSize == 8 ? 8 : 4;
    long offset = cpu.effective(insn);
    long linear = cpu.linear(insn.segment, offset, half * 2, true);
    if (half == 8 && (linear & 15) != 0) {
      throw cpu.gp();
    }
    long expectedLow = cpu.reg(Operands.RAX, half, true);
    long expectedHigh = cpu.reg(Operands.RDX, half, true);
    long low = cpu.reg(Operands.RBX, half, true);
    long high = cpu.reg(Operands.RCX, half, true);
    boolean equal;
    if (half == 4) {
      long expected = expectedLow | (expectedHigh << 32);
      long old = inMemory(cpu, insn, 8, expected, low | (high << 32));
      equal = old == expected;
      if (!equal) {
        cpu.reg(Operands.RAX, 4, true, old);
        cpu.reg(Operands.RDX, 4, true, old >>> 32);
      }
    } else {
      equal = wide(cpu, linear, insn.locked(), expectedLow, expectedHigh, low, high);
    }
    cpu.zero(equal);
  }

  private static boolean wide(
      Cpu cpu,
      long linear,
      boolean locked,
      long expectedLow,
      long expectedHigh,
      long low,
      long high) {
    long host = cpu.atomicHost(linear, 16);
    // What does not match needs no exclusion if the host reads the halves without a change between.
    if (locked) {
      cpu.exclusive.enter();
    }
    try {
      long oldLow = host != 0 ? MemoryOrder.load(host, 8) : cpu.loadCurrent(linear, 8);
      long oldHigh = host != 0 ? MemoryOrder.load(host + 8, 8) : cpu.loadCurrent(linear + 8, 8);
      boolean equal = oldLow == expectedLow && oldHigh == expectedHigh;
      if (host == 0) {
        cpu.storeCurrent(linear, 8, equal ? low : oldLow);
        cpu.storeCurrent(linear + 8, 8, equal ? high : oldHigh);
      } else if (equal) {
        MemoryOrder.store(host, 8, low);
        MemoryOrder.store(host + 8, 8, high);
      }
      if (!equal) {
        cpu.gpr(Operands.RAX, oldLow);
        cpu.gpr(Operands.RDX, oldHigh);
      }
      return equal;
    } finally {
      if (locked) {
        cpu.exclusive.leave();
      }
    }
  }
}
