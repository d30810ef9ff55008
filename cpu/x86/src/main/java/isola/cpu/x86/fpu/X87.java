package isola.cpu.x86.fpu;

import static isola.cpu.x86.fpu.X87Spec.BUSY;
import static isola.cpu.x86.fpu.X87Spec.C1;
import static isola.cpu.x86.fpu.X87Spec.ES;
import static isola.cpu.x86.fpu.X87Spec.SF;
import static isola.cpu.x86.fpu.X87Spec.TOP;
import static isola.cpu.x86.fpu.X87Spec.TOP_SHIFT;

import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.arith.FloatSpec;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.state.CpuState;

/**
 * The x87 register stack, status and tags of a processor (Intel SDM vol. 1, 8.1). ST(0) is the
 * first register in memory, so a push or pop moves the others; tags go by physical register.
 */
public final class X87 {
  private X87() {}

  static int fsw(Cpu cpu) {
    return RawMemory.getShort(cpu.state + CpuState.FSW) & 0xffff;
  }

  static void fsw(Cpu cpu, int value) {
    RawMemory.putShort(cpu.state + CpuState.FSW, (short) value);
  }

  static int fcw(Cpu cpu) {
    return RawMemory.getShort(cpu.state + CpuState.FCW) & 0xffff;
  }

  /** Sets the control word; the summary of unmasked exceptions follows. */
  static void fcw(Cpu cpu, int value) {
    int word = (value & X87Spec.FCW_VALID) | X87Spec.FCW_ONE;
    RawMemory.putShort(cpu.state + CpuState.FCW, (short) word);
    summarize(cpu, fsw(cpu));
  }

  /** Sets the status word with ES and B as the masks make them. */
  static void summarize(Cpu cpu, int status) {
    boolean waiting = (status & ~fcw(cpu) & FloatSpec.EXCEPTIONS) != 0;
    fsw(cpu, waiting ? status | ES | BUSY : status & ~(ES | BUSY));
  }

  static int top(Cpu cpu) {
    return (fsw(cpu) & TOP) >> TOP_SHIFT;
  }

  static void top(Cpu cpu, int value) {
    fsw(cpu, (fsw(cpu) & ~TOP) | (value & 7) << TOP_SHIFT);
  }

  /** One bit for each physical register in use. */
  static int tags(Cpu cpu) {
    return RawMemory.getByte(cpu.state + CpuState.FTW) & 0xff;
  }

  static void tags(Cpu cpu, int value) {
    RawMemory.putByte(cpu.state + CpuState.FTW, (byte) value);
  }

  static boolean empty(Cpu cpu, int i) {
    return (tags(cpu) >> ((top(cpu) + i) & 7) & 1) == 0;
  }

  static void tag(Cpu cpu, int i, boolean used) {
    int bit = 1 << ((top(cpu) + i) & 7);
    tags(cpu, used ? tags(cpu) | bit : tags(cpu) & ~bit);
  }

  private static long at(Cpu cpu, int i) {
    return cpu.state + CpuState.ST + ((i & 7) << 4);
  }

  /** Sign and exponent of ST(i), whatever its tag. */
  static int se(Cpu cpu, int i) {
    return RawMemory.getShort(at(cpu, i) + 8) & 0xffff;
  }

  /** Significand of ST(i), whatever its tag. */
  static long significand(Cpu cpu, int i) {
    return RawMemory.getLong(at(cpu, i));
  }

  /** Significand of physical register {@code r}: an MMX register. */
  public static long physical(Cpu cpu, int r) {
    return significand(cpu, r - top(cpu));
  }

  /** Sets ST(i) and tags it used. */
  static void st(Cpu cpu, int i, int se, long significand) {
    RawMemory.putLong(at(cpu, i), significand);
    RawMemory.putLong(at(cpu, i) + 8, se);
    tag(cpu, i, true);
  }

  /** Turns the stack: ST(1) becomes ST(0) for 1, ST(0) becomes ST(1) for -1. Tags stay. */
  static void rotate(Cpu cpu, int by) {
    long first = cpu.state + CpuState.ST;
    if (by > 0) {
      long low = RawMemory.getLong(first);
      long high = RawMemory.getLong(first + 8);
      for (long p = first; p < first + 112; p += 8) {
        RawMemory.putLong(p, RawMemory.getLong(p + 16));
      }
      RawMemory.putLong(first + 112, low);
      RawMemory.putLong(first + 120, high);
    } else {
      long low = RawMemory.getLong(first + 112);
      long high = RawMemory.getLong(first + 120);
      for (long p = first + 120; p >= first + 16; p -= 8) {
        RawMemory.putLong(p, RawMemory.getLong(p - 16));
      }
      RawMemory.putLong(first, low);
      RawMemory.putLong(first + 8, high);
    }
    top(cpu, top(cpu) + by);
  }

  /** Makes physical register 0 the top, as MMX instructions do, without a register's moving. */
  public static void topZero(Cpu cpu) {
    while (top(cpu) != 0) {
      rotate(cpu, 1);
    }
  }

  static void pop(Cpu cpu) {
    tag(cpu, 0, false);
    rotate(cpu, 1);
  }

  static void push(Cpu cpu, int se, long significand) {
    rotate(cpu, -1);
    st(cpu, 0, se, significand);
  }

  /** Starts an instruction that computes: arithmetic as the control word says, C1 clear. */
  static Float80 begin(Cpu cpu) {
    Float80 f = cpu.float80;
    f.control(fcw(cpu));
    f.begin();
    fsw(cpu, fsw(cpu) & ~C1);
    return f;
  }

  /**
   * Writes what was raised to the status word.
   *
   * @return whether a result may be stored
   */
  static boolean end(Cpu cpu, Float80 f) {
    int raised = f.raised();
    if (raised != 0 || f.roundedUp()) {
      boolean delivered = f.delivered();
      int status = fsw(cpu) | raised;
      if (f.roundedUp() && delivered) {
        status |= C1;
      }
      if (f.unmasked()) {
        status |= ES | BUSY;
      }
      fsw(cpu, status);
      return delivered;
    }
    return true;
  }

  /**
   * Raises a stack fault; the default NaN becomes the result.
   *
   * @return whether the exception is masked
   */
  static boolean stackFault(Cpu cpu, Float80 f, boolean overflow) {
    fsw(cpu, (fsw(cpu) & ~C1) | SF | (overflow ? C1 : 0));
    f.invalid();
    return end(cpu, f);
  }

  /** Stores the result of {@code f} as a new ST(0), or raises what stands against it. */
  static void pushResult(Cpu cpu, Float80 f) {
    if (!empty(cpu, 7)) {
      f.begin();
      if (stackFault(cpu, f, true)) {
        push(cpu, f.se(), f.significand());
      }
      return;
    }
    // A denormal is loaded even when its exception is not masked.
    if (end(cpu, f) || !f.unmaskedInvalid()) {
      push(cpu, f.se(), f.significand());
    }
  }
}
