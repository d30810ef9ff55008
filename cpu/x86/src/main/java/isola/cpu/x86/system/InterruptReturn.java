package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/** IRET, IRETD and IRETQ in every mode (Intel SDM vol. 2A IRET). */
final class InterruptReturn {
  private static final int LOW = Rflags.STATUS | Rflags.TF | Rflags.DF | Rflags.NT;
  private static final int HIGH = Rflags.RF | Rflags.AC | Rflags.ID;

  private InterruptReturn() {}

  static void iret(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    if (!cpu.protectedMode()) {
      fromReal(cpu, size);
    } else if (cpu.v86()) {
      fromV86(cpu, size);
    } else if ((cpu.systemFlags() & Rflags.NT) != 0) {
      if (cpu.longModeActive()) {
        throw cpu.gp();
      }
      TaskSwitch.toLinked(cpu);
    } else {
      fromProtected(cpu, size);
    }
    cpu.intField(CpuState.NMI_BLOCKED, 0);
  }

  private static long slot(Cpu cpu, int number, int size) {
    return cpu.load(Segment.SS, Stack.above(cpu, (long) number * size), size);
  }

  private static void setFlags(Cpu cpu, long flags, int mask) {
    cpu.rflags((cpu.rflags() & ~(long) mask) | (flags & mask));
  }

  private static void fromReal(Cpu cpu, int size) {
    long rip = slot(cpu, 0, size);
    int selector = (int) slot(cpu, 1, size) & 0xffff;
    long flags = slot(cpu, 2, size);
    if (rip > cpu.limit(Segment.CS)) {
      throw cpu.gp();
    }
    Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + 3L * size);
    CodeSegment.loadReal(cpu, selector);
    int mask = LOW | Rflags.IF | Rflags.IOPL | (size == 2 ? 0 : HIGH);
    setFlags(cpu, flags, mask);
    cpu.nextRip(rip);
  }

  private static void fromV86(Cpu cpu, int size) {
    boolean allowed = (cpu.systemFlags() & Rflags.IOPL) == Rflags.IOPL;
    boolean virtual = !allowed && size == 2 && (cpu.cr4() & Cr4.VME) != 0;
    if (!allowed && !virtual) {
      throw cpu.gp();
    }
    long rip = slot(cpu, 0, size);
    int selector = (int) slot(cpu, 1, size) & 0xffff;
    long flags = slot(cpu, 2, size);
    if (rip > 0xffff) {
      throw cpu.gp();
    }
    int mask = LOW | (size == 2 ? 0 : HIGH);
    if (virtual) {
      boolean enable = (flags & Rflags.IF) != 0;
      boolean pending = (cpu.systemFlags() & Rflags.VIP) != 0;
      if ((flags & Rflags.TF) != 0 || (enable && pending)) {
        throw cpu.gp();
      }
      flags = enable ? flags | Rflags.VIF : flags & ~(long) Rflags.VIF;
      mask |= Rflags.VIF;
    } else {
      mask |= Rflags.IF;
    }
    Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + 3L * size);
    CodeSegment.loadV86(cpu, selector);
    setFlags(cpu, flags, mask);
    cpu.nextRip(rip);
  }

  private static void fromProtected(Cpu cpu, int size) {
    long rip = slot(cpu, 0, size);
    int selector = (int) slot(cpu, 1, size) & 0xffff;
    long flags = slot(cpu, 2, size);
    if (size == 4 && (flags & Rflags.VM) != 0 && cpu.cpl() == 0 && !cpu.longModeActive()) {
      toV86(cpu, rip, selector, flags);
      return;
    }
    int mask = mask(cpu, size);
    long address = FarReturn.checkSelector(cpu, selector);
    long d = FarReturn.checkCode(cpu, selector, address);
    int rpl = selector & DescriptorSpec.RPL;
    if (rpl == cpu.cpl() && !cpu.is64()) {
      CodeSegment.checkOffset(cpu, d, rip);
      d = DescriptorTables.access(cpu, address, d);
      Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + 3L * size);
      CodeSegment.load(cpu, selector, d, rpl);
      cpu.nextRip(rip);
    } else {
      long pointer = slot(cpu, 3, size);
      int stackSelector = (int) slot(cpu, 4, size) & 0xffff;
      FarReturn.outward(cpu, selector, address, d, rip, stackSelector, pointer, 0);
    }
    setFlags(cpu, flags, mask);
  }

  /** Flags that an IRET at this level may change. */
  private static int mask(Cpu cpu, int size) {
    int mask = LOW | (size == 2 ? 0 : HIGH);
    int iopl = (cpu.systemFlags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT;
    if (cpu.cpl() <= iopl) {
      mask |= Rflags.IF;
    }
    if (cpu.cpl() == 0) {
      mask |= Rflags.IOPL | (size == 2 ? 0 : Rflags.VIF | Rflags.VIP);
    }
    return mask;
  }

  private static void toV86(Cpu cpu, long rip, int selector, long flags) {
    long pointer = slot(cpu, 3, 4);
    int ss = (int) slot(cpu, 4, 4) & 0xffff;
    int es = (int) slot(cpu, 5, 4) & 0xffff;
    int ds = (int) slot(cpu, 6, 4) & 0xffff;
    int fs = (int) slot(cpu, 7, 4) & 0xffff;
    int gs = (int) slot(cpu, 8, 4) & 0xffff;
    if (rip > 0xffff) {
      throw cpu.gp();
    }
    cpu.rflags((flags & Rflags.DEFINED) | Rflags.RESERVED_1);
    cpu.cpl(3);
    SegmentLoads.loadV86(cpu, Segment.CS, selector);
    SegmentLoads.loadV86(cpu, Segment.SS, ss);
    SegmentLoads.loadV86(cpu, Segment.ES, es);
    SegmentLoads.loadV86(cpu, Segment.DS, ds);
    SegmentLoads.loadV86(cpu, Segment.FS, fs);
    SegmentLoads.loadV86(cpu, Segment.GS, gs);
    cpu.modeChanged();
    cpu.gpr(4, pointer);
    cpu.nextRip(rip);
  }
}
