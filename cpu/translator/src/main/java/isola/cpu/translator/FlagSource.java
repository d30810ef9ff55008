package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.P66;
import static isola.cpu.translator.HostAssembler.REX;
import static isola.cpu.translator.HostAssembler.W;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Flags;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.Operands;
import org.jspecify.annotations.Nullable;

/**
 * What the status flags follow from, so that they can be worked out later and need not be saved
 * where host code loses them: the operation, and where its operands are as long as nothing writes
 * there. The flags' undefined AF of a logical operation is what the host makes of it.
 *
 * @param kind the operation
 * @param size bytes of its operands
 * @param left guest register of the first operand or, where the operation has a result, of that; or
 *     {@link #SLOT_LEFT}
 * @param added what the register is to be increased by to give the operand
 * @param right guest register of the second operand, {@link #SLOT_RIGHT}, or {@link #IMMEDIATE}
 * @param immediate the second operand, if it is a constant
 */
record FlagSource(Kind kind, int size, int left, int added, int right, long immediate) {
  /** The operation. */
  enum Kind {
    /** Flags of a result that is 0. */
    ZERO,
    /** Flags of left minus right. */
    COMPARE,
    /** Flags of left and right. */
    TEST,
    /** Flags of the addition that gave left by adding right. */
    SUM,
    /** Flags of the subtraction that gave left by taking right off. */
    DIFFERENCE,
    /** Flags of the negation that gave left. */
    NEGATION
  }

  /** Operands that are kept in the state as their registers are not their own any more. */
  static final int SLOT_LEFT = 16;

  static final int SLOT_RIGHT = 17;

  static final int IMMEDIATE = -1;

  private static final int ALL_REGISTERS = 0xffff;

  /** What the flags that an instruction sets follow from, or null if that is not to be had. */
  static @Nullable FlagSource of(Insn insn, Form form) {
    Kind kind =
        switch (insn.op) {
          case CMP -> Kind.COMPARE;
          case TEST, AND, OR, XOR -> Kind.TEST;
          case ADD -> Kind.SUM;
          case SUB -> Kind.DIFFERENCE;
          case NEG -> Kind.NEGATION;
          default -> null;
        };
    if (kind == null || Coverage.highByte(insn, form)) {
      return null;
    }
    Operands operands = form.operands();
    int left = register(insn, operands.kind(0));
    if (left < 0) {
      return null;
    }
    boolean isByte = operands.type(0) == 'b' || operands.type(0) == 'L';
    int size = isByte ? 1 : insn.operandSize;
    if (kind == Kind.NEGATION) {
      return new FlagSource(kind, size, left, 0, IMMEDIATE, 0);
    }
    int right = register(insn, operands.kind(1));
    boolean constant = operands.kind(1) == 'I';
    boolean same = right == left;
    return switch (insn.op) {
      case XOR, SUB, CMP -> {
        if (same) {
          yield new FlagSource(Kind.ZERO, size, SLOT_LEFT, 0, IMMEDIATE, 0);
        }
        if (insn.op == Op.XOR) {
          yield new FlagSource(kind, size, left, 0, left, 0);
        }
        yield constant || right >= 0 ? new FlagSource(kind, size, left, 0, right, insn.imm) : null;
      }
      case AND, OR -> new FlagSource(kind, size, left, 0, left, 0);
      case ADD ->
          (constant || right >= 0) && !same
              ? new FlagSource(kind, size, left, 0, right, insn.imm)
              : null;
      default ->
          constant || right >= 0 ? new FlagSource(kind, size, left, 0, right, insn.imm) : null;
    };
  }

  private static int register(Insn insn, char operand) {
    return switch (operand) {
      case 'E' -> insn.memory() ? IMMEDIATE : insn.rm;
      case 'G' -> insn.reg;
      case 'A', 'r' -> 0;
      default -> IMMEDIATE;
    };
  }

  /** The registers that it stands on, by bit. */
  int registers() {
    if (kind == Kind.ZERO) {
      return 0;
    }
    int mask = 1 << left;
    if (right >= 0) {
      mask |= 1 << right;
    }
    return mask & ALL_REGISTERS;
  }

  /** The same after a constant was added to the guest's register {@code register}. */
  FlagSource moved(int register, int by) {
    return left == register && kind != Kind.ZERO
        ? new FlagSource(kind, size, left, added - by, right, immediate)
        : this;
  }

  // Worked out by Java.

  /** Sets the processor's status flags; all of its registers are in its state. */
  void compute(Cpu cpu) {
    Flags flags = cpu.flags;
    int unused = 64 - size * 8;
    if (kind == Kind.ZERO) {
      flags.logic(0);
      return;
    }
    long l = (value(cpu, left) + added) << unused >> unused;
    long r = right == left ? l : (right < 0 ? immediate : value(cpu, right)) << unused >> unused;
    switch (kind) {
      case COMPARE -> flags.compare(l, r, unused);
      case TEST -> flags.test(l, r);
      case SUM -> flags.add((l - r) << unused >> unused, r, unused);
      case DIFFERENCE -> flags.sub((l + r) << unused >> unused, r, unused);
      default -> flags.sub(0, -l << unused >> unused, unused);
    }
  }

