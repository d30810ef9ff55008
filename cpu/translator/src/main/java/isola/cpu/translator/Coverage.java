package isola.cpu.translator;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.Operands;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;

/** Which instructions become host code and how, and what they do with the status flags. */
final class Coverage {
  /** How an instruction is translated. */
  enum Kind {
    /** Re-encoded: the same operation on host registers or a host address. */
    PLAIN,
    /** Nothing to do. */
    NOTHING,
    LEA,
    DIVIDE,
    PUSH,
    POP,
    LEAVE,
    SELECTOR,
    /** CLI at privilege level 0. */
    INTERRUPTS_OFF,
    /** STI at privilege level 0. */
    INTERRUPTS_ON,
    PUSH_FLAGS,
    /** An x87 instruction about the control word and its like. */
    X87,
    JUMP,
    JUMP_IF,
    JUMP_INDIRECT,
    CALL,
    CALL_INDIRECT,
    RETURN,
    /** Executed by Java in the middle of the block. */
    AID,
    /** Executed by Java, which goes on from there. */
    INTERPRET;

    /** Whether nothing of the block comes after it. */
    boolean ends() {
      return switch (this) {
        case JUMP, JUMP_INDIRECT, CALL, CALL_INDIRECT, RETURN, INTERPRET -> true;
        default -> false;
      };
    }
  }

  /** The second opcode of immediate arithmetic on bytes, which 64-bit code does not have. */
  private static final int ALIAS_82 = 0x82;

  private static final int CF = Rflags.CF;
  private static final int ZF = Rflags.ZF;
  private static final int OF = Rflags.OF;
  private static final int ALL = Rflags.STATUS;

  /** Flags that each pair of condition codes looks at. */
  private static final int[] CONDITION = {
    OF, CF, ZF, CF | ZF, Rflags.SF, Rflags.PF, Rflags.SF | OF, Rflags.SF | OF | ZF
  };

  private Coverage() {}

  /**
   * How to translate an instruction.
   *
   * @param mode the {@link Block#mode} of its block
   */
  static Kind kind(Insn insn, int mode) {
    Form form = insn.form;
    int word = (mode & Block.MODE_32) != 0 ? 4 : 8;
    if (form == null || (word == 4 && !flat(insn, mode))) {
      return Kind.INTERPRET;
    }
    return switch (form.group()) {
      case INTEGER -> integer(insn, form, word);
      case SSE -> vector(insn, form, mode);
      case X87 -> (mode & Block.MODE_X87) == 0 ? Kind.INTERPRET : x87(insn);
      case MMX ->
          (mode & Block.MODE_X87) == 0 || insn.op == Op.MASKMOVQ ? Kind.INTERPRET : Kind.PLAIN;
      case SYSTEM -> Kind.INTERPRET;
    };
  }

  /** Whether 32-bit code reaches what it does by 32-bit addresses in segments without limits. */
  static boolean flat(Insn insn, int mode) {
    if (insn.addressSize != 4) {
      return false;
    }
    return switch (insn.segment) {
      case Segment.FS -> (mode & Block.MODE_FS) != 0;
      case Segment.GS -> (mode & Block.MODE_GS) != 0;
      case Segment.CS -> false;
      default -> true;
    };
  }

  /**
   * Whether an instruction that Java executes leaves RIP after itself, in the same mode and with
   * its own code in place, unless Java finds otherwise.
   */
  static boolean staysInBlock(Insn insn) {
    Form form = insn.form;
    return switch (insn.op) {
      case JMPF, CALLF, RETF, IRET, INT, INT1, INT3, INTO, SYSCALL, SYSRET, SYSENTER, SYSEXIT ->
          false;
      case LOOP, LOOPE, LOOPNE, JCXZ, JMP, CALL, RET, HLT, UD0, UD1, UD2, UD -> false;
      case LMSW, CLTS, INVLPG, INVPCID, XSETBV, WBINVD, INVD -> false;
      case MOV -> form == null || form.map() != 1 || form.opcode() != 0x22;
      default -> form != null;
    };
  }

  /** Whether an instruction would stay in its block but that the block's page may be elsewhere. */
  static boolean changesPages(Insn insn) {
    Form form = insn.form;
    boolean control = form != null && form.map() == 1 && form.opcode() == 0x22;
    return insn.op == Op.INVLPG || (insn.op == Op.MOV && control && insn.reg == 3);
  }

