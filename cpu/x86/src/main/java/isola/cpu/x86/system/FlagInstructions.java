package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/** CLI, STI, PUSHF and POPF, which depend on mode, IOPL, VME and PVI (Intel SDM vol. 2). */
public final class FlagInstructions {
  private FlagInstructions() {}

  private static boolean iopl(Cpu cpu) {
    return !cpu.protectedMode()
        || cpu.cpl() <= (cpu.systemFlags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT;
  }

  /** Whether VIF stands in for IF: VME in virtual-8086 mode, PVI at level 3 (20.4). */
  private static boolean virtual(Cpu cpu) {
    return cpu.v86() ? (cpu.cr4() & Cr4.VME) != 0 : cpu.cpl() == 3 && (cpu.cr4() & Cr4.PVI) != 0;
  }

  /** CLI. */
  public static void cli(Cpu cpu) {
    if (iopl(cpu)) {
      cpu.interruptFlag(false);
    } else if (virtual(cpu)) {
      cpu.rflags(cpu.rflags() & ~(long) Rflags.VIF);
    } else {
      throw cpu.gp();
    }
  }

  /** STI; interrupts stay blocked for one more instruction if they were. */
  public static void sti(Cpu cpu) {
    if (iopl(cpu)) {
      if ((cpu.systemFlags() & Rflags.IF) == 0) {
        cpu.interruptFlag(true);
        cpu.intField(CpuState.INTERRUPT_SHADOW, 1);
        cpu.attention(Attention.BOUNDARY);
      }
    } else if (virtual(cpu) && (cpu.systemFlags() & Rflags.VIP) == 0) {
      cpu.rflags(cpu.rflags() | Rflags.VIF);
    } else {
      throw cpu.gp();
    }
  }

  /** PUSHF, PUSHFD, PUSHFQ. */
  public static void pushf(Cpu cpu, Insn insn) {
    long image = cpu.rflags() & ~(long) (Rflags.VM | Rflags.RF);
    if (cpu.v86() && !iopl(cpu)) {
      if ((cpu.cr4() & Cr4.VME) == 0 || insn.operandSize != 2) {
        throw cpu.gp();
      }
      image |= Rflags.IOPL;
      image = (image & Rflags.VIF) != 0 ? image | Rflags.IF : image & ~(long) Rflags.IF;
    }
    long at = Stack.above(cpu, -insn.operandSize);
    cpu.store(Segment.SS, at, insn.operandSize, image);
    Stack.setPointer(cpu, cpu.stackMask(), at);
  }

  /** POPF, POPFD, POPFQ. */
  public static void popf(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    boolean allowed = iopl(cpu);
    boolean virtual = cpu.v86() && !allowed;
    if (virtual && (size != 2 || (cpu.cr4() & Cr4.VME) == 0)) {
      throw cpu.gp();
    }
    long value = cpu.load(Segment.SS, Stack.above(cpu, 0), size);
    int mask = Rflags.STATUS | Rflags.TF | Rflags.DF | Rflags.NT;
    if (size != 2) {
      mask |= Rflags.AC | Rflags.ID;
    }
    if (virtual) {
      boolean enable = (value & Rflags.IF) != 0;
      if ((value & Rflags.TF) != 0 || (enable && (cpu.systemFlags() & Rflags.VIP) != 0)) {
        throw cpu.gp();
      }
      value = enable ? value | Rflags.VIF : value & ~(long) Rflags.VIF;
      mask |= Rflags.VIF;
    } else if (allowed) {
      mask |= Rflags.IF;
      if (cpu.cpl() == 0) {
        mask |= Rflags.IOPL;
      }
    }
    Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + size);
    cpu.rflags((cpu.rflags() & ~(long) (mask | Rflags.RF)) | (value & mask));
  }
}
