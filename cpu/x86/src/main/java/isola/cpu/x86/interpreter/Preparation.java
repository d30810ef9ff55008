package isola.cpu.x86.interpreter;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.integer.Arithmetic;
import isola.cpu.x86.integer.IntegerInstructions;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * Chooses how the loop executes a decoded instruction: a handler of its own for the common forms of
 * flat code, the general semantics for all else. Pure functions.
 */
final class Preparation {
  /** Values of {@link Insn#access}. */
  static final byte SOURCE = 1;

  static final byte DESTINATION = 2;

  private static final int RAX = 0;
  private static final int RDX = 2;

  private Preparation() {}

  /** Fills in the engine's fields of an instruction; true if it ends its block. */
  static boolean prepare(Insn insn, int mode) {
    insn.unused = (byte) (64 - insn.operandSize * 8);
    insn.unusedAddress = (byte) (64 - insn.addressSize * 8);
    insn.dst = CpuState.ZERO;
    insn.src = CpuState.ZERO;
    Form form = insn.form;
    Group group = form == null ? Group.INTEGER : form.group();
    switch (group) {
      case SYSTEM -> insn.handler = Handler.SYSTEM_END;
      case SSE -> insn.handler = Handler.SSE;
      case MMX -> insn.handler = Handler.MMX;
      case X87 -> insn.handler = Handler.X87;
      case INTEGER -> {
        boolean end = IntegerInstructions.endsBlock(insn);
        insn.handler = (short) (end ? Handler.INTEGER_END : Handler.INTEGER);
        if (form != null && !insn.locked()) {
          choose(insn, form, mode);
        }
        if (insn.handler < Handler.NOP) {
          // General semantics access memory themselves.
          insn.access = 0;
        }
        return end;
      }
    }
    return group == Group.SYSTEM;
  }

  private static void choose(Insn insn, Form form, int mode) {
    if (insn.op == Op.NOP || insn.op == Op.PREFETCH || insn.op == Op.PREFETCHW) {
      insn.handler = Handler.NOP;
      return;
    }
    boolean memory = insn.rm == Insn.NONE;
    boolean flat = (mode & Cpu.MODE_FLAT) != 0;
    switch (form.shape()) {
      case E_G, E_I, E -> {
        if (memory) {
          if (flat && address(insn, mode)) {
            toMemory(insn, form, mode);
          }
        } else {
          insn.dst = slot(insn, insn.rm, insn.operandSize);
          if (form.shape() == Form.Shape.E_G) {
            insn.src = slot(insn, insn.reg, insn.operandSize);
          } else if (form.shape() == Form.Shape.E_I) {
            insn.constant = insn.imm;
          }
          inRegisters(insn, form, mode);
        }
      }
      case G_E -> {
        insn.dst = slot(insn, insn.reg, insn.operandSize);
        if (!memory) {
          insn.src = slot(insn, insn.rm, sourceSize(insn, form));
          inRegisters(insn, form, mode);
        } else if (insn.op == Op.LEA) {
          addressSlots(insn);
          insn.segmentSlot = CpuState.ZERO;
          insn.handler = Handler.LEA;
        } else if (flat && address(insn, mode)) {
          fromMemory(insn, form, mode);
        }
      }
      case A_I -> {
        insn.dst = RAX;
        insn.constant = insn.imm;
        inRegisters(insn, form, mode);
      }
      case Z_I -> {
        insn.dst = slot(insn, insn.reg, insn.operandSize);
        insn.constant = insn.imm;
        inRegisters(insn, form, mode);
      }
      case Z -> {
        insn.dst = slot(insn, insn.reg, insn.operandSize);
        insn.src = insn.dst;
        inRegisters(insn, form, mode);
      }
      case A_O -> {
        insn.dst = RAX;
        if (flat && address(insn, mode)) {
          insn.access = SOURCE;
          insn.accessSize = insn.operandSize;
          insn.handler = Handler.MOV;
        }
      }
      case O_A -> {
        insn.src = RAX;
        if (flat && address(insn, mode)) {
          insn.handler = Handler.STORE;
        }
      }
      case OTHER -> other(insn, mode);
    }
  }

