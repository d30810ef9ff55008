package isola.cpu.x86.decode;

import org.jspecify.annotations.Nullable;

/**
 * One decoded instruction. Filled by the decoder once, read many times by the interpreter; never
 * changed after it is cached, but for the fields that say that they are the engine's.
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

  /** Prefix bits for {@link #prefixes}. */
  public static final int LOCK = 1;

  public static final int REP = 2;
  public static final int REPNE = 4;

  /** What the instruction does: the manual's mnemonic. */
  public Op op = Op.UD;

  /** The table's row, or null for {@link Op#UD}. */
  public @Nullable Form form;

  /** Length in bytes, 1 to 15. */
  public byte length;

  /** Effective operand size in bytes: 1 for byte forms, else 2, 4 or 8. */
  public byte operandSize;

  /** Effective address size in bytes: 2, 4 or 8. */
  public byte addressSize;

  /** {@link #LOCK}, {@link #REP}, {@link #REPNE}. */
  public byte prefixes;

  /**
   * Whether any REX prefix is there: byte registers 4 to 7 are then SPL to DIL instead of AH to BH.
   */
  public boolean rex;

  /**
   * ModRM.reg, or the register in the opcode. General, XMM, MMX, segment, control or debug register
   * as the form says. For x87, the ModRM.reg of the opcode.
   */
  public byte reg = NONE;

  /**
   * ModRM.rm where it names a register, ST(i) for x87, else {@link #NONE} and the memory fields
   * count.
   */
  public byte rm = NONE;

  /** Whether a VEX prefix is there; {@link #vvvv}, {@link #l256} and {@link #w} count then. */
  public boolean vex;

  /** The register that VEX.vvvv names, general or vector, or {@link #NONE} where it must not. */
  public byte vvvv = NONE;

  /** VEX.L. */
  public boolean l256;

  /** VEX.W. */
  public boolean w;

  /** Base register, {@link #RIP} or {@link #NONE}. */
  public byte base = NONE;

  /** Index register, a vector register in the forms that gather, or {@link #NONE}. */
  public byte index = NONE;

  /** Left shift of the index, 0 to 3. */
  public byte scale;

  /** Segment of the memory operand, override or default applied; DS where there is none. */
  public byte segment;

  /** Displacement, sign-extended. */
  public long displacement;

  /**
   * Immediate, sign- or zero-extended as the form says; relative branch distance. Bits 7:4 name the
   * fourth register of a VEX form that has one.
   */
  public long imm;

  /** Second immediate: far selector, ENTER level. */
  public int imm2;

  /** The engine's: how it executes this instruction. */
  public short handler;

  /** The engine's: a condition or operation beside {@link #handler}. */
  public byte sub;

  /** The engine's: bits above the operand size, 0 to 56. */
  public byte unused;

  /** The engine's: bits above the address size, 0, 32 or 48. */
  public byte unusedAddress;

  /** The engine's: which operand is loaded from memory, 0 for none. */
  public byte access;

  /** The engine's: bytes of that operand. */
  public byte accessSize;

  /** The engine's: position in its block. */
  public short ordinal;

  /** The engine's: offsets in the state of destination, source, base, index, segment base. */
  public char dst;

  public char src;
  public char baseSlot;
  public char indexSlot;
  public char segmentSlot;

  /** The engine's: an immediate added to the source, 0 if there is none. */
  public long constant;

  /** The engine's: the displacement with RIP worked in, or a second constant. */
  public long absolute;

  /** The engine's: address, relative to CS. */
  public long rip;

  /** The engine's: whether it is kept after its block was made. */
  public boolean kept;

  /** The engine's: the next instruction of its block. */
  public @Nullable Insn next;

  /** An instruction yet to be filled in. */
  public Insn() {}

  /** Makes it one to be filled in again; what is the engine's stays. */
  public void clear() {
    op = Op.UD;
    form = null;
    length = 0;
    operandSize = 0;
    addressSize = 0;
    prefixes = 0;
    rex = false;
    reg = NONE;
    rm = NONE;
    vex = false;
    vvvv = NONE;
    l256 = false;
    w = false;
    base = NONE;
    index = NONE;
    scale = 0;
    segment = 0;
    displacement = 0;
    imm = 0;
    imm2 = 0;
  }

  /** Whether there is a memory operand addressed by ModRM or an offset in the instruction. */
  public boolean memory() {
    return rm == NONE;
  }

  /** Whether LOCK stands in front. */
  public boolean locked() {
    return (prefixes & LOCK) != 0;
  }

  /** Opcode byte of the {@link #form}, whatever its map; -1 if there is none. */
  public int opcode() {
    Form row = form;
    return row == null ? -1 : row.opcode();
  }
}
