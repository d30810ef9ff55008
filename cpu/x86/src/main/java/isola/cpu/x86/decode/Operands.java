package isola.cpu.x86.decode;

import java.util.AbstractList;

/**
 * The operands of a row in the manual's notation, destination first, and what an engine asks of
 * them again and again, worked out once. Immutable.
 */
public final class Operands extends AbstractList<String> {
  /** {@link #has}: ModRM.rm names a general register or memory. */
  public static final int GENERAL_RM = 1;

  /** {@link #has}: that operand is a byte. */
  public static final int BYTE_RM = 1 << 1;

  /** {@link #has}: ModRM.reg names a general register. */
  public static final int GENERAL_REG = 1 << 2;

  /** {@link #has}: the opcode names a general register. */
  public static final int IN_OPCODE = 1 << 3;

  /** {@link #has}: the register that ModRM.reg or the opcode names is a byte. */
  public static final int BYTE_REG = 1 << 4;

  /** {@link #has}: the accumulator is named. */
  public static final int ACCUMULATOR = 1 << 5;

  /** {@link #has}: VEX.vvvv names a general register. */
  public static final int GENERAL_VVVV = 1 << 6;

  /** {@link #has}: VEX.vvvv names a vector register. */
  public static final int VECTOR_VVVV = 1 << 7;

  /** {@link #has}: an operand may be in memory, addressed by ModRM or an offset. */
  public static final int MEMORY = 1 << 8;

  /** {@link #has}: an absolute address. */
  public static final int OFFSET = 1 << 9;

  /** {@link #has}: the second or third operand is CL. */
  public static final int COUNT_IN_CL = 1 << 10;

  /** {@link #has}: ModRM names an operand. */
  public static final int MODRM = 1 << 11;

  /** {@link #has}: the destination is what ModRM.rm names, register or memory. */
  public static final int INTO_RM = 1 << 12;

  /** {@link #kind} and {@link #type} of what is not there. */
  public static final char NONE = ' ';

  private final String[] texts;
  private final char[] kinds;
  private final char[] types;
  private final int facts;

  Operands(String... texts) {
    this.texts = texts.clone();
    kinds = new char[texts.length];
    types = new char[texts.length];
    int all = 0;
    for (int i = 0; i < texts.length; i++) {
      kinds[i] = texts[i].charAt(0);
      types[i] = texts[i].length() > 1 ? texts[i].charAt(1) : NONE;
      all |= facts(i);
    }
    facts = all;
  }

  private int facts(int i) {
    boolean isByte = texts[i].length() == 2 && types[i] == 'b';
    boolean segment = isSegment(i);
    int known =
        switch (kinds[i]) {
          case 'E' -> segment ? MEMORY : MEMORY | GENERAL_RM | (isByte ? BYTE_RM : 0);
          case 'R' -> GENERAL_RM;
          case 'M', 'Q', 'W' -> MEMORY;
          case 'O' -> MEMORY | OFFSET;
          case 'G' -> segment ? 0 : GENERAL_REG | (isByte ? BYTE_REG : 0);
          case 'Z' -> IN_OPCODE | (isByte ? BYTE_REG : 0);
          case 'A', 'r' -> ACCUMULATOR;
          case 'B' -> GENERAL_VVVV;
          case 'H' -> VECTOR_VVVV;
          default -> 0;
        };
    boolean cl = texts[i].equals("CL");
    if (cl && i > 0) {
      known |= COUNT_IN_CL;
    }
    if ("CDEGMNPQRSUVW".indexOf(kinds[i]) >= 0 && !cl && !texts[i].equals("DX") && !segment) {
      known |= MODRM;
    }
    if (i == 0 && !segment && "EMQWUNR".indexOf(kinds[i]) >= 0) {
      known |= INTO_RM;
    }
    return known;
  }

  /** Whether an operand is a segment register that the opcode itself names. */
  boolean isSegment(int i) {
    return texts[i].length() == 2 && types[i] == 'S';
  }

  /** Whether a fact, one of the constants here or any of several, is true. */
  public boolean has(int fact) {
    return (facts & fact) != 0;
  }

  /** The first letter of an operand, {@link #NONE} if there is no such operand. */
  public char kind(int i) {
    return i < kinds.length ? kinds[i] : NONE;
  }

  /** The second letter of an operand, {@link #NONE} if there is none. */
  public char type(int i) {
    return i < types.length ? types[i] : NONE;
  }

  /** An operand, or the empty string. */
  String text(int i) {
    return i < texts.length ? texts[i] : "";
  }

  @Override
  public String get(int i) {
    return texts[i];
  }

  @Override
  public int size() {
    return texts.length;
  }
}