  /** Offset of a register in the state; byte registers 4 to 7 without REX lie inside 0 to 3. */
  private static char slot(Insn insn, int register, int size) {
    boolean high = size == 1 && !insn.rex && register >= 4 && register < 8;
    return (char) (CpuState.GPR + (high ? (register - 4) * 8 + 1 : register * 8));
  }

  private static int sourceSize(Insn insn, Form form) {
    return switch (form.operand(1)) {
      case "Eb" -> 1;
      case "Ew" -> 2;
      case "Ed" -> 4;
      default -> insn.operandSize;
    };
  }

  private static void addressSlots(Insn insn) {
    insn.absolute = insn.displacement;
    insn.baseSlot = CpuState.ZERO;
    if (insn.base == Insn.RIP) {
      insn.absolute += insn.rip + insn.length;
    } else if (insn.base >= 0) {
      insn.baseSlot = (char) (CpuState.GPR + insn.base * 8);
    }
    insn.indexSlot = insn.index >= 0 ? (char) (CpuState.GPR + insn.index * 8) : CpuState.ZERO;
  }

  /** Sets what a memory operand's linear address is made of; false if that takes checks. */
  private static boolean address(Insn insn, int mode) {
    addressSlots(insn);
    insn.segmentSlot = CpuState.ZERO;
    boolean is64 = (mode & 3) == 2;
    if (insn.segment == Segment.CS && !is64) {
      // Flat, but never writable.
      return false;
    }
    if (insn.segment >= Segment.FS) {
      if (!is64 || insn.addressSize != 8) {
        return false;
      }
      insn.segmentSlot =
          (char) (CpuState.SEGMENTS + insn.segment * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_BASE);
    }
    return true;
  }

  private static void inRegisters(Insn insn, Form form, int mode) {
    int number = Arithmetic.number(insn.op);
    if (number >= 0 && number <= Handler.TEST - Handler.ADD) {
      insn.handler = (short) (Handler.ADD + number);
      return;
    }
    int condition = IntegerInstructions.condition(insn.op);
    if (condition >= 0) {
      insn.sub = (byte) condition;
      insn.handler = (short) (form.shape() == Form.Shape.G_E ? Handler.CMOV : Handler.SET);
      return;
    }
    switch (insn.op) {
      case MOV -> {
        if (!form.operand(1).equals("Sw")) {
          insn.handler = Handler.MOV;
        }
      }
      case MOVZX ->
          insn.handler = (short) (sourceSize(insn, form) == 1 ? Handler.MOVZX1 : Handler.MOVZX2);
      case MOVSX, MOVSXD ->
          insn.handler =
              (short)
                  switch (sourceSize(insn, form)) {
                    case 1 -> Handler.MOVSX1;
                    case 2 -> Handler.MOVSX2;
                    default -> Handler.MOVSX4;
                  };
      case INC -> insn.handler = Handler.INC;
      case DEC -> insn.handler = Handler.DEC;
      case NEG -> insn.handler = Handler.NEG;
      case NOT -> insn.handler = Handler.NOT;
      case SHL, SHR, SAR, ROL, ROR, RCL, RCR -> shift(insn, form);
      case IMUL -> {
        if (form.shape() == Form.Shape.G_E) {
          if (form.operands().size() == 3) {
            insn.absolute = insn.imm;
            insn.handler = Handler.IMUL3;
          } else {
            insn.handler = Handler.IMUL;
          }
        }
      }
      case BT -> insn.handler = Handler.BT;
      case PUSH, POP -> {
        if (stackIsPlain(insn, mode)) {
          insn.src = insn.dst;
          insn.handler = (short) (insn.op == Op.PUSH ? Handler.PUSH : Handler.POP);
        }
      }
      case CALL, JMP -> {
        if (stackIsPlain(insn, mode)) {
          insn.src = insn.dst;
          insn.handler =
              (short) (insn.op == Op.CALL ? Handler.CALL_INDIRECT : Handler.JMP_INDIRECT);
        }
      }
      default -> {}
    }
  }

