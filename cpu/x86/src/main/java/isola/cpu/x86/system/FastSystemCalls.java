package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT (Intel SDM vol. 2B; vol. 3A 5.8.7 and 5.8.8) and the
 * instructions about FS and GS bases.
 */
final class FastSystemCalls {
  private static final int FLAT = Attribute.S | Attribute.P | Attribute.G | Attribute.ACCESSED;
  private static final int CODE = FLAT | Attribute.CODE | Attribute.READABLE;
  private static final int STACK = FLAT | Attribute.WRITABLE | Attribute.DB;
  private static final long LIMIT = 0xffff_ffffL;

  /** RFLAGS bits that SYSRET takes from R11: all but RF and VM. */
  private static final int SYSRET_FLAGS = 0x3c7fd7;

  private FastSystemCalls() {}

  private static void enter(Cpu cpu, int code, int stack, int privilege, int width) {
    int dpl = privilege << Attribute.DPL_SHIFT;
    cpu.segment(Segment.CS, code | privilege, CODE | dpl | width, 0, LIMIT);
    cpu.segment(Segment.SS, stack | privilege, STACK | dpl, 0, LIMIT);
    cpu.cpl(privilege);
  }

  /** SYSCALL, which on Intel processors exists in 64-bit code alone. */
  static void syscall(Cpu cpu) {
    if (!cpu.is64() || (cpu.efer() & Efer.SCE) == 0) {
      throw cpu.ud();
    }
    long flags = cpu.rflags() & ~(long) Rflags.RF;
    cpu.gpr(1, cpu.nextRip());
    cpu.gpr(11, flags);
    cpu.nextRip(cpu.field(CpuState.LSTAR));
    int selector = (int) (cpu.field(CpuState.STAR) >>> 32) & 0xfffc;
    enter(cpu, selector, selector + 8 & 0xffff, 0, Attribute.L);
    cpu.rflags(flags & ~cpu.field(CpuState.SFMASK));
  }

  /** SYSRET; a return address that is not canonical faults here, still at level 0. */
  static void sysret(Cpu cpu, int operandSize) {
    if (!cpu.is64() || (cpu.efer() & Efer.SCE) == 0) {
      throw cpu.ud();
    }
    SegmentLoads.requirePrivileged(cpu);
    boolean wide = operandSize == 8;
    long rip = wide ? cpu.gpr(1) : cpu.gpr(1) & LIMIT;
    Canonical.require(cpu, rip);
    long flags = (cpu.gpr(11) & SYSRET_FLAGS) | Rflags.RESERVED_1;
    int base = (int) (cpu.field(CpuState.STAR) >>> 48);
    int code = (wide ? base + 16 : base) & 0xffff;
    enter(cpu, code | 3, (base + 8 & 0xffff) | 3, 3, wide ? Attribute.L : Attribute.DB);
    cpu.rflags(flags);
    cpu.nextRip(rip);
  }

  static void sysenter(Cpu cpu) {
    int selector = (int) cpu.field(CpuState.SYSENTER_CS) & 0xfffc;
    if (!cpu.protectedMode() || selector == 0) {
      throw cpu.gp();
    }
    boolean longMode = cpu.longModeActive();
    long mask = longMode ? -1L : LIMIT;
    cpu.rflags(cpu.rflags() & ~(long) (Rflags.VM | Rflags.IF | Rflags.RF));
    cpu.gpr(4, cpu.field(CpuState.SYSENTER_ESP) & mask);
    cpu.nextRip(cpu.field(CpuState.SYSENTER_EIP) & mask);
    enter(cpu, selector, selector + 8 & 0xffff, 0, longMode ? Attribute.L : Attribute.DB);
  }

  static void sysexit(Cpu cpu, int operandSize) {
    int selector = (int) cpu.field(CpuState.SYSENTER_CS) & 0xfffc;
    if (!cpu.protectedMode() || selector == 0) {
      throw cpu.gp();
    }
    SegmentLoads.requirePrivileged(cpu);
    boolean wide = operandSize == 8;
    long rip = cpu.gpr(2);
    long rsp = cpu.gpr(1);
    if (wide) {
      Canonical.require(cpu, rip);
      Canonical.require(cpu, rsp);
    }
    int code = selector + (wide ? 32 : 16) & 0xffff;
    enter(cpu, code, code + 8 & 0xffff, 3, wide ? Attribute.L : Attribute.DB);
    cpu.gpr(4, wide ? rsp : rsp & LIMIT);
    cpu.nextRip(wide ? rip : rip & LIMIT);
  }

  static void swapgs(Cpu cpu) {
    SegmentLoads.requirePrivileged(cpu);
    long base = cpu.base(Segment.GS);
    setBase(cpu, Segment.GS, cpu.field(CpuState.KERNEL_GS_BASE));
    cpu.field(CpuState.KERNEL_GS_BASE, base);
  }

  static void readBase(Cpu cpu, int seg, int register, int size) {
    requireFsgsbase(cpu);
    cpu.reg(register, size, true, cpu.base(seg));
  }

  static void writeBase(Cpu cpu, int seg, int register, int size) {
    requireFsgsbase(cpu);
    long base = cpu.reg(register, size, true);
    Canonical.requireBase(cpu, base);
    setBase(cpu, seg, base);
  }

  private static void requireFsgsbase(Cpu cpu) {
    if (!cpu.is64() || (cpu.cr4() & Cr4.FSGSBASE) == 0) {
      throw cpu.ud();
    }
  }

  private static void setBase(Cpu cpu, int seg, long base) {
    cpu.segment(seg, cpu.selector(seg), cpu.attributes(seg), base, cpu.limit(seg));
  }
}