  private static Kind x87(Insn insn) {
    return switch (insn.op) {
      case FNSAVE, FRSTOR -> Kind.INTERPRET;
      case FNSTENV, FLDENV -> insn.operandSize == 2 ? Kind.INTERPRET : Kind.X87;
      // No exception waits while all are masked.
      case FWAIT, FNENI, FNDISI, FNSETPM -> Kind.NOTHING;
      case FNINIT, FLDCW, FNSTCW -> Kind.X87;
      default -> Kind.PLAIN;
    };
  }

  /** Whether an instruction's host code works on the host's x87 registers. */
  static boolean needsX87(Insn insn, Form form, Kind kind) {
    return switch (kind) {
      case PLAIN ->
          switch (form.group()) {
            case X87, MMX -> true;
            case SSE -> usesMmx(form);
            default -> false;
          };
      case X87 -> insn.op != Op.FNSTCW;
      default -> false;
    };
  }

  /** Whether its address is what the x87 instruction pointer is to say. */
  static boolean remembered(Insn insn, Kind kind) {
    Form form = insn.form;
    if (form == null || form.group() != Group.X87 || kind != Kind.PLAIN) {
      return false;
    }
    return insn.op != Op.FNCLEX && insn.op != Op.FNSTSW;
  }

  private static boolean usesMmx(Form form) {
    return form.features().contains("usesmmx");
  }

  private static Kind vector(Insn insn, Form form, int mode) {
    if ((usesMmx(form) && (mode & Block.MODE_X87) == 0) || form.gathers()) {
      return Kind.INTERPRET;
    }
    int word = (mode & Block.MODE_32) != 0 ? 4 : 8;
    return switch (insn.op) {
      case LDMXCSR, MASKMOVDQU, MASKMOVQ -> Kind.INTERPRET;
      // What the mask leaves out cannot fault.
      case VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ -> Kind.INTERPRET;
      // The registers that 32-bit code does not have stay as they are.
      case VZEROUPPER, VZEROALL -> word == 4 ? Kind.INTERPRET : Kind.PLAIN;
      default -> highByte(insn, form) ? Kind.INTERPRET : Kind.PLAIN;
    };
  }

  private static Kind integer(Insn insn, Form form, int word) {
    return switch (insn.op) {
      case NOP, PREFETCH, PREFETCHW -> Kind.NOTHING;
      case LEA -> insn.memory() ? Kind.LEA : Kind.INTERPRET;
      case PUSH, POP -> stack(insn, form, word);
      case CLI -> Kind.INTERRUPTS_OFF;
      case STI -> Kind.INTERRUPTS_ON;
      case PUSHF -> insn.operandSize == word ? Kind.PUSH_FLAGS : Kind.INTERPRET;
      case LEAVE -> insn.operandSize == word ? Kind.LEAVE : Kind.INTERPRET;
      case JMP, CALL, RET -> branch(insn, form, word);
      case DIV, IDIV -> insn.operandSize >= 4 ? Kind.DIVIDE : Kind.INTERPRET;
      case MOV -> {
        if (form.operands().kind(1) == 'S') {
          boolean narrow = !insn.memory() && insn.operandSize == 2;
          yield narrow ? Kind.INTERPRET : Kind.SELECTOR;
        }
        yield form.operands().kind(0) == 'S' ? Kind.INTERPRET : plain(insn, form);
      }
      case BT, BTC, BTR, BTS ->
          // A register as bit number reaches beyond the operand's own bytes.
          insn.memory() && form.operands().kind(1) == 'G' ? Kind.INTERPRET : plain(insn, form);
      case ADC,
          ADD,
          AND,
          ANDN,
          BEXTR,
          BLSI,
          BLSMSK,
          BLSR,
          BSF,
          BSR,
          BSWAP,
          BZHI,
          CBW,
          CLC,
          CMC,
          CMP,
          CMPXCHG,
          CRC32,
          CWD,
          DEC,
          IMUL,
          INC,
          LAHF,
          LFENCE,
          LZCNT,
          MFENCE,
          MOVBE,
          MOVNTI,
          MOVSX,
          MOVSXD,
          MOVZX,
          MUL,
          MULX,
          NEG,
          NOT,
          OR,
          PAUSE,
          PDEP,
          PEXT,
          POPCNT,
          RCL,
          RCR,
          ROL,
          ROR,
          RORX,
          SAHF,
          SAR,
          SARX,
          SBB,
          SFENCE,
          SHL,
          SHLD,
          SHLX,
          SHR,
          SHRD,
          SHRX,
          STC,
          SUB,
          TEST,
          TZCNT,
          XADD,
          XCHG,
          XOR ->
          plain(insn, form);
      default -> {
        if (condition(form) < 0) {
          yield Kind.INTERPRET;
        }
        yield form.operands().kind(0) == 'J' ? branch(insn, form, word) : plain(insn, form);
      }
    };
  }

