package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/** Debug registers and the conditions of #DB (Intel SDM vol. 3B 17.2 and 17.3). */
public final class DebugRegisters {
  private DebugRegisters() {}

  /** MOV from a debug register, privilege being checked. */
  static long read(Cpu cpu, int number) {
    return cpu.field(offset(cpu, number));
  }

  /** MOV to a debug register, privilege being checked. */
  static void write(Cpu cpu, int number, long value) {
    int offset = offset(cpu, number);
    switch (offset) {
      case CpuState.DR6 -> {
        requireLow(cpu, value);
        cpu.field(offset, (value & DebugSpec.DR6_WRITABLE) | (DebugSpec.DR6_FIXED & 0xffff_ffffL));
      }
      case CpuState.DR7 -> {
        requireLow(cpu, value);
        cpu.field(offset, (value & DebugSpec.DR7_WRITABLE & 0xffff_ffffL) | DebugSpec.DR7_FIXED);
        cpu.modeChanged();
        cpu.attention(Attention.BOUNDARY);
      }
      default -> {
        cpu.field(offset, value);
        cpu.modeChanged();
      }
    }
  }

  private static void requireLow(Cpu cpu, long value) {
    if (value >>> 32 != 0) {
      throw cpu.gp();
    }
  }

  /** Where the state keeps the register; DR4 and DR5 are DR6 and DR7 unless CR4.DE. */
  private static int offset(Cpu cpu, int number) {
    if (number > 7 || ((number == 4 || number == 5) && (cpu.cr4() & Cr4.DE) != 0)) {
      throw cpu.ud();
    }
    if (cpu.cpl() != 0) {
      throw cpu.gp();
    }
    if ((cpu.field(CpuState.DR7) & DebugSpec.GD) != 0) {
      cpu.field(CpuState.DR6, cpu.field(CpuState.DR6) | DebugSpec.BD);
      throw cpu.fault(Vector.DB);
    }
    return switch (number) {
      case 4, 6 -> CpuState.DR6;
      case 5, 7 -> CpuState.DR7;
      default -> CpuState.DR + number * 8;
    };
  }

  /** Asks for a #DB trap with these DR6 bits at the next instruction boundary. */
  static void post(Cpu cpu, int bits) {
    cpu.postDebug(bits);
  }

  /**
   * Records in DR6 what a #DB that is about to be delivered stands for.
   *
   * @param bits DR6 bits: breakpoints 3:0, BS, BT
   */
  public static void record(Cpu cpu, int bits) {
    long old = cpu.field(CpuState.DR6) & ~(long) DebugSpec.B_MASK;
    cpu.field(CpuState.DR6, old | bits);
  }

  /** Whether any breakpoint on instructions is enabled. */
  public static boolean watchesCode(Cpu cpu) {
    return watches((int) cpu.field(CpuState.DR7), DebugSpec.EXECUTE);
  }

  /** Whether any breakpoint on ports is enabled. */
  public static boolean watchesPorts(Cpu cpu) {
    return (cpu.cr4() & Cr4.DE) != 0 && watches((int) cpu.field(CpuState.DR7), DebugSpec.IO);
  }

  private static boolean watches(int control, int kind) {
    if ((control & DebugSpec.ENABLES) == 0) {
      return false;
    }
    for (int n = 0; n < 4; n++) {
      if (enabled(control, n) && kind(control, n) == kind) {
        return true;
      }
    }
    return false;
  }

  private static boolean enabled(int control, int n) {
    return (control >>> (2 * n) & 3) != 0;
  }

  private static int kind(int control, int n) {
    return control >>> (16 + 4 * n) & 3;
  }

  /** DR6 bits of the breakpoints on the instruction at a linear address; RF is the caller's. */
  public static int codeHits(Cpu cpu, long linear) {
    int control = (int) cpu.field(CpuState.DR7);
    int hits = 0;
    for (int n = 0; n < 4; n++) {
      if (enabled(control, n)
          && kind(control, n) == DebugSpec.EXECUTE
          && cpu.field(CpuState.DR + 8 * n) == linear) {
        hits |= 1 << n;
      }
    }
    return hits;
  }

  /** Posts the trap of breakpoints on an access of {@code size} bytes at a port. */
  public static void port(Cpu cpu, int port, int size) {
    int control = (int) cpu.field(CpuState.DR7);
    int hits = 0;
    for (int n = 0; n < 4; n++) {
      if (enabled(control, n) && kind(control, n) == DebugSpec.IO) {
        int code = control >>> (18 + 4 * n) & 3;
        int length = code == 2 ? 8 : code + 1;
        long at = cpu.field(CpuState.DR + 8 * n) & -length;
        if (port < at + length && at < port + size) {
          hits |= 1 << n;
        }
      }
    }
    if (hits != 0) {
      post(cpu, hits);
    }
  }
}
