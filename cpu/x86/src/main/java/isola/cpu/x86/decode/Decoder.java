package isola.cpu.x86.decode;

import isola.cpu.x86.spec.Segment;
import org.jspecify.annotations.Nullable;

/**
 * Instruction bytes to {@link Insn} (Intel SDM vol. 2A chapter 2). One per thread; holds nothing
 * between calls.
 */
public final class Decoder {
  /** An instruction can be this long (2.3.11); a longer one is #GP(0). */
  public static final int MAX_LENGTH = 15;

  /** Outcome of {@link #decode}. */
  public enum Status {
    OK,
    /** More bytes are needed than were available. */
    MORE,
    /** No such instruction: #UD. */
    UNDEFINED,
    /** More than {@link #MAX_LENGTH} bytes: #GP(0). */
    TOO_LONG
  }

  private static final byte[] BASE_16 = {3, 3, 5, 5, 6, 7, 5, 3};
  private static final byte[] INDEX_16 = {6, 7, 6, 7, -1, -1, -1, -1};

  private final OpcodeTable table;

  private byte[] code = {};
  private int start;
  private int at;
  private int end;
  private Status status = Status.OK;

  /** A decoder of what the level x86-64-v2 has. */
  public Decoder() {
    this(OpcodeTable.x86());
  }

  /** A decoder of a table's instructions. */
  public Decoder(OpcodeTable table) {
    this.table = table;
  }

  /**
   * Decodes one instruction.
   *
   * @param insn a new one, filled in on {@link Status#OK}
   * @param bytes where the instruction's bytes are
   * @param offset where it begins there
   * @param available how many bytes can be read from there on
   * @param codeSize 2, 4 or 8: the code segment's default size, 8 for 64-bit code
   */
  public Status decode(Insn insn, byte[] bytes, int offset, int available, int codeSize) {
    code = bytes;
    start = offset;
    at = offset;
    end = offset + available;
    status = Status.OK;
    Status outcome = decode(insn, codeSize);
    insn.length = (byte) (at - start);
    return status == Status.OK ? outcome : status;
  }

  private int fetch() {
    if (at - start >= MAX_LENGTH) {
      if (status == Status.OK) {
        status = Status.TOO_LONG;
      }
      return 0;
    }
    if (at >= end) {
      if (status == Status.OK) {
        status = Status.MORE;
      }
      return 0;
    }
    return code[at++] & 0xff;
  }