  private static Kind branch(Insn insn, Form form, int word) {
    if (insn.operandSize < word) {
      // EIP is cut off to 16 bits.
      return Kind.INTERPRET;
    }
    boolean direct = form.operands().kind(0) == 'J';
    return switch (insn.op) {
      case JMP -> direct ? Kind.JUMP : Kind.JUMP_INDIRECT;
      case CALL -> direct ? Kind.CALL : Kind.CALL_INDIRECT;
      case RET -> Kind.RETURN;
      default -> Kind.JUMP_IF;
    };
  }

  private static Kind stack(Insn insn, Form form, int word) {
    if (insn.operandSize != word || form.features().contains("segment")) {
      return Kind.INTERPRET;
    }
    char named = form.operands().kind(0);
    if (insn.op == Op.POP) {
      return named != 'Z' && insn.memory() ? Kind.INTERPRET : Kind.POP;
    }
    return named == 'Z' || named == 'E' || named == 'I' ? Kind.PUSH : Kind.INTERPRET;
  }

  private static Kind plain(Insn insn, Form form) {
    if (form.map() == 0 && form.opcode() == ALIAS_82) {
      return Kind.INTERPRET;
    }
    Operands operands = form.operands();
    boolean counted = operands.has(Operands.COUNT_IN_CL);
    if (counted
        && operands.size() == 3
        && Layout.host(insn.reg) < 0
        && (insn.memory() || Layout.host(insn.rm) < 0)) {
      // No scratch register is left for the count.
      return Kind.INTERPRET;
    }
    if (highByte(insn, form)) {
      boolean reg = operands.has(Operands.BYTE_REG);
      // The scratch register that could hold CH is the operand's address then.
      boolean ch = reg && insn.reg == 5 && PlainEmitter.hasMemory(insn, form);
      boolean wideStack = !reg && operands.kind(0) == 'G' && insn.reg == 4;
      return ch || counted || wideStack ? Kind.INTERPRET : Kind.PLAIN;
    }
    return Kind.PLAIN;
  }

  /** Whether an operand is AH, CH, DH or BH. */
  static boolean highByte(Insn insn, Form form) {
    if (insn.rex) {
      return false;
    }
    Operands operands = form.operands();
    return (insn.rm >= 4 && operands.has(Operands.BYTE_RM))
        || (insn.reg >= 4 && operands.has(Operands.BYTE_REG));
  }

  /** Whether an instruction may leave with an exception, whose frame shows the flags before it. */
  static boolean mayFault(Insn insn, Form form, Kind kind) {
    return switch (kind) {
      case NOTHING, LEA, JUMP, JUMP_IF -> false;
      case SELECTOR, X87 -> insn.memory();
      case PLAIN -> form.memorySize() >= 0 && PlainEmitter.hasMemory(insn, form);
      default -> true;
    };
  }

  /** Whether the instruction may write to memory, its own code's included. */
  static boolean mayWrite(Insn insn, Kind kind) {
    Form form = insn.form;
    return switch (kind) {
      case NOTHING, LEA, DIVIDE, POP, LEAVE, INTERRUPTS_OFF, INTERRUPTS_ON, JUMP, JUMP_IF -> false;
      case JUMP_INDIRECT, RETURN -> false;
      case X87 -> insn.op == Op.FNSTCW || insn.op == Op.FNSTENV;
      case PLAIN -> form == null || (PlainEmitter.hasMemory(insn, form) && !readsOnly(insn, form));
      default -> true;
    };
  }

  /** The condition code of Jcc, SETcc and CMOVcc, or -1. */
  static int condition(Form form) {
    int opcode = form.opcode();
    boolean conditional =
        form.group() == Group.INTEGER
            && (form.map() == 0
                ? opcode >= 0x70 && opcode < 0x80
                : form.map() == 1
                    && (opcode >= 0x40 && opcode < 0x50 || opcode >= 0x80 && opcode < 0xa0));
    return conditional ? opcode & 15 : -1;
  }

