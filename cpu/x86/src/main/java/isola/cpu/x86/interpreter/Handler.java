package isola.cpu.x86.interpreter;

/** How the interpreter's loop executes an instruction: small numbers without gaps. */
final class Handler {
  /** Dropped code: look it up again. */
  static final int STALE = 0;

  /** After the last instruction of a block that does not end in a branch. */
  static final int END = 1;

  static final int INTEGER = 2;
  static final int INTEGER_END = 3;
  static final int SYSTEM_END = 4;
  static final int SSE = 5;
  static final int MMX = 6;
  static final int X87 = 7;
  static final int NOP = 8;

  // Destination and source in registers, or an immediate source; in the order of Arithmetic.
  static final int ADD = 9;
  static final int OR = 10;
  static final int ADC = 11;
  static final int SBB = 12;
  static final int AND = 13;
  static final int SUB = 14;
  static final int XOR = 15;
  static final int CMP = 16;
  static final int TEST = 17;

  // Destination in a register, source in memory.
  static final int ADD_LOAD = 18;
  static final int OR_LOAD = 19;
  static final int ADC_LOAD = 20;
  static final int SBB_LOAD = 21;
  static final int AND_LOAD = 22;
  static final int SUB_LOAD = 23;
  static final int XOR_LOAD = 24;
  static final int CMP_LOAD = 25;
  static final int TEST_LOAD = 26;

  /** First operand in memory. */
  static final int CMP_MEMORY = 27;

  static final int TEST_MEMORY = 28;

  /** Read, change, write memory; {@code sub} is the operation. */
  static final int UPDATE = 29;

  static final int MOV = 30;
  static final int MOVZX1 = 31;
  static final int MOVZX2 = 32;
  static final int MOVSX1 = 33;
  static final int MOVSX2 = 34;
  static final int MOVSX4 = 35;
  static final int LOAD1 = 36;
  static final int LOAD2 = 37;
  static final int LOAD4 = 38;
  static final int LOAD8 = 39;
  static final int LOADS1 = 40;
  static final int LOADS2 = 41;
  static final int LOADS4 = 42;
  static final int STORE1 = 43;
  static final int STORE2 = 44;
  static final int STORE4 = 45;
  static final int STORE8 = 46;
  static final int LEA = 47;
  static final int INC = 48;
  static final int DEC = 49;
  static final int NEG = 50;
  static final int NOT = 51;
  static final int SHL = 52;
  static final int SHR = 53;
  static final int SAR = 54;
  static final int IMUL = 55;
  static final int IMUL_LOAD = 56;
  static final int IMUL3 = 57;
  static final int CMOV = 58;
  static final int CMOV_LOAD = 59;
  static final int SET = 60;
  static final int SIGN = 61;
  static final int BT = 62;
  static final int PUSH = 63;
  static final int POP = 64;
  static final int LEAVE = 65;
  static final int CALL = 66;
  static final int CALL_INDIRECT = 67;
  static final int CALL_LOAD = 68;
  static final int JMP = 69;
  static final int JMP_INDIRECT = 70;
  static final int JMP_LOAD = 71;
  static final int RET = 72;

  /** Shift or rotate of a register that the handlers above do not do. */
  static final int SHIFT = 73;

  /** Sixteen conditional jumps, by condition number. */
  static final int JCC = 74;

  private Handler() {}
}
