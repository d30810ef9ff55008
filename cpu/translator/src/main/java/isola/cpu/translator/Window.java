package isola.cpu.translator;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.Operands;
import isola.cpu.x86.spec.Segment;

/**
 * The bytes around a memory operand that one probe was made for: {@link Layout#ADDRESS} holds the
 * host address of the operand with displacement {@link #origin}, and all from {@link #low} to
 * before {@link #high} lie in the same checked page. Later operands there go without a probe, as
 * long as neither ADDRESS nor the registers of the address change; a constant added to the base
 * moves the window.
 */
final class Window {
  private static final int RSP = 4;
  private static final int RBP = 5;
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;

  /** Bytes that one probe is made for at most. */
  private static final int SPAN = 256;

  /** How far ahead other operands are looked for. */
  private static final int REACH = 32;

  /** {@link #base} of an operand whose linear address is known. */
  private static final int CONSTANT = 17;

  private boolean open;
  private int base;
  private int index;
  private int scale;
  private int segment;
  private boolean write;

  /** Bytes that {@link #origin} is aligned to, or 0. */
  private int aligned;

  /** Displacement that ADDRESS stands for; with a constant address, the linear page. */
  private long origin;

  private long low;
  private long high;

  /** Bytes of an address that counts without being cut off, see {@link GuestCode#word}. */
  private int word = 8;

  /** Begins a block. */
  void start(GuestCode code) {
    word = code.word;
    open = false;
  }

  /** Nothing is known any more. */
  void close() {
    open = false;
  }

  private static int segmentOf(Insn insn) {
    return insn.segment == Segment.FS || insn.segment == Segment.GS ? insn.segment : -1;
  }

  /** Whether the linear address of an operand is the same at each execution. */
  static boolean constant(Insn insn) {
    return segmentOf(insn) < 0
        && (insn.base == Insn.RIP || (insn.base < 0 && insn.index < 0))
        && insn.addressSize >= 4;
  }

  /** That address. */
  static long constantAddress(Insn insn) {
    long value =
        insn.base == Insn.RIP ? insn.rip + insn.length + insn.displacement : insn.displacement;
    return insn.addressSize == 8 ? value : value & 0xffff_ffffL;
  }

  /** Whether this is about operands with the same registers. */
  private boolean same(int base, int index, int scale, int segment) {
    return open
        && this.base == base
        && this.index == index
        && (index < 0 || this.scale == scale)
        && this.segment == segment;
  }

  private boolean holds(long displacement, int size, boolean write, boolean aligned) {
    return displacement >= low
        && displacement + size <= high
        && (this.write || !write)
        && (!aligned || (this.aligned >= size && (displacement - origin & size - 1) == 0));
  }

  /**
   * Distance of an instruction's operand from ADDRESS, or {@link Long#MIN_VALUE} if it needs a
   * probe.
   */
  long find(Insn insn, int size, boolean write, boolean aligned) {
    if (!open) {
      return Long.MIN_VALUE;
    }
    if (constant(insn)) {
      long linear = constantAddress(insn);
      boolean here = base == CONSTANT && holds(linear, size, write, aligned);
      return here ? linear - origin : Long.MIN_VALUE;
    }
    boolean here =
        insn.addressSize == word
            && same(insn.base, insn.index, insn.scale, segmentOf(insn))
            && holds(insn.displacement, size, write, aligned);
    return here ? insn.displacement - origin : Long.MIN_VALUE;
  }

  /** The same for an operand relative to a register. */
  long find(int register, long displacement, int size, boolean write) {
    boolean here = same(register, -1, 0, -1) && holds(displacement, size, write, false);
    return here ? displacement - origin : Long.MIN_VALUE;
  }

  /** ADDRESS now holds the host page of a constant address. */
  void openConstant(long page, boolean write) {
    open = true;
    base = CONSTANT;
    index = -1;
    segment = -1;
    this.write = write;
    aligned = 4096;
    origin = page;
    low = page;
    high = page + 4096;
  }

  /** Begins with the operand of an instruction; {@link #widen} and then a probe are to follow. */
  void begin(Insn insn, int size, boolean write, boolean aligned) {
    begin(insn.base, insn.index, insn.scale, insn.displacement, size, write, aligned);
    segment = segmentOf(insn);
    open = insn.addressSize == word && insn.base != Insn.RIP;
  }

  /** The same for an operand relative to a register. */
  void begin(int register, long displacement, int size, boolean write) {
    begin(register, -1, 0, displacement, size, write, false);
    segment = -1;
  }

  private void begin(
      int base, int index, int scale, long displacement, int size, boolean write, boolean aligned) {
    open = true;
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.write = write;
    this.aligned = aligned ? size : 0;
    low = displacement;
    high = displacement + size;
    origin = low;
  }

  /** The displacement that the probe is to be made for. */
  long low() {
    return low;
  }

  /** How many bytes from there it must check. */
  int span() {
    return (int) (high - low);
  }