  /** Whether the operand that ModRM.rm names is only read. */
  static boolean readsOnly(Insn insn, Form form) {
    return switch (insn.op) {
      case CMP, TEST, BT, MUL, DIV, IDIV, PUSH, JMP, CALL -> true;
      case FST, FSTP, FIST, FISTP, FISTTP, FBSTP, FNSTCW, FNSTENV, FNSTSW -> false;
      case IMUL -> true;
      // MOV to an absolute address.
      case MOV -> !form.rmIsDestination() && form.operands().kind(0) != 'O';
      default -> form.group() == Group.X87 || !form.rmIsDestination();
    };
  }

  /** Whether the operand that ModRM.reg or the opcode names may be changed. */
  static boolean writesReg(Insn insn, Form form) {
    return switch (insn.op) {
      case CMP, TEST -> false;
      case XCHG, XADD -> true;
      default -> {
        char first = form.operands().kind(0);
        yield first == 'G' || first == 'Z';
      }
    };
  }

  /** Whether RCX is set without being named. */
  static boolean writesCount(Insn insn) {
    return insn.op == Op.PCMPESTRI || insn.op == Op.PCMPISTRI;
  }

  /** Whether the general register that VEX.vvvv names is changed. */
  static boolean writesVvvv(Insn insn) {
    return switch (insn.op) {
      case BLSI, BLSMSK, BLSR, MULX -> true;
      default -> false;
    };
  }

  /** Status flags that the instruction's outcome depends on. */
  static int reads(Insn insn, Form form) {
    int condition = condition(form);
    if (condition >= 0) {
      return CONDITION[condition >> 1];
    }
    return switch (insn.op) {
      case ADC, SBB, CMC, RCL, RCR -> CF;
      case LAHF -> ALL & ~OF;
      case PUSHF -> ALL;
      case FCMOVB, FCMOVNB -> CF;
      case FCMOVE, FCMOVNE -> ZF;
      case FCMOVBE, FCMOVNBE -> CF | ZF;
      case FCMOVU, FCMOVNU -> Rflags.PF;
      default -> 0;
    };
  }

  /** Status flags that the instruction may change. */
  static int touches(Insn insn, Form form) {
    return switch (insn.op) {
      case ADC,
          ADD,
          AND,
          ANDN,
          BEXTR,
          BLSI,
          BLSMSK,
          BLSR,
          BZHI,
          CMP,
          CMPXCHG,
          IMUL,
          LZCNT,
          MUL,
          NEG,
          OR,
          POPCNT,
          SBB,
          SUB,
          TEST,
          TZCNT,
          XADD,
          XOR,
          DIV,
          IDIV,
          COMISD,
          COMISS,
          UCOMISD,
          UCOMISS,
          FCOMI,
          FCOMIP,
          FUCOMI,
          FUCOMIP,
          PCMPESTRI,
          PCMPESTRM,
          PCMPISTRI,
          PCMPISTRM,
          PTEST,
          VTESTPS,
          VTESTPD,
          BSF,
          BSR ->
          ALL;
      case SHL, SHR, SAR, SHLD, SHRD -> count(insn, form) == 0 ? 0 : ALL;
      case ROL, ROR, RCL, RCR -> count(insn, form) == 0 ? 0 : CF | OF;
      case DEC, INC -> ALL & ~CF;
      case BT, BTC, BTR, BTS, CLC, CMC, STC -> CF;
      case SAHF -> ALL & ~OF;
      default -> 0;
    };
  }

  /** Status flags that the instruction changes whatever its operands are. */
  static int writes(Insn insn, Form form) {
    return switch (insn.op) {
      case BSF, BSR -> ZF;
      case SHL, SHR, SAR, SHLD, SHRD, ROL, ROR, RCL, RCR ->
          count(insn, form) > 0 ? touches(insn, form) : 0;
      default -> touches(insn, form);
    };
  }

  /** Count of a shift after masking, -1 if it is in CL. */
  private static int count(Insn insn, Form form) {
    Operands operands = form.operands();
    if (operands.has(Operands.COUNT_IN_CL)) {
      return -1;
    }
    int count = operands.kind(operands.size() - 1) == '1' ? 1 : (int) insn.imm;
    return count & (insn.operandSize == 8 ? 63 : 31);
  }
}
