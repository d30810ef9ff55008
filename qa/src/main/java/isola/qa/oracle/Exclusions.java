package isola.qa.oracle;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Op;

/** Instructions that cannot be compared with the host processor, each with the reason. */
final class Exclusions {
  private Exclusions() {}

  /** Whether a row of the table is left out. */
  static boolean excluded(Form form) {
    if (form.group() == Group.SYSTEM) {
      // The others depend on the host's operating system, or change what user code cannot restore.
      return !privileged(form) && !alone(form);
    }
    for (String operand : form.operands()) {
      if (operand.equals("Sw") && form.rmIsDestination()) {
        // The host's selectors are its own.
        return true;
      }
    }
    return switch (form.op()) {
      // Would enter the host's kernel or debugger.
      case INT, INT1, INT3, SYSCALL, SYSENTER, UD0, UD1 -> true;
      // Different at every run.
      case RDTSC, RDTSCP, RDRAND, RDSEED, RDPMC, RDPID, CPUID, XGETBV -> true;
      // The host's selectors and thread pointer.
      case PUSH -> form.features().contains("segment");
      case CALLF, JMPF, RETF, IRET, RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE -> true;
      // Loads TF and AC, which the host's kernel answers with signals of its own.
      case POPF -> true;
      // Contains the host's IF and IOPL; compared by SAHF and LAHF.
      case PUSHF -> true;
      // Privileged or I/O: they fault in the host without a look at their operands.
      case IN, OUT, INS, OUTS -> true;
      // AMD alone, or hints that need hardware the host may not have.
      case CLZERO, CLWB, CLFLUSHOPT, MONITOR, MWAIT -> true;
      default -> false;
    };
  }

  /** Whether user code faults on it whatever its operands, or is not concerned. */
  private static boolean privileged(Form form) {
    return switch (form.op()) {
      case LGDT,
          LIDT,
          LLDT,
          LTR,
          LMSW,
          INVLPG,
          INVPCID,
          CLAC,
          STAC,
          XSETBV,
          CLTS,
          INVD,
          WBINVD,
          WRMSR,
          RDMSR,
          SYSEXIT,
          RSM,
          CLFLUSH,
          XSAVES,
          XRSTORS,
          RDPKRU,
          WRPKRU ->
          true;
      case MOV -> form.has('C') || form.has('D');
      default -> false;
    };
  }

  /**
   * Whether a form stands alone in its case: it stores the pointers to the last x87 instruction and
   * operand, which AMD processors keep for exceptions only.
   */
  static boolean alone(Form form) {
    return switch (form.op()) {
      case FNSTENV, FNSAVE, FLDENV, FRSTOR, FXSAVE, FXRSTOR -> true;
      default -> extended(form.op());
    };
  }

  /** The XSAVE family as far as user code has it. */
  static boolean extended(Op op) {
    return switch (op) {
      case XSAVE, XSAVEOPT, XSAVEC, XRSTOR -> true;
      default -> false;
    };
  }

  /** Whether 66 makes an instruction's result undefined or vendor-specific. */
  static boolean no66(Form form, boolean is64) {
    return switch (form.op()) {
      // Counts beyond 16 bits.
      case SHLD, SHRD -> true;
      // Intel reads two bytes, AMD four.
      case MOVSXD -> true;
      // BSWAP of 16 bits is undefined.
      case BSWAP -> true;
      // Near branches: Intel ignores 66 in 64-bit code, AMD does not.
      case CALL, JMP, RET -> true;
      default -> form.op().name().charAt(0) == 'J' || form.op().name().startsWith("LOOP");
    };
  }

  /** Whether the form with a register operand is vendor-specific. */
  static boolean noRegister(Form form) {
    // A hint without a meaning for Intel, no instruction for AMD.
    return form.op() == Op.PREFETCHW;
  }

  /** Whether F2 and F3 mean nothing before a form, on processors of any age. */
  static boolean repeatIsIgnored(Form form) {
    // Before LOOPE and LOOPNE the prefix changes the condition on AMD processors.
    return form.map() == 0
        && form.op() != Op.LOOPE
        && form.op() != Op.LOOPNE
        && form.prefix() == Form.ANY
        && form.group() == Group.INTEGER
        && form.opcode() != 0x90
        && !string(form.op());
  }

  /** String instructions, which take REP. */
  static boolean string(Op op) {
    return switch (op) {
      case MOVS, STOS, LODS, CMPS, SCAS -> true;
      default -> false;
    };
  }
}