  private long fetch(int bytes) {
    if (bytes == 1) {
      return fetch();
    }
    if (bytes == 4 && at + 4 <= end && at + 4 - start <= MAX_LENGTH) {
      int here = at;
      at = here + 4;
      return (code[here] & 0xffL)
          | (code[here + 1] & 0xffL) << 8
          | (code[here + 2] & 0xffL) << 16
          | (code[here + 3] & 0xffL) << 24;
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) fetch() << (i * 8);
    }
    return value;
  }

  private long fetchSigned(int bytes) {
    int unused = 64 - bytes * 8;
    return fetch(bytes) << unused >> unused;
  }

  private Status decode(Insn insn, int codeSize) {
    boolean is64 = codeSize == 8;
    boolean operandPrefix = false;
    boolean addressPrefix = false;
    int repeat = 0;
    int rex = 0;
    int override = -1;
    int opcode;
    while (true) {
      opcode = fetch();
      if (status != Status.OK) {
        return status;
      }
      switch (opcode) {
        case 0x66 -> operandPrefix = true;
        case 0x67 -> addressPrefix = true;
        case 0xf0 -> insn.prefixes |= (byte) Insn.LOCK;
        case 0xf2, 0xf3 -> repeat = opcode;
        case 0x26, 0x2e, 0x36, 0x3e -> {
          if (!is64) {
            override = (opcode >> 3) & 3;
          }
        }
        case 0x64, 0x65 -> override = opcode & 7;
        default -> {
          if (!is64 || (opcode & 0xf0) != 0x40) {
            break;
          }
          rex = opcode;
          continue;
        }
      }
      if (!isPrefix(opcode)) {
        break;
      }
      // A REX prefix counts only right before the opcode.
      rex = 0;
    }
    if ((opcode == 0xc4 || opcode == 0xc5) && isVex(is64)) {
      if (status != Status.OK) {
        return status;
      }
      if (insn.locked() || operandPrefix || repeat != 0 || rex != 0) {
        return Status.UNDEFINED;
      }
      return vex(insn, opcode == 0xc4, codeSize, addressPrefix, override);
    }
    if (repeat != 0) {
      insn.prefixes |= (byte) (repeat == 0xf3 ? Insn.REP : Insn.REPNE);
    }
    insn.rex = rex != 0;
    int map = 0;
    if (opcode == 0x0f) {
      map = 1;
      opcode = fetch();
      if (opcode == 0x38 || opcode == 0x3a) {
        map = opcode == 0x38 ? 2 : 3;
        opcode = fetch();
      }
    }
    boolean hasModRm = table.hasModRm(map, opcode);
    int modRm = hasModRm ? fetch() : 0;
    if (status != Status.OK) {
      return status;
    }
    int prefix = repeat != 0 ? repeat : operandPrefix ? 0x66 : Form.NP;
    Form form = select(map, opcode, prefix, modRm, is64, (rex & 1) != 0);
    if (form == null) {
      return Status.UNDEFINED;
    }
    insn.operandSize = (byte) operandSize(form, codeSize, operandPrefix, (rex & 8) != 0);
    return operands(
        insn, form, opcode, hasModRm ? modRm : -1, rex, codeSize, addressPrefix, override);
  }

  /** Whether C4 or C5 begins a VEX prefix; outside 64-bit code LES and LDS share the byte. */
  private boolean isVex(boolean is64) {
    if (is64) {
      return true;
    }
    int second = fetch();
    at--;
    return second >= 0xc0 || status != Status.OK;
  }

  /** What follows C4 or C5 (2.3.5). */
  private Status vex(Insn insn, boolean three, int codeSize, boolean addressPrefix, int override) {
    int first = fetch();
    int map = three ? first & 31 : 1;
    int last = three ? fetch() : first & 0x7f;
    int opcode = fetch();
    if (status != Status.OK) {
      return status;
    }
    boolean is64 = codeSize == 8;
    int rex = (three ? last >> 4 & 8 | ~first >> 5 & 7 : ~first >> 5 & 4);
    if (!is64) {
      // Eight registers; what would name more does not count.
      rex &= 8;
    }
    if (map < 1 || map > 3) {
      return Status.UNDEFINED;
    }
    insn.vex = true;
    insn.rex = true;
    insn.l256 = (last & 4) != 0;
    insn.w = (last & 0x80) != 0;
    int register = ~last >> 3 & 15;
    boolean hasModRm = table.hasModRm(map + OpcodeTable.VEX, opcode);
    int modRm = hasModRm ? fetch() : 0;
    if (status != Status.OK) {
      return status;
    }
    int prefix =
        switch (last & 3) {
          case 0 -> Form.NP;
          case 1 -> 0x66;
          case 2 -> 0xf3;
          default -> 0xf2;
        };
    Form form = select(insn, map, opcode, prefix, modRm, is64);
    if (form == null) {
      return Status.UNDEFINED;
    }
    if (form.operands().has(Operands.VECTOR_VVVV | Operands.GENERAL_VVVV)) {
      insn.vvvv = (byte) (is64 ? register : register & 7);
    } else if (register != 0) {
      return Status.UNDEFINED;
    }
    insn.operandSize = (byte) operandSize(form, codeSize, false, insn.w);
    return operands(
        insn, form, opcode, hasModRm ? modRm : -1, rex, codeSize, addressPrefix, override);
  }

  private @Nullable Form select(
      Insn insn, int map, int opcode, int prefix, int modRm, boolean is64) {
    for (Form form : table.candidates(map + OpcodeTable.VEX, opcode)) {
      Form.Vex vex = form.vex();
      if (vex != null
          && vex.matches(insn.l256, insn.w)
          && form.prefix() == prefix
          && form.mode() != (is64 ? Form.Mode.NOT_64 : Form.Mode.ONLY_64)
          && form.fits(modRm)) {
        return form;
      }
    }
    return null;
  }

  private Status operands(
      Insn insn,
      Form form,
      int opcode,
      int modRm,
      int rex,
      int codeSize,
      boolean addressPrefix,
      int override) {
    boolean is64 = codeSize == 8;
    insn.form = form;
    insn.op = form.op();
    insn.addressSize =
        (byte) (is64 ? (addressPrefix ? 4 : 8) : (codeSize == 4) != addressPrefix ? 4 : 2);
    insn.segment = (byte) (override >= 0 ? override : Segment.DS);
    if (modRm >= 0) {
      boolean register = modRm >= 0xc0 || form.rm() == Form.Rm.FORCED_REGISTER;
      insn.reg = (byte) (((modRm >> 3) & 7) | ((rex & 4) << 1));
      if (register) {
        insn.rm = (byte) ((modRm & 7) | ((rex & 1) << 3));
      } else if (insn.addressSize == 2) {
        if (form.gathers()) {
          return Status.UNDEFINED;
        }
        memory16(insn, modRm, override);
      } else {
        memory(insn, form, modRm, rex, override, is64);
      }
      if (insn.locked() && (!form.lockable() || register)) {
        return Status.UNDEFINED;
      }
    } else if (insn.locked()) {
      return Status.UNDEFINED;
    }
    return operands(insn, form, opcode, rex);
  }

  private static boolean isPrefix(int b) {
    return switch (b) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> false;
    };
  }

  private @Nullable Form select(
      int map, int opcode, int prefix, int modRm, boolean is64, boolean rexB) {
    for (Form form : table.candidates(map, opcode)) {
      boolean matches =
          (form.prefix() == Form.ANY || form.prefix() == prefix)
              && form.fits(modRm)
              && form.mode() != (is64 ? Form.Mode.NOT_64 : Form.Mode.ONLY_64);
      // With REX.B, 90 exchanges R8 and does nothing else no longer.
      if (matches && !(map == 0 && opcode == 0x90 && rexB && form.op() != Op.XCHG)) {
        return form;
      }
    }
    return null;
  }

  private static int operandSize(Form form, int codeSize, boolean prefix, boolean rexW) {
    boolean is64 = codeSize == 8;
    int size;
    if (is64) {
      size =
          switch (form.size64()) {
            case FORCED -> 8;
            case DEFAULT -> prefix && !rexW ? 2 : 8;
            case PLAIN -> rexW ? 8 : prefix ? 2 : 4;
          };
    } else {
      size = (codeSize == 4) != prefix ? 4 : 2;
    }
    return switch (form.width()) {
      case B -> 1;
      case W -> 2;
      case D -> 4;
      case Q -> 8;
      case V -> size;
      case Y -> is64 && (rexW || form.size64() == Form.Size64.FORCED) ? 8 : 4;
      case Z -> Math.min(size, 4);
    };
  }

  private void memory16(Insn insn, int modRm, int override) {
    int mod = modRm >> 6;
    int rm = modRm & 7;
    insn.base = BASE_16[rm];
    insn.index = INDEX_16[rm];
    if (mod == 0 && rm == 6) {
      insn.base = Insn.NONE;
      insn.displacement = fetchSigned(2);
    } else if (mod == 1) {
      insn.displacement = fetchSigned(1);
    } else if (mod == 2) {
      insn.displacement = fetchSigned(2);
    }
    if (override < 0 && insn.base == 5) {
      insn.segment = Segment.SS;
    }
  }

  private void memory(Insn insn, Form form, int modRm, int rex, int override, boolean is64) {
    int mod = modRm >> 6;
    int rm = modRm & 7;
    if (rm == 4) {
      int sib = fetch();
      int index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index != 4 || (insn.vex && form.gathers())) {
        insn.index = (byte) index;
        insn.scale = (byte) (sib >> 6);
      }
      if ((sib & 7) == 5 && mod == 0) {
        insn.displacement = fetchSigned(4);
      } else {
        insn.base = (byte) ((sib & 7) | ((rex & 1) << 3));
      }
    } else if (rm == 5 && mod == 0) {
      insn.displacement = fetchSigned(4);
      insn.base = (byte) (is64 ? Insn.RIP : Insn.NONE);
    } else {
      insn.base = (byte) (rm | ((rex & 1) << 3));
    }
    if (mod == 1) {
      insn.displacement = fetchSigned(1);
    } else if (mod == 2) {
      insn.displacement = fetchSigned(4);
    }
    if (override < 0 && (insn.base == 4 || insn.base == 5)) {
      insn.segment = Segment.SS;
    }
  }

  private Status operands(Insn insn, Form form, int opcode, int rex) {
    boolean first = true;
    Operands operands = form.operands();
    int count = operands.size();
    for (int i = 0; i < count; i++) {
      char type = operands.type(i);
      switch (operands.kind(i)) {
        case 'I' -> {
          if (first) {
            insn.imm = immediate(insn, operands, i);
            first = false;
          } else {
            insn.imm2 = (int) fetch(1);
          }
        }
        case 'J' -> insn.imm = fetchSigned(type == 'b' ? 1 : Math.min(insn.operandSize, 4));
        case 'A' -> {
          if (type == 'p') {
            insn.imm = fetch(Math.min(insn.operandSize, 4));
            insn.imm2 = (int) fetch(2);
          }
        }
        case 'O' -> insn.displacement = fetch(insn.addressSize);
        case 'L' -> insn.imm = fetch(1);
        case 'Z' -> insn.reg = (byte) ((opcode & 7) | ((rex & 1) << 3));
        case 'P' -> insn.reg &= 7;
        case 'Q', 'N' -> {
          if (insn.rm >= 0) {
            insn.rm &= 7;
          }
        }
        case 'S' -> {
          if (type == 'w') {
            insn.reg &= 7;
            if (insn.reg > Segment.GS) {
              return Status.UNDEFINED;
            }
          } else if (operands.get(i).equals("STi")) {
            insn.rm &= 7;
          }
        }
        default -> {}
      }
    }
    if (form.group() == Group.X87) {
      insn.reg &= 7;
    }
    if (insn.index == Insn.NONE && form.gathers()) {
      return Status.UNDEFINED;
    }
    return Status.OK;
  }

  private long immediate(Insn insn, Operands operands, int i) {
    return switch (operands.type(i)) {
      case 'b' -> operands.get(i).length() == 2 ? fetch(1) : fetchSigned(1);
      case 'w' -> fetch(2);
      case 'z' -> fetchSigned(Math.min(insn.operandSize, 4));
      default -> fetchSigned(insn.operandSize);
    };
  }
}