  /** Takes in the operands of later instructions of the block while that is possible. */
  void widen(GuestCode code, int from) {
    if (!open) {
      return;
    }
    long moved = 0;
    int last = Math.min(code.count, from + REACH);
    for (int i = from; i < last && !(i > from && code.loopHead[i]); i++) {
      Insn insn = code.insns[i];
      switch (code.kinds[i]) {
        case NOTHING, JUMP_IF -> {}
        case LEA, PLAIN, X87 -> {
          Form form = insn.form;
          if (form == null || !(i == from || widen(insn, form, moved))) {
            return;
          }
          int written = written(insn, form);
          if (touches(written)) {
            long by = constantChange(insn, form);
            if (by == 0 || index >= 0) {
              return;
            }
            moved += by;
          }
        }
        case PUSH, POP, CALL, RETURN -> {
          boolean pops =
              code.kinds[i] == Coverage.Kind.POP || code.kinds[i] == Coverage.Kind.RETURN;
          if (base != RSP || index >= 0 || segment >= 0) {
            return;
          }
          if (i > from && !widen(moved + (pops ? 0 : -word), word, !pops, false)) {
            return;
          }
          moved += pops ? word : -word;
          boolean intoStack = code.kinds[i] == Coverage.Kind.POP && popped(insn) == RSP;
          if (code.kinds[i].ends() || intoStack || (twice(insn) && i > from)) {
            return;
          }
        }
        default -> {
          return;
        }
      }
    }
  }

  /** Whether a PUSH has another operand in memory. */
  private static boolean twice(Insn insn) {
    Form form = insn.form;
    return form != null && PlainEmitter.hasMemory(insn, form);
  }

  private boolean touches(int registers) {
    return (registers & bit(base)) != 0 || (index >= 0 && (registers & bit(index)) != 0);
  }

  private static int bit(int register) {
    return 1 << register;
  }

  private boolean widen(Insn insn, Form form, long moved) {
    if (insn.op == Op.LEA || !PlainEmitter.hasMemory(insn, form)) {
      return true;
    }
    int size = PlainEmitter.memorySize(insn, form);
    return insn.addressSize == word
        && same(insn.base, insn.index, insn.scale, segmentOf(insn))
        && widen(insn.displacement + moved, size, !Coverage.readsOnly(insn, form), form.aligned());
  }

  private boolean widen(long displacement, int size, boolean write, boolean aligned) {
    long newLow = Math.min(low, displacement);
    long newHigh = Math.max(high, displacement + size);
    if ((write && !this.write)
        || newHigh - newLow > SPAN
        || newLow != (int) newLow
        || aligned && this.aligned < size
        || this.aligned != 0 && (displacement - origin & this.aligned - 1) != 0) {
      return false;
    }
    low = newLow;
    high = newHigh;
    origin = newLow;
    return true;
  }

  /** An instruction was translated that left ADDRESS alone. */
  void after(Insn insn, Form form) {
    if (open && base != CONSTANT && touches(written(insn, form))) {
      long by = constantChange(insn, form);
      if (by == 0 || index >= 0) {
        close();
      } else {
        moved(by);
      }
    }
  }

  /** A constant was added to a register. */
  void moved(int register, long by) {
    if (open && base != CONSTANT) {
      if (index == register) {
        close();
      } else if (base == register) {
        moved(by);
      }
    }
  }

  private void moved(long by) {
    origin -= by;
    low -= by;
    high -= by;
  }

  /** A register was set to something. */
  void changed(int register) {
    if (open && base != CONSTANT && touches(bit(register))) {
      close();
    }
  }

  /** LEAVE was translated: RSP is what RBP was, and 8. */
  void left() {
    if (base == RBP && index < 0) {
      base = RSP;
      moved(word);
    } else {
      close();
    }
  }

  private static int popped(Insn insn) {
    Form form = insn.form;
    return form != null && form.operands().kind(0) == 'Z' ? insn.reg : insn.rm;
  }

  /** What a 64-bit addition adds to the base register, which is all that it changes; else 0. */
  private long constantChange(Insn insn, Form form) {
    if (insn.operandSize != word) {
      return 0;
    }
    int to = insn.memory() ? -1 : insn.rm;
    return switch (insn.op) {
      case ADD -> to == base && form.operands().kind(1) == 'I' ? insn.imm : 0;
      case SUB -> to == base && form.operands().kind(1) == 'I' ? -insn.imm : 0;
      case INC -> to == base ? 1 : 0;
      case DEC -> to == base ? -1 : 0;
      case LEA ->
          insn.reg == base && insn.base == base && insn.index < 0 && insn.addressSize == word
              ? insn.displacement
              : 0;
      default -> 0;
    };
  }

  /** The general registers that a plain instruction may change, by bit. */
  static int written(Insn insn, Form form) {
    int registers =
        switch (insn.op) {
          case MUL, IMUL, DIV, IDIV, CWD, CBW, CMPXCHG, LAHF -> bit(RAX) | bit(RDX);
          case PCMPESTRI, PCMPISTRI -> bit(RCX);
          default -> 0;
        };
    Operands operands = form.operands();
    if (operands.has(Operands.GENERAL_REG | Operands.IN_OPCODE)
        && (insn.op == Op.LEA || Coverage.writesReg(insn, form))) {
      registers |= register(insn, insn.reg, operands.has(Operands.BYTE_REG));
    }
    if (!insn.memory() && operands.has(Operands.GENERAL_RM) && !Coverage.readsOnly(insn, form)) {
      registers |= register(insn, insn.rm, operands.has(Operands.BYTE_RM));
    }
    if (operands.has(Operands.ACCUMULATOR)) {
      registers |= bit(RAX);
    }
    if (operands.has(Operands.GENERAL_VVVV) && Coverage.writesVvvv(insn)) {
      registers |= bit(insn.vvvv);
    }
    return registers;
  }

  private static int register(Insn insn, int number, boolean isByte) {
    // AH to BH belong to the first four.
    return bit(isByte && !insn.rex && number >= 4 ? number & 3 : number);
  }
}
