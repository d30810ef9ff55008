package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_SHIFT;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Operands;

/**
 * Re-encodes an instruction: the guest's opcode, prefixes and immediate bytes, with host registers
 * for the guest's and a host address for the memory operand.
 */
final class PlainEmitter {
  private static final int RSP = 4;

  /** Number of CH without REX. */
  private static final int CH = 5;

  private final Emitter e;
  private final HostAssembler a;
  private final VexEmitter vex;

  PlainEmitter(Emitter emitter) {
    e = emitter;
    a = emitter.a;
    vex = new VexEmitter(emitter);
  }

  /**
   * Emits {@link Coverage.Kind#PLAIN}.
   *
   * @param bytes guest code
   * @param at where in it the instruction begins
   * @param liveBefore guest flags that matter before it
   * @param liveAfter guest flags that matter after it
   */
  void emit(Insn insn, byte[] bytes, int at, int liveBefore, int liveAfter) {
    Form form = insn.form;
    if (form == null) {
      throw new IllegalArgumentException("an undefined instruction");
    }
    boolean memory = form.memorySize() >= 0 && hasMemory(insn, form);
    if (memory) {
      int size = memorySize(insn, form);
      e.operand(insn, size, !Coverage.readsOnly(insn, form), form.aligned(), liveBefore);
    }
    int touches = Coverage.touches(insn, form);
    int kept = liveAfter & ~Coverage.writes(insn, form);
    if (Coverage.reads(insn, form) != 0 || (touches != 0 && kept != 0)) {
      e.wantFlags();
    }
    if (touches == 0) {
      e.beforeWrite(Window.written(insn, form), liveAfter);
    }
    if (insn.vex) {
      vex.encode(insn, form, bytes[at + insn.length - 1], memory);
    } else {
      encode(insn, form, bytes, at, memory);
    }
    if (Coverage.writesCount(insn)) {
      a.mov32(Layout.host(1), HostAssembler.RCX);
    }
    e.window.after(insn, form);
    if (touches != 0) {
      e.flagsChanged();
      if (liveAfter != 0) {
        e.source(FlagSource.of(insn, form));
      }
    }
  }

  /** Bytes of the operand in memory that the host may reach. */
  static int memorySize(Insn insn, Form form) {
    // PUNPCKLBW and its kin use four bytes, but may read eight.
    boolean eight = form.group() == Group.MMX && form.has('Q');
    return eight ? 8 : form.memorySize(insn);
  }

  /** Whether the form's operand is in memory, and the instruction's. */
  static boolean hasMemory(Insn insn, Form form) {
    return insn.memory() && form.operands().has(Operands.MEMORY);
  }

  /**
   * Whether a locked instruction may stand there to order others, as on the stack it does. Every
   * other may lose its prefix where there is no second processor, as Linux takes it from itself.
   */
  private static boolean barrier(Insn insn) {
    return insn.base == RSP;
  }

