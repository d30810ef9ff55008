package isola.cpu.x86.decode;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a line of {@code opcodes.txt} says, and what follows from it. */
final class OpcodeRow {
  private static final Set<String> REGISTER_NAMES =
      Set.of("AL", "AX", "CL", "DX", "ES", "CS", "SS", "DS", "FS", "GS", "ST", "STi", "XMM0", "1");

  private OpcodeRow() {}

  /**
   * Which of the table's maps and opcodes a line is about, {@code map << 8 | opcode}; all else in
   * it is left to {@link #parse}.
   */
  static int index(String line) {
    int map = 0;
    int opcode = -1;
    boolean vex = false;
    int end = line.indexOf('|');
    int at = 0;
    while (at < end) {
      int next = line.indexOf(' ', at);
      if (next == at) {
        at++;
        continue;
      }
      int length = (next < 0 || next > end ? end : next) - at;
      if (line.startsWith("VEX.", at)) {
        vex = true;
        int dot = line.indexOf(".0F", at);
        char last = line.charAt(dot + 4);
        map = line.charAt(dot + 3) != '3' ? 1 : last == '8' ? 2 : 3;
      } else {
        int value = length == 2 ? hex(line, at) : -1;
        if (value >= 0) {
          if (!vex && opcode == 0x0f && map == 0) {
            map = 1;
          } else if (!vex && map == 1 && (opcode == 0x38 || opcode == 0x3a)) {
            map = opcode == 0x38 ? 2 : 3;
          }
          opcode = value;
        }
      }
      at += length;
    }
    return (vex ? map + OpcodeTable.VEX : map) << 8 | opcode;
  }

  /** Two hexadecimal digits, or -1. */
  private static int hex(String line, int at) {
    int high = Character.digit(line.charAt(at), 16);
    int low = Character.digit(line.charAt(at + 1), 16);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
  }

  /** The form that a line of the file describes. */
  static Form parse(String line) {
    String[] columns = line.split("\\|", -1);
    int map = 0;
    String @Nullable [] vex = null;
    int opcode = -1;
    int prefix = Form.ANY;
    int extension = -1;
    int exact = -1;
    Form.Rm rm = Form.Rm.ANY;
    for (String token : columns[0].trim().split(" ", -1)) {
      switch (token) {
        case "NP" -> prefix = Form.NP;
        case "r" -> rm = Form.Rm.REGISTER;
        case "m" -> rm = Form.Rm.MEMORY;
        default -> {
          if (token.startsWith("VEX.")) {
            vex = token.split("\\.", -1);
            prefix = vex[2].equals("NP") ? Form.NP : Integer.parseInt(vex[2], 16);
            map = vex[3].equals("0F") ? 1 : vex[3].equals("0F38") ? 2 : 3;
          } else if (token.charAt(0) == '/') {
            extension = token.charAt(1) - '0';
          } else if (token.charAt(0) == '=') {
            exact = Integer.parseInt(token, 1, 3, 16);
          } else {
            int value = Integer.parseInt(token, 16);
            if (vex != null) {
              opcode = value;
            } else if (opcode == 0x0f && map == 0) {
              map = 1;
              opcode = value;
            } else if (map == 1 && opcode == 0x38) {
              map = 2;
              opcode = value;
            } else if (map == 1 && opcode == 0x3a) {
              map = 3;
              opcode = value;
            } else if (opcode >= 0) {
              prefix = opcode;
              opcode = value;
            } else {
              opcode = value;
            }
          }
        }
      }
    }
    String[] words = columns[1].trim().split(" ", -1);
    Operands operands = new Operands(words.length > 1 ? words[1].split(",", -1) : new String[0]);
    Attributes attributes = new Attributes(columns.length > 2 ? columns[2].trim() : "");
    if (attributes.forcedRegister) {
      rm = Form.Rm.FORCED_REGISTER;
    }
    int memory = memorySize(operands);
    return new Form(
        map,
        opcode,
        prefix,
        extension,
        exact,
        rm,
        Op.valueOf(words[0]),
        operands,
        attributes.group,
        attributes.lock,
        attributes.mode,
        width(Op.valueOf(words[0]), operands),
        attributes.size64,
        memory,
        memory == 16 && attributes.group == Group.SSE && !attributes.unaligned,
        shape(operands),
        vex == null ? null : vex(vex[1], vex[4], Op.valueOf(words[0]), operands, memory),
        Set.copyOf(attributes.features));
  }

  private static Form.Vex vex(String length, String w, Op op, Operands operands, int memory) {
    Form.Vex.Length l =
        switch (length) {
          case "128" -> Form.Vex.Length.L128;
          case "256" -> Form.Vex.Length.L256;
          case "LIG" -> Form.Vex.Length.IGNORED;
          default -> Form.Vex.Length.BOTH;
        };
    char to = operands.kind(0);
    boolean three = any(operands, 'H');
    boolean fused = op.name().startsWith("VF");
    Form.Vex.Register target = readsOnly(op) ? Form.Vex.Register.NONE : register(to);
    boolean loads =
        target != Form.Vex.Register.RM && (any(operands, 'W') || (to == 'V' && any(operands, 'M')));
    return new Form.Vex(
        l,
        w.equals("WIG") ? Form.ANY : w.charAt(1) - '0',
        target,
        to == 'H'
            ? Form.Vex.Register.RM
            : three && !fused ? Form.Vex.Register.VVVV : Form.Vex.Register.REG,
        step(operands),
        loads ? memory : 0,
        loads ? memory * Form.wider(operands) : 0);
  }