  private static void shift(Insn insn, Form form) {
    String count = form.operand(1);
    int bits = insn.operandSize * 8;
    int by = count.equals("1") ? 1 : (int) insn.imm & (bits == 64 ? 63 : 31);
    if (count.equals("CL") || by == 0 || by >= bits) {
      return;
    }
    insn.constant = 0;
    insn.sub = (byte) by;
    insn.handler =
        (short)
            switch (insn.op) {
              case SHL -> Handler.SHL;
              case SHR -> Handler.SHR;
              case SAR -> Handler.SAR;
              default -> Handler.SHIFT;
            };
  }

  private static boolean stackIsPlain(Insn insn, int mode) {
    boolean is64 = (mode & 3) == 2;
    boolean flat32 =
        (mode & (Cpu.MODE_FLAT | Cpu.MODE_STACK32)) == (Cpu.MODE_FLAT | Cpu.MODE_STACK32);
    return is64 ? insn.operandSize == 8 : flat32 && insn.operandSize == 4;
  }

  /** The source comes from memory; what is done with it is the same. */
  private static void fromMemory(Insn insn, Form form, int mode) {
    if (insn.op == Op.IMUL && form.operands().size() == 3) {
      return;
    }
    insn.access = SOURCE;
    insn.accessSize = (byte) sourceSize(insn, form);
    inRegisters(insn, form, mode);
  }

  private static void toMemory(Insn insn, Form form, int mode) {
    if (form.shape() == Form.Shape.E_G) {
      insn.src = slot(insn, insn.reg, insn.operandSize);
    } else if (form.shape() == Form.Shape.E_I) {
      insn.constant = insn.imm;
    }
    switch (insn.op) {
      case CMP, TEST -> {
        insn.access = DESTINATION;
        insn.accessSize = insn.operandSize;
        insn.handler = (short) (insn.op == Op.CMP ? Handler.CMP : Handler.TEST);
      }
      case ADD, OR, ADC, SBB, AND, SUB, XOR, INC, DEC, NEG, NOT -> {
        insn.sub = (byte) Arithmetic.number(insn.op);
        insn.handler = Handler.UPDATE;
      }
      case MOV, MOVNTI -> {
        if (!form.operand(1).equals("Sw")) {
          insn.handler = Handler.STORE;
        }
      }
      case CALL, JMP, PUSH -> {
        if (stackIsPlain(insn, mode)) {
          insn.access = SOURCE;
          insn.accessSize = insn.operandSize;
          insn.handler =
              (short)
                  switch (insn.op) {
                    case CALL -> Handler.CALL_INDIRECT;
                    case JMP -> Handler.JMP_INDIRECT;
                    default -> Handler.PUSH;
                  };
        }
      }
      default -> {}
    }
  }

  private static void other(Insn insn, int mode) {
    boolean flat = (mode & Cpu.MODE_FLAT) != 0;
    boolean wide = flat && insn.operandSize >= 4;
    int condition = IntegerInstructions.condition(insn.op);
    if (condition >= 0) {
      if (wide) {
        insn.handler = (short) (Handler.JCC + condition);
      }
      return;
    }
    switch (insn.op) {
      case CBW -> {
        insn.dst = RAX;
        insn.src = RAX;
        insn.handler =
            (short)
                switch (insn.operandSize) {
                  case 2 -> Handler.MOVSX1;
                  case 4 -> Handler.MOVSX2;
                  default -> Handler.MOVSX4;
                };
      }
      case CWD -> {
        insn.dst = CpuState.GPR + RDX * 8;
        insn.src = RAX;
        insn.handler = Handler.SIGN;
      }
      case JMP -> {
        if (wide) {
          insn.handler = Handler.JMP;
        }
      }
      case CALL -> {
        if (stackIsPlain(insn, mode)) {
          insn.handler = Handler.CALL;
        }
      }
      case RET -> {
        if (stackIsPlain(insn, mode) && insn.imm == 0) {
          insn.handler = Handler.RET;
        }
      }
      case PUSH -> {
        if (stackIsPlain(insn, mode)
            && insn.form != null
            && insn.form.operand(0).charAt(0) == 'I') {
          insn.constant = insn.imm;
          insn.handler = Handler.PUSH;
        }
      }
      case LEAVE -> {
        if (stackIsPlain(insn, mode)) {
          insn.handler = Handler.LEAVE;
        }
      }
      default -> {}
    }
  }
}
