package isola.cpu.x86.decode;

/**
 * One decoded instruction. Filled by the decoder once, read many times by the interpreter; never
 * changed after it is cached.
 *
 * <p>Register numbers are 0 to 15 with REX applied, or {@link #NONE}.
 */
public final class Insn {
  /** No register, no memory operand. */
  public static final int NONE = -1;

  /**
   * {@link #base} of a RIP-relative operand; {@link #displacement} is then relative to the next
   * instruction.
   */
  public static final int RIP = 16;

  /** An instruction yet to be filled in. */
  public Insn() {}

  /** Prefix bits for {@link #prefixes}. */
  public static final int LOCK = 1;

  public static final int REP = 2;
  public static final int REPNE = 4;

  /** What the instruction does: the manual's mnemonic. */
  public Op op = Op.UD;

  /** Length in bytes, 1 to 15. */
  public int length;

  /** Effective operand size in bytes: 1 for byte forms, else 2, 4 or 8. */
  public int operandSize;

  /** Effective address size in bytes: 2, 4 or 8. */
  public int addressSize;

  /** {@link #LOCK}, {@link #REP}, {@link #REPNE}. */
  public int prefixes;

  /**
   * Whether any REX prefix is there: byte registers 4 to 7 are then SPL to DIL instead of AH to BH.
   */
  public boolean rex;

  /**
   * ModRM.reg, or the register in the opcode. General, XMM, MMX, segment, control or debug register
   * as the form says.
   */
  public int reg = NONE;

  /** ModRM.rm where it names a register, else {@link #NONE} and the memory fields count. */
  public int rm = NONE;

  /** Base register, {@link #RIP} or {@link #NONE}. */
  public int base = NONE;

  /** Index register or {@link #NONE}. */
  public int index = NONE;

  /** Left shift of the index, 0 to 3. */
  public int scale;

  /** Segment of the memory operand, override or default applied. */
  public int segment;

  /** Displacement, sign-extended. */
  public long displacement;

  /** Immediate, sign- or zero-extended as the form says; relative branch distance. */
  public long imm;

  /** Second immediate: far selector, ENTER level. */
  public int imm2;
}
