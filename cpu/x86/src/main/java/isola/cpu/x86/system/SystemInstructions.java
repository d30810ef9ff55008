package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/** Executes the instructions of the group SYSTEM, and says which part of this package does what. */
public final class SystemInstructions {
  private SystemInstructions() {}

  /** Executes one instruction. */
  public static void execute(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case MOV -> move(cpu, insn);
      case POP -> popSegment(cpu, insn);
      case LES -> loadFarPointer(cpu, insn, Segment.ES);
      case LDS -> loadFarPointer(cpu, insn, Segment.DS);
      case LSS -> loadFarPointer(cpu, insn, Segment.SS);
      case LFS -> loadFarPointer(cpu, insn, Segment.FS);
      case LGS -> loadFarPointer(cpu, insn, Segment.GS);
      case JMPF -> FarTransfer.jump(cpu, insn);
      case CALLF -> FarTransfer.call(cpu, insn);
      case RETF -> FarTransfer.ret(cpu, insn);
      case IRET -> InterruptReturn.iret(cpu, insn);
      case INT -> Events.software(cpu, EventKind.SOFTWARE_INT, (int) insn.imm & 0xff);
      case INT3 -> Events.software(cpu, EventKind.INT3, Vector.BP);
      case INT1 -> Events.software(cpu, EventKind.ICEBP, Vector.DB);
      case INTO -> {
        if ((cpu.statusFlags() & Rflags.OF) != 0) {
          Events.software(cpu, EventKind.INTO, Vector.OF);
        }
      }
      case SYSCALL -> FastSystemCalls.syscall(cpu);
      case SYSRET -> FastSystemCalls.sysret(cpu, insn.operandSize);
      case SYSENTER -> FastSystemCalls.sysenter(cpu);
      case SYSEXIT -> FastSystemCalls.sysexit(cpu, insn.operandSize);
      case SWAPGS -> FastSystemCalls.swapgs(cpu);
      case RDFSBASE -> FastSystemCalls.readBase(cpu, Segment.FS, insn.rm, insn.operandSize);
      case RDGSBASE -> FastSystemCalls.readBase(cpu, Segment.GS, insn.rm, insn.operandSize);
      case WRFSBASE -> FastSystemCalls.writeBase(cpu, Segment.FS, insn.rm, insn.operandSize);
      case WRGSBASE -> FastSystemCalls.writeBase(cpu, Segment.GS, insn.rm, insn.operandSize);
      case PUSHF -> FlagInstructions.pushf(cpu, insn);
      case POPF -> FlagInstructions.popf(cpu, insn);
      case CLI -> FlagInstructions.cli(cpu);
      case STI -> FlagInstructions.sti(cpu);
      case CLAC -> alignmentFlag(cpu, false);
      case STAC -> alignmentFlag(cpu, true);
      default -> registers(cpu, insn);
    }
  }

  private static void registers(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case SGDT -> storeTable(cpu, insn, CpuState.GDTR_BASE, CpuState.GDTR_LIMIT);
      case SIDT -> storeTable(cpu, insn, CpuState.IDTR_BASE, CpuState.IDTR_LIMIT);
      case LGDT -> loadTable(cpu, insn, CpuState.GDTR_BASE, CpuState.GDTR_LIMIT);
      case LIDT -> loadTable(cpu, insn, CpuState.IDTR_BASE, CpuState.IDTR_LIMIT);
      case SLDT -> {
        requireProtected(cpu);
        storeWord(cpu, insn, cpu.selector(Segment.LDTR));
      }
      case STR -> {
        requireProtected(cpu);
        storeWord(cpu, insn, cpu.selector(Segment.TR));
      }
      case SMSW -> storeWord(cpu, insn, cpu.cr0());
      case LMSW -> {
        SegmentLoads.requirePrivileged(cpu);
        ControlRegisters.lmsw(cpu, operand16(cpu, insn));
      }
      case LLDT -> {
        requireProtected(cpu);
        SegmentLoads.requirePrivileged(cpu);
        SegmentLoads.lldt(cpu, operand16(cpu, insn));
      }
      case LTR -> {
        requireProtected(cpu);
        SegmentLoads.requirePrivileged(cpu);
        SegmentLoads.ltr(cpu, operand16(cpu, insn));
      }
      case VERR -> {
        requireProtected(cpu);
        SelectorQueries.verify(cpu, operand16(cpu, insn), false);
      }
      case VERW -> {
        requireProtected(cpu);
        SelectorQueries.verify(cpu, operand16(cpu, insn), true);
      }
      case LAR -> {
        requireProtected(cpu);
        SelectorQueries.lar(cpu, insn, operand16(cpu, insn));
      }
      case LSL -> {
        requireProtected(cpu);
        SelectorQueries.lsl(cpu, insn, operand16(cpu, insn));
      }
      case ARPL -> {
        requireProtected(cpu);
        SelectorQueries.arpl(cpu, insn);
      }
      case CLTS -> {
        SegmentLoads.requirePrivileged(cpu);
        ControlRegisters.clts(cpu);
      }
      case INVLPG -> {
        SegmentLoads.requirePrivileged(cpu);
        Translations.invlpg(cpu, insn);
      }
      case INVPCID -> Translations.invpcid(cpu, insn);
      case INVD, WBINVD -> SegmentLoads.requirePrivileged(cpu);
      // Caches are coherent here; what stays of it is the access's right to its memory.
      case CLFLUSH -> cpu.checkLoad(insn.segment, cpu.effective(insn), 1);
      default -> rest(cpu, insn);
    }
  }

  private static void rest(Cpu cpu, Insn insn) {
    switch (insn.op) {
      case RDMSR -> {
        SegmentLoads.requirePrivileged(cpu);
        long value = Msrs.read(cpu, (int) cpu.gpr(1));
        cpu.gpr(0, value & 0xffff_ffffL);
        cpu.gpr(2, value >>> 32);
      }
      case WRMSR -> {
        SegmentLoads.requirePrivileged(cpu);
        Msrs.write(cpu, (int) cpu.gpr(1), (cpu.gpr(0) & 0xffff_ffffL) | cpu.gpr(2) << 32);
      }
      case RDTSC -> Tsc.rdtsc(cpu);
      case RDTSCP -> {
        Tsc.rdtsc(cpu);
        cpu.gpr(1, cpu.field(CpuState.TSC_AUX) & 0xffff_ffffL);
      }
      // No counter is offered, so every index is wrong.
      case RDPMC -> throw cpu.gp();
      case CPUID -> CpuidInstruction.cpuid(cpu);
      case RDRAND, RDSEED -> {
        cpu.reg(insn.rm, insn.operandSize, true, cpu.wiring.entropy().next());
        cpu.statusFlags(Rflags.CF);
      }
      case FXSAVE -> ExtendedState.fxsave(cpu, insn);
      case FXRSTOR -> ExtendedState.fxrstor(cpu, insn);
      case XSAVE -> ExtendedState.xsave(cpu, insn, false);
      case XSAVEOPT -> ExtendedState.xsave(cpu, insn, true);
      case XSAVEC -> ExtendedState.xsavec(cpu, insn, false);
      case XSAVES -> ExtendedState.xsavec(cpu, insn, true);
      case XRSTOR -> ExtendedState.xrstor(cpu, insn, false);
      case XRSTORS -> ExtendedState.xrstor(cpu, insn, true);
      case XGETBV -> ExtendedState.xgetbv(cpu);
      case XSETBV -> ExtendedState.xsetbv(cpu);
      case RDPKRU -> ExtendedState.rdpkru(cpu);
      case WRPKRU -> ExtendedState.wrpkru(cpu);
      case VMCALL, VMMCALL -> Hypercalls.call(cpu);
      // MONITOR, MWAIT, RSM and others that CPUID does not offer.
      default -> throw cpu.ud();
    }
  }

  private static void requireProtected(Cpu cpu) {
    if (!cpu.protectedMode() || cpu.v86()) {
      throw cpu.ud();
    }
  }

  private static void alignmentFlag(Cpu cpu, boolean set) {
    if (cpu.cpl() != 0) {
      throw cpu.ud();
    }
    long flags = cpu.rflags();
    cpu.rflags(set ? flags | Rflags.AC : flags & ~(long) Rflags.AC);
  }

  private static int operand16(Cpu cpu, Insn insn) {
    return (int)
        (insn.rm >= 0 ? cpu.reg(insn.rm, 2, true) : cpu.load(insn.segment, cpu.effective(insn), 2));
  }

  /** UMIP: the five instructions that tell where system tables are (Intel SDM vol. 3A 2.5). */
  private static void checkUmip(Cpu cpu) {
    if ((cpu.cr4() & Cr4.UMIP) != 0 && cpu.cpl() != 0) {
      throw cpu.gp();
    }
  }

  /** SLDT, STR, SMSW: 16 bits to memory, the operand size to a register. */
  private static void storeWord(Cpu cpu, Insn insn, long value) {
    checkUmip(cpu);
    if (insn.rm >= 0) {
      cpu.reg(insn.rm, insn.operandSize, true, value);
    } else {
      cpu.store(insn.segment, cpu.effective(insn), 2, value);
    }
  }

  private static void storeTable(Cpu cpu, Insn insn, int base, int limit) {
    checkUmip(cpu);
    long at = cpu.effective(insn);
    int size = cpu.is64() ? 8 : 4;
    cpu.checkStore(insn.segment, at, 2 + size);
    cpu.store(insn.segment, at, 2, cpu.field(limit));
    cpu.store(insn.segment, at + 2, size, cpu.field(base));
  }

  private static void loadTable(Cpu cpu, Insn insn, int base, int limit) {
    SegmentLoads.requirePrivileged(cpu);
    long at = cpu.effective(insn);
    long bytes = cpu.load(insn.segment, at, 2);
    long address = cpu.load(insn.segment, at + 2, cpu.is64() ? 8 : 4);
    if (cpu.is64()) {
      Canonical.requireBase(cpu, address);
    } else if (insn.operandSize == 2) {
      address &= 0xff_ffff;
    }
    cpu.field(base, address);
    cpu.field(limit, bytes);
  }

  /** MOV to a segment register, and to and from control and debug registers. */
  private static void move(Cpu cpu, Insn insn) {
    int size = cpu.is64() ? 8 : 4;
    switch (insn.opcode()) {
      case 0x8e -> {
        if (insn.reg == Segment.CS) {
          throw cpu.ud();
        }
        SegmentLoads.load(cpu, insn.reg, operand16(cpu, insn));
        if (insn.reg == Segment.SS) {
          SegmentLoads.shadowStackLoad(cpu);
        }
      }
      case 0x20 -> {
        requireControl(cpu, insn.reg);
        cpu.reg(insn.rm, size, true, ControlRegisters.read(cpu, insn.reg));
      }
      case 0x22 -> {
        requireControl(cpu, insn.reg);
        ControlRegisters.write(cpu, insn.reg, cpu.reg(insn.rm, size, true));
      }
      case 0x21 -> cpu.reg(insn.rm, size, true, DebugRegisters.read(cpu, insn.reg));
      case 0x23 -> DebugRegisters.write(cpu, insn.reg, cpu.reg(insn.rm, size, true));
      default -> throw cpu.ud();
    }
  }

  private static void requireControl(Cpu cpu, int number) {
    if (number != 0 && number != 2 && number != 3 && number != 4 && number != 8) {
      throw cpu.ud();
    }
    SegmentLoads.requirePrivileged(cpu);
  }

  private static void popSegment(Cpu cpu, Insn insn) {
    int seg = insn.opcode() >>> 3 & 7;
    long pointer = cpu.gpr(4);
    long mask = cpu.stackMask();
    // Two bytes are read whatever the operand size, as processors do.
    int selector = (int) cpu.load(Segment.SS, Stack.above(cpu, 0), 2);
    SegmentLoads.load(cpu, seg, selector);
    Stack.setPointer(cpu, mask, pointer + insn.operandSize);
    if (seg == Segment.SS) {
      SegmentLoads.shadowStackLoad(cpu);
    }
  }

  private static void loadFarPointer(Cpu cpu, Insn insn, int seg) {
    long at = cpu.effective(insn);
    long offset = cpu.load(insn.segment, at, insn.operandSize);
    int selector = (int) cpu.load(insn.segment, at + insn.operandSize, 2);
    SegmentLoads.load(cpu, seg, selector);
    cpu.reg(insn.reg, insn.operandSize, true, offset);
  }
}
