package isola.cpu.x86.decode;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One row of the opcode table: an instruction with one choice of operands.
 *
 * @param map 0 for one-byte opcodes, 1 for 0F, 2 for 0F 38, 3 for 0F 3A
 * @param opcode the opcode byte
 * @param prefix {@link #ANY}, {@link #NP}, 0x66, 0xf2 or 0xf3
 * @param extension ModRM.reg that selects this row, or -1
 * @param exact the whole ModRM byte that selects this row, or -1
 * @param rm which ModRM.rm this row takes
 * @param op the mnemonic
 * @param operands in the manual's notation, destination first
 * @param group who executes it
 * @param lockable whether LOCK is allowed with a memory destination
 * @param mode where it exists
 * @param width how its operand size follows from prefixes and mode
 * @param size64 what 64-bit code makes of its operand size
 * @param memorySize bytes of a memory operand, of a 128-bit form where the vector length counts; 0
 *     if they follow from the operand size or there is none
 * @param aligned whether a memory operand must be aligned to its 16 bytes
 * @param shape where integer operands are
 * @param vex what VEX must say, or null for a row without VEX
 * @param features the CPUID features it belongs to, and the table's other attributes
 */
public record Form(
    int map,
    int opcode,
    int prefix,
    int extension,
    int exact,
    Rm rm,
    Op op,
    Operands operands,
    Group group,
    boolean lockable,
    Mode mode,
    Width width,
    Size64 size64,
    int memorySize,
    boolean aligned,
    Shape shape,
    @Nullable Vex vex,
    Set<String> features) {
  /** {@link #prefix}: whatever mandatory prefixes stand there. */
  public static final int ANY = -1;

  /** {@link #prefix}: none of 66, F2, F3. */
  public static final int NP = 0;

  /**
   * What a VEX prefix must say (Intel SDM vol. 2A 2.3).
   *
   * @param length VEX.L
   * @param w VEX.W: 0, 1, or {@link #ANY}
   * @param target where a vector result goes
   * @param first the first source of a vector operation
   * @param step bytes from the second source of one lane to that of the next
   * @param load bytes of the second source where a vector operation has it in memory, for L128; 0
   *     for none
   * @param loadWide the same for L256
   */
  public record Vex(
      Length length, int w, Register target, Register first, int step, int load, int loadWide) {
    /** What names a vector register. */
    public enum Register {
      REG,
      VVVV,
      RM,
      /** There is none, or the instruction sees to it itself. */
      NONE
    }

    /** VEX.L of a row. */
    public enum Length {
      L128,
      L256,
      /** Either; operands that the manual marks with x follow. */
      BOTH,
      /** Of no meaning. */
      IGNORED
    }

    boolean matches(boolean l256, boolean wide) {
      boolean fits =
          switch (length) {
            case L128 -> !l256;
            case L256 -> l256;
            case BOTH, IGNORED -> true;
          };
      return fits && (w == ANY || (w == 1) == wide);
    }
  }

  /** Which operands an integer instruction has: destination, then source. */
  public enum Shape {
    /** ModRM.rm and ModRM.reg. */
    E_G,
    /** ModRM.reg and ModRM.rm. */
    G_E,
    /** ModRM.rm and an immediate. */
    E_I,
    /** ModRM.rm alone, or with a count. */
    E,
    /** The accumulator and an immediate. */
    A_I,
    /** The register in the opcode, perhaps with the accumulator. */
    Z,
    /** The register in the opcode and an immediate. */
    Z_I,
    /** The accumulator and an absolute address. */
    A_O,
    /** An absolute address and the accumulator. */
    O_A,
    /** Something else. */
    OTHER
  }

  /** ModRM.rm of a row. */
  public enum Rm {
    ANY,
    REGISTER,
    MEMORY,
    /** A register whatever ModRM.mod says (control and debug registers). */
    FORCED_REGISTER
  }

  /** Modes in which a row exists. */
  public enum Mode {
    ALL,
    NOT_64,
    ONLY_64
  }

  /** How the operand size is found: fixed, or by the letters of the manual. */
  public enum Width {
    B,
    W,
    D,
    Q,
    V,
    Y,
    Z
  }

  /** Operand size in 64-bit code. */
  public enum Size64 {
    PLAIN,
    /** 64 bits unless 66 makes it 16. */
    DEFAULT,
    /** 64 bits. */
    FORCED
  }

  /** Whether an operand of a kind is there: its first letter in the manual's notation. */
  public boolean has(char kind) {
    for (int i = 0; i < operands.size(); i++) {
      if (operands.kind(i) == kind) {
        return true;
      }
    }
    return false;
  }

  /** Whether a ModRM byte selects this row among those of its opcode. */
  boolean fits(int modRm) {
    boolean register = modRm >= 0xc0;
    return (exact < 0 || exact == modRm)
        && (extension < 0 || extension == ((modRm >> 3) & 7))
        && (rm != Rm.REGISTER || register)
        && (rm != Rm.MEMORY || !register);
  }

  /** Whether the index of the memory operand is a vector (VSIB). */
  public boolean gathers() {
    return vex != null && features.contains("vsib");
  }

  /** Bytes of the memory operand of an instruction of this row. */
  public int memorySize(Insn insn) {
    if (memorySize == 0) {
      return insn.operandSize;
    }
    return insn.vex && insn.l256 ? memorySize * wider(operands) : memorySize;
  }

  /** How many times as long a memory operand is with VEX.L. */
  static int wider(Operands operands) {
    for (String operand : operands) {
      if (operand.charAt(0) == 'W' || operand.charAt(0) == 'M') {
        return switch (operand.substring(1)) {
          case "x", "ps", "pd", "h", "f", "e" -> 2;
          case "dup" -> 4;
          default -> 1;
        };
      }
    }
    return 1;
  }

  /** The operand at a position, or the empty string. */
  public String operand(int position) {
    return operands.text(position);
  }

  /** Whether the destination is the operand that ModRM.rm names, register or memory. */
  public boolean rmIsDestination() {
    return operands.has(Operands.INTO_RM);
  }

  /** Whether a ModRM byte follows the opcode. */
  public boolean hasModRm() {
    return extension >= 0 || exact >= 0 || rm != Rm.ANY || operands.has(Operands.MODRM);
  }
}