  private static boolean any(Operands operands, char kind) {
    for (int i = 0; i < operands.size(); i++) {
      if (operands.kind(i) == kind) {
        return true;
      }
    }
    return false;
  }

  private static Form.Vex.Register register(char operand) {
    return switch (operand) {
      case 'V' -> Form.Vex.Register.REG;
      case 'H' -> Form.Vex.Register.VVVV;
      case 'W', 'U' -> Form.Vex.Register.RM;
      default -> Form.Vex.Register.NONE;
    };
  }

  /** Instructions whose first operand is a vector that does not change. */
  private static boolean readsOnly(Op op) {
    return switch (op) {
      case COMISS,
          COMISD,
          UCOMISS,
          UCOMISD,
          PTEST,
          VTESTPS,
          VTESTPD,
          MASKMOVDQU,
          PCMPESTRI,
          PCMPESTRM,
          PCMPISTRI,
          PCMPISTRM ->
          true;
      default -> false;
    };
  }

  private static int step(Operands operands) {
    for (int i = 1; i < operands.size(); i++) {
      if (operands.get(i).charAt(0) == 'W') {
        return switch (operands.get(i).substring(1)) {
          case "h" -> 8;
          case "f" -> 4;
          case "e" -> 2;
          case "dq" -> 0;
          default -> 16;
        };
      }
    }
    return 16;
  }

  private static final class Attributes {
    Group group = Group.INTEGER;
    boolean lock;
    boolean unaligned;
    boolean forcedRegister;
    Form.Mode mode = Form.Mode.ALL;
    Form.Size64 size64 = Form.Size64.PLAIN;
    final Set<String> features = new HashSet<>();

    Attributes(String column) {
      boolean first = true;
      for (String word : column.split(" ", -1)) {
        Group named = first ? group(word) : null;
        first = false;
        if (named != null) {
          group = named;
        } else {
          add(word);
        }
      }
    }

    private void add(String word) {
      switch (word) {
        case "" -> {}
        case "sys" -> group = Group.SYSTEM;
        case "lock" -> lock = true;
        case "u" -> unaligned = true;
        case "modr" -> forcedRegister = true;
        case "i64" -> mode = Form.Mode.NOT_64;
        case "o64" -> mode = Form.Mode.ONLY_64;
        case "d64" -> size64 = Form.Size64.DEFAULT;
        case "f64" -> size64 = Form.Size64.FORCED;
        default -> features.add(word);
      }
    }

    private static @Nullable Group group(String word) {
      return switch (word) {
        case "sys" -> Group.SYSTEM;
        case "x87" -> Group.X87;
        case "mmx" -> Group.MMX;
        case "sse" -> Group.SSE;
        default -> null;
      };
    }
  }

  private static Form.Width width(Op op, Operands operands) {
    if (op == Op.CRC32) {
      return operands.get(1).equals("Eb") ? Form.Width.B : Form.Width.V;
    }
    for (String operand : operands) {
      if (operand.equals("AL")) {
        return Form.Width.B;
      }
      if (operand.equals("eAX")) {
        return Form.Width.Z;
      }
      char kind = operand.charAt(0);
      if (REGISTER_NAMES.contains(operand) || "IAJVWUPQNHL".indexOf(kind) >= 0) {
        continue;
      }
      switch (operand.substring(1)) {
        case "b" -> {
          return Form.Width.B;
        }
        case "w" -> {
          return kind == 'S' ? Form.Width.V : Form.Width.W;
        }
        case "d" -> {
          return Form.Width.D;
        }
        case "q" -> {
          return Form.Width.Q;
        }
        case "y" -> {
          return Form.Width.Y;
        }
        case "z" -> {
          return Form.Width.Z;
        }
        default -> {
          return Form.Width.V;
        }
      }
    }
    // SIMD rows without a general operand: REX.W still counts.
    for (String operand : operands) {
      if ("VWUPQN".indexOf(operand.charAt(0)) >= 0) {
        return Form.Width.Y;
      }
    }
    return Form.Width.V;
  }

  private static Form.Shape shape(Operands operands) {
    // ES is the segment register, not an operand of the kind E.
    if (operands.isEmpty() || operands.isSegment(0)) {
      return Form.Shape.OTHER;
    }
    char source = operands.kind(1);
    return switch (operands.kind(0)) {
      case 'E', 'M', 'R' ->
          source == 'G' ? Form.Shape.E_G : source == 'I' ? Form.Shape.E_I : Form.Shape.E;
      case 'G' -> source == 'E' || source == 'M' ? Form.Shape.G_E : Form.Shape.OTHER;
      case 'Z' -> source == 'I' ? Form.Shape.Z_I : Form.Shape.Z;
      case 'A', 'r' ->
          source == 'I' ? Form.Shape.A_I : source == 'O' ? Form.Shape.A_O : Form.Shape.OTHER;
      case 'O' -> Form.Shape.O_A;
      default -> Form.Shape.OTHER;
    };
  }

  private static int memorySize(Operands operands) {
    for (String operand : operands) {
      if ("EMQW".indexOf(operand.charAt(0)) >= 0) {
        return switch (operand.substring(1)) {
          case "b", "db" -> 1;
          case "w", "dw", "e" -> 2;
          case "d", "ss", "f" -> 4;
          case "q", "sd", "pi", "h", "dup" -> 8;
          case "t" -> 10;
          case "dq", "x", "ps", "pd" -> 16;
          default -> 0;
        };
      }
    }
    return 0;
  }
}