  private void encode(Insn insn, Form form, byte[] bytes, int at, boolean memory) {
    int flags = form.map() << MAP_SHIFT;
    int opcodeAt = at;
    boolean has66 = false;
    int rex = 0;
    while (true) {
      int b = bytes[opcodeAt] & 0xff;
      if (b == 0x66) {
        has66 = true;
      } else if ((b & 0xf0) == 0x40 && e.code.word == 8) {
        rex = b;
      } else if (!isPrefix(b)) {
        break;
      }
      if (isPrefix(b)) {
        // A REX prefix counts only right before the opcode.
        rex = 0;
      }
      opcodeAt++;
    }
    if ((rex & 8) != 0) {
      flags |= W;
    }
    if (form.prefix() == 0x66 || (has66 && insn.operandSize == 2)) {
      flags |= HostAssembler.P66;
    }
    if (form.prefix() == 0xf2) {
      flags |= HostAssembler.PF2;
    } else if (form.prefix() == 0xf3) {
      flags |= HostAssembler.PF3;
    }
    if (insn.locked() && (!e.alone || barrier(insn))) {
      flags |= HostAssembler.LOCK;
    }
    if (insn.rex) {
      flags |= HostAssembler.REX;
    }
    boolean high = Coverage.highByte(insn, form);
    int base = ADDRESS;
    if (memory && high) {
      // No REX prefix may stand before AH to BH.
      a.mov(TEMPORARY, ADDRESS);
      base = TEMPORARY;
    }
    Operands operands = form.operands();
    boolean counted = operands.has(Operands.COUNT_IN_CL);
    boolean rmGeneral = !insn.memory() && operands.has(Operands.GENERAL_RM);
    boolean regGeneral = operands.has(Operands.GENERAL_REG);
    boolean inOpcode = operands.has(Operands.IN_OPCODE);
    boolean isByte = operands.has(Operands.BYTE_REG);
    if (operands.has(Operands.OFFSET)) {
      // MOV with an absolute address has a ModRM byte on our side.
      a.memory(
          flags,
          form.opcode() & 1 | (form.opcode() < 0xa2 ? 0x8a : 0x88),
          0,
          base,
          NONE,
          0,
          e.displacement);
      return;
    }
    int reg = form.extension() >= 0 ? form.extension() : Math.max(insn.reg, 0);
    int rm = insn.rm;
    if (rmGeneral) {
      rm = operand(insn.rm, high, operands.has(Operands.BYTE_RM), ADDRESS);
      if (rm == ADDRESS) {
        e.useAddress();
      }
    }
    if (regGeneral || inOpcode) {
      reg = operand(insn.reg, high, isByte, counted ? ADDRESS : TEMPORARY);
      if (reg == ADDRESS) {
        e.useAddress();
      }
    }
    if (counted) {
      a.mov(TEMPORARY, Layout.host(1));
    }
    int immediate;
    if (inOpcode && form.map() == 0 && (form.opcode() & 0xf0) == 0x40) {
      // INC and DEC of one byte, which are REX prefixes in 64-bit code.
      a.register(flags, 0xff, form.opcode() >>> 3 & 1, reg);
      immediate = at + insn.length;
    } else if (inOpcode) {
      a.opcodeRegister(flags, form.opcode() & 0xf8, reg);
      immediate = opcodeAt + mapBytes(form) + 1;
    } else if (!form.hasModRm()) {
      a.opcodeRegister(flags, form.opcode(), form.opcode() & 7);
      immediate = opcodeAt + mapBytes(form) + 1;
    } else {
      if (memory) {
        a.memory(flags, form.opcode(), reg, base, NONE, 0, e.displacement);
      } else {
        a.register(flags, form.opcode(), reg, rm);
      }
      immediate = afterModRm(bytes, opcodeAt + mapBytes(form) + 1);
    }
    for (int i = immediate; i < at + insn.length; i++) {
      a.emit(bytes[i]);
    }
    if ((regGeneral || inOpcode) && Coverage.writesReg(insn, form)) {
      putBack(insn.reg, reg, high && isByte);
    }
    if (rmGeneral && !Coverage.readsOnly(insn, form)) {
      putBack(insn.rm, rm, high && operands.has(Operands.BYTE_RM));
    }
  }

  /** Host register for a general operand, loaded if it has none or must do without REX. */
  private int operand(int guest, boolean high, boolean isByte, int other) {
    if (high) {
      if (isByte && guest == CH) {
        a.mov(TEMPORARY, Layout.host(1));
      }
      if (isByte && guest >= 4) {
        return guest;
      }
      if (guest == 1) {
        a.mov(TEMPORARY, Layout.host(1));
        return TEMPORARY;
      }
    }
    return e.read(guest, other);
  }

  /** Stores a temporary to the guest register that it stood for. */
  private void putBack(int guest, int host, boolean highByte) {
    if (highByte && guest == CH) {
      a.mov(Layout.host(1), TEMPORARY);
      return;
    }
    int own = Layout.host(guest);
    if (own < 0) {
      a.store(Layout.gpr(guest), host);
    } else if (own != host && (host == ADDRESS || host == TEMPORARY)) {
      a.mov(own, host);
    }
  }

  private static int mapBytes(Form form) {
    return form.map() == 0 ? 0 : form.map() == 1 ? 1 : 2;
  }

  private static int afterModRm(byte[] bytes, int at) {
    int modRm = bytes[at] & 0xff;
    int next = at + 1;
    int mod = modRm >> 6;
    if (mod == 3) {
      return next;
    }
    int displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    if ((modRm & 7) == 4) {
      int sib = bytes[next++] & 0xff;
      if (mod == 0 && (sib & 7) == 5) {
        displacement = 4;
      }
    } else if (mod == 0 && (modRm & 7) == 5) {
      displacement = 4;
    }
    return next + displacement;
  }

  private static boolean isPrefix(int b) {
    return switch (b) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> false;
    };
  }
}