  private static long value(Cpu cpu, int from) {
    return from < SLOT_LEFT ? cpu.gpr(from) : cpu.field(place(from));
  }

  /** Where in the state an operand is that no host register stands for. */
  private static int place(int from) {
    return from < SLOT_LEFT
        ? Layout.gpr(from)
        : from == SLOT_LEFT ? Layout.FLAGS_LEFT : Layout.FLAGS_RIGHT;
  }

  private static int host(int from) {
    return from < SLOT_LEFT ? Layout.host(from) : HostAssembler.NONE;
  }

  // Worked out by host code.

  /** Brings the flags back to the host's register; changes {@link Layout#TEMPORARY} alone. */
  void emit(HostAssembler a) {
    int scratch = Layout.TEMPORARY;
    switch (kind) {
      case ZERO -> a.register(0, 0x33, scratch, scratch);
      case COMPARE -> operate(a, 7, kept(a, scratch));
      case TEST -> test(a, kept(a, scratch));
      case SUM -> {
        load(a, scratch);
        operate(a, 5, scratch);
        operate(a, 0, scratch);
      }
      case DIFFERENCE -> {
        load(a, scratch);
        operate(a, 0, scratch);
        operate(a, 5, scratch);
      }
      case NEGATION -> {
        load(a, scratch);
        int opcode = size == 1 ? 0xf6 : 0xf7;
        a.register(width(), opcode, 3, scratch);
        a.register(width(), opcode, 3, scratch);
      }
    }
  }

  private int width() {
    return switch (size) {
      case 1 -> REX;
      case 2 -> P66;
      case 4 -> 0;
      default -> W;
    };
  }

  /** The register that holds the first operand: its own, or {@code scratch} loaded. */
  private int kept(HostAssembler a, int scratch) {
    int own = host(left);
    if (own >= 0 && added == 0) {
      return own;
    }
    load(a, scratch);
    return scratch;
  }

  private void load(HostAssembler a, int to) {
    int own = host(left);
    if (own < 0) {
      a.load(to, place(left));
      own = to;
    }
    if (added != 0) {
      a.lea(to, own, added);
    } else {
      a.mov(to, own);
    }
  }

  /** ADD (0), SUB (5) or CMP (7) of the second operand. */
  private void operate(HostAssembler a, int operation, int to) {
    if (right < 0) {
      boolean small = immediate == (byte) immediate;
      a.register(width(), size == 1 ? 0x80 : small ? 0x83 : 0x81, operation, to);
      immediate(a, size == 1 || small ? 1 : Math.min(size, 4));
      return;
    }
    int opcode = operation * 8 + (size == 1 ? 2 : 3);
    int own = host(right);
    if (own >= 0) {
      a.register(width(), opcode, to, own);
    } else {
      a.state(width(), opcode, to, place(right));
    }
  }

  private void test(HostAssembler a, int to) {
    if (right < 0) {
      a.register(width(), size == 1 ? 0xf6 : 0xf7, 0, to);
      immediate(a, Math.min(size, 4));
      return;
    }
    int opcode = size == 1 ? 0x84 : 0x85;
    int own = host(right);
    if (right == left) {
      a.register(width(), opcode, to, to);
    } else if (own >= 0) {
      a.register(width(), opcode, to, own);
    } else {
      a.state(width(), opcode, to, place(right));
    }
  }

  private void immediate(HostAssembler a, int bytes) {
    for (int i = 0; i < bytes; i++) {
      a.emit((int) (immediate >> i * 8));
    }
  }

  /** The same with what stands in {@code registers}, by bit, in the state; {@code scratch} lost. */
  FlagSource spill(HostAssembler a, int registers, int scratch) {
    FlagSource now = this;
    if ((registers() & registers) == 0) {
      return now;
    }
    if (left < SLOT_LEFT && (registers >> left & 1) != 0) {
      int from = kept(a, scratch);
      a.store(Layout.FLAGS_LEFT, from);
      int second = right == left ? SLOT_LEFT : right;
      now = new FlagSource(kind, size, SLOT_LEFT, 0, second, immediate);
    }
    if (now.right >= 0 && now.right < SLOT_LEFT && (registers >> now.right & 1) != 0) {
      int from = host(now.right);
      if (from < 0) {
        a.load(scratch, place(now.right));
        from = scratch;
      }
      a.store(Layout.FLAGS_RIGHT, from);
      now = new FlagSource(kind, size, now.left, now.added, SLOT_RIGHT, immediate);
    }
    return now;
  }
}
