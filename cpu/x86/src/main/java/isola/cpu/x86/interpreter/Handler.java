package isola.cpu.x86.interpreter;

/** How the interpreter's loop executes an instruction: small numbers without gaps. */
final class Handler {

  /** Dropped code: look it up again. */
  static final int STALE = 0;

  /** After the last instruction of a block that does not end in a branch. */
  static final int END = 1;

  /** General semantics. */
  static final int INTEGER = 2;

  static final int INTEGER_END = 3;
  static final int SYSTEM_END = 4;
  static final int SSE = 5;
  static final int MMX = 6;
  static final int X87 = 7;
  static final int NOP = 8;

  /**
   * Arithmetic in the order of {@code Arithmetic}: a register, and a register, immediate or memory.
   */
  static final int ADD = 9;

  static final int OR = 10;
  static final int ADC = 11;
  static final int SBB = 12;
  static final int AND = 13;
  static final int SUB = 14;
  static final int XOR = 15;
  static final int CMP = 16;
  static final int TEST = 17;

  /** Reads, changes and writes memory; {@code sub} is the operation. */
  static final int UPDATE = 18;

  static final int MOV = 19;
  static final int MOVZX1 = 20;
  static final int MOVZX2 = 21;
  static final int MOVSX1 = 22;
  static final int MOVSX2 = 23;
  static final int MOVSX4 = 24;
  static final int STORE = 25;
  static final int LEA = 26;
  static final int INC = 27;
  static final int DEC = 28;
  static final int NEG = 29;
  static final int NOT = 30;
  static final int SHL = 31;
  static final int SHR = 32;
  static final int SAR = 33;

  /** Shift or rotate of a register that the three before do not do. */
  static final int SHIFT = 34;

  static final int IMUL = 35;

  /** IMUL with an immediate. */
  static final int IMUL3 = 36;

  static final int CMOV = 37;
  static final int SET = 38;
  static final int SIGN = 39;
  static final int BT = 40;
  static final int PUSH = 41;
  static final int POP = 42;
  static final int LEAVE = 43;
  static final int CALL = 44;
  static final int CALL_INDIRECT = 45;
  static final int JMP = 46;
  static final int JMP_INDIRECT = 47;
  static final int RET = 48;

  /** Sixteen conditional jumps, by condition number. */
  static final int JCC = 49;

  /** CMP and the conditional jump after it, by condition number; overflow and parity have none. */
  static final int CMP_JCC = 65;

  /** TEST and the conditional jump after it. */
  static final int TEST_JCC = 81;

  // As their namesakes, where nothing can see the flags before they are set again.
  static final int ADD_QUIET = 97;
  static final int OR_QUIET = 98;
  static final int AND_QUIET = 99;
  static final int SUB_QUIET = 100;
  static final int XOR_QUIET = 101;
  static final int SHL_QUIET = 102;
  static final int SHR_QUIET = 103;
  static final int SAR_QUIET = 104;

  private Handler() {}
}
