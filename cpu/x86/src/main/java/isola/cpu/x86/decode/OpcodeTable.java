package isola.cpu.x86.decode;

import isola.core.cpu.CpuidTable;
import isola.cpu.x86.spec.CpuidSpec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The opcode table, read once from {@code opcodes.txt} beside this class. Immutable. */
public final class OpcodeTable {
  /** Four maps without VEX, and the three that VEX.mmmmm names. */
  private static final int MAPS = 7;

  /** Added to the number of a map for its VEX forms. */
  static final int VEX = 3;

  private static final Form[] NONE = {};
  private static final Set<String> REGISTER_NAMES =
      Set.of("AL", "AX", "CL", "DX", "ES", "CS", "SS", "DS", "FS", "GS", "ST", "STi", "XMM0", "1");

  private static final Set<String> V3 =
      Set.of("avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "lzcnt");

  private static final OpcodeTable X86_64_V3 = read("opcodes.txt");
  private static final OpcodeTable X86_64 = X86_64_V3.without(V3);

  private final List<Form> forms;
  private final Form[][] byOpcode = new Form[MAPS * 256][];
  private final boolean[] modRm = new boolean[MAPS * 256];

  private OpcodeTable(List<Form> forms) {
    this.forms = List.copyOf(forms);
    for (int i = 0; i < byOpcode.length; i++) {
      int opcode = i & 255;
      List<Form> here = new ArrayList<>();
      for (Form form : forms) {
        if (index(form) == i >> 8 && form.opcode() == opcode) {
          here.add(form);
          modRm[i] |= form.hasModRm();
        }
      }
      here.sort(Comparator.comparingInt(OpcodeTable::breadth));
      byOpcode[i] = here.toArray(NONE);
    }
  }

  private static int index(Form form) {
    return form.vex() == null ? form.map() : form.map() + VEX;
  }

  private OpcodeTable without(Set<String> features) {
    return new OpcodeTable(
        forms.stream().filter(form -> Collections.disjoint(form.features(), features)).toList());
  }

  /** The table of every instruction up to x86-64-v2. */
  public static OpcodeTable x86() {
    return X86_64;
  }

  /** The table of every instruction up to x86-64-v3. */
  public static OpcodeTable v3() {
    return X86_64_V3;
  }

  /** The table of what a processor has that answers CPUID so. */
  public static OpcodeTable offered(CpuidTable cpuid) {
    CpuidTable.Row features = cpuid.find(CpuidSpec.FEATURES, 0);
    return features != null && (features.ecx() & CpuidSpec.AVX) != 0 ? X86_64_V3 : X86_64;
  }

  /** All rows in the order of the file. */
  public List<Form> forms() {
    return forms;
  }

  /** Whether the instructions of an opcode have a ModRM byte. */
  boolean hasModRm(int map, int opcode) {
    return modRm[(map << 8) | opcode];
  }

  /** The rows of an opcode, those that ask for most first. */
  Form[] candidates(int map, int opcode) {
    return byOpcode[(map << 8) | opcode];
  }

  private static int breadth(Form form) {
    int prefix =
        switch (form.prefix()) {
          case 0xf2, 0xf3 -> 0;
          case 0x66 -> 1;
          case Form.NP -> 2;
          default -> 3;
        };
    return prefix * 2 + (form.exact() >= 0 ? 0 : 1);
  }

  private static OpcodeTable read(String name) {
    List<Form> forms = new ArrayList<>();
    try (InputStream in = OpcodeTable.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the module");
      }
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isBlank() && line.charAt(0) != '#') {
          forms.add(row(line));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new OpcodeTable(forms);
  }

  private static Form row(String line) {
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
    List<String> operands = words.length > 1 ? List.of(words[1].split(",", -1)) : List.of();
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

  private static Form.Vex vex(String length, String w, Op op, List<String> operands, int memory) {
    Form.Vex.Length l =
        switch (length) {
          case "128" -> Form.Vex.Length.L128;
          case "256" -> Form.Vex.Length.L256;
          case "LIG" -> Form.Vex.Length.IGNORED;
          default -> Form.Vex.Length.BOTH;
        };
    char to = operands.isEmpty() ? ' ' : operands.get(0).charAt(0);
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

  private static boolean any(List<String> operands, char kind) {
    return operands.stream().anyMatch(operand -> operand.charAt(0) == kind);
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

  private static int step(List<String> operands) {
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

  private static Form.Width width(Op op, List<String> operands) {
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

  private static Form.Shape shape(List<String> operands) {
    // ES is the segment register, not an operand of the kind E.
    if (operands.isEmpty() || Form.isSegment(operands.get(0))) {
      return Form.Shape.OTHER;
    }
    String second = operands.size() > 1 ? operands.get(1) : "";
    char source = second.isEmpty() ? ' ' : second.charAt(0);
    return switch (operands.get(0).charAt(0)) {
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

  private static int memorySize(List<String> operands) {
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
