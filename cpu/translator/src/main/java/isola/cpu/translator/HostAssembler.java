package isola.cpu.translator;

import java.util.Arrays;

/**
 * Host x86-64 instructions to bytes, for code that will stand at a known address. Registers are
 * numbered as the processor encodes them. One per thread.
 */
final class HostAssembler {
  static final int RAX = 0;
  static final int RCX = 1;
  static final int RDX = 2;
  static final int RBX = 3;
  static final int RSP = 4;
  static final int RBP = 5;
  static final int RSI = 6;
  static final int RDI = 7;
  static final int R12 = 12;
  static final int R13 = 13;
  static final int R14 = 14;
  static final int R15 = 15;

  /** No base or index register. */
  static final int NONE = -1;

  /** Flags of an instruction: REX.W. */
  static final int W = 1;

  /** A REX prefix even if empty, so that byte registers 4 to 7 are SPL to DIL. */
  static final int REX = 2;

  static final int LOCK = 4;

  /** Prefix 66. */
  static final int P66 = 8;

  /** Prefix F2. */
  static final int PF2 = 16;

  /** Prefix F3. */
  static final int PF3 = 32;

  /** VEX.L: 256 bits. */
  static final int L256 = 64;

  /** Bits 9:8: the opcode map (0 one byte, 1 0F, 2 0F 38, 3 0F 3A). */
  static final int MAP_SHIFT = 8;

  /** Opcode map 0F. */
  static final int MAP_0F = 1 << MAP_SHIFT;

  /** Condition codes as they stand in Jcc. */
  static final int CC_Z = 4;

  static final int CC_NZ = 5;
  static final int CC_BE = 6;
  static final int CC_A = 7;
  static final int CC_S = 8;
  static final int CC_AE = 3;

  private byte[] code = new byte[4096];
  private int size;
  private long base;

  /** Begins anew with code that will execute at {@code address}. */
  void begin(long address) {
    base = address;
    size = 0;
  }

  /** Bytes so far. */
  int size() {
    return size;
  }

  /** Host address of the first instruction. */
  long base() {
    return base;
  }

  /** Host address of the next instruction. */
  long here() {
    return base + size;
  }

  /** The bytes so far; the array belongs to the assembler. */
  byte[] bytes() {
    return code;
  }

  void emit(int b) {
    if (size == code.length) {
      code = Arrays.copyOf(code, size * 2);
    }
    code[size++] = (byte) b;
  }

  void emit32(int value) {
    emit(value);
    emit(value >> 8);
    emit(value >> 16);
    emit(value >> 24);
  }

  void emit64(long value) {
    emit32((int) value);
    emit32((int) (value >>> 32));
  }

  /** Aligns with no-operations. */
  void align(int to) {
    nops((int) (-here() & (to - 1)));
  }

  private static final byte[][] NOPS = {
    {},
    {(byte) 0x90},
    {0x66, (byte) 0x90},
    {0x0f, 0x1f, 0x00},
    {0x0f, 0x1f, 0x40, 0x00},
    {0x0f, 0x1f, 0x44, 0x00, 0x00},
    {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
    {0x0f, 0x1f, (byte) 0x80, 0, 0, 0, 0},
    {0x0f, 0x1f, (byte) 0x84, 0, 0, 0, 0, 0}
  };

  /** No-operations of {@code count} bytes, as few as can be. */
  void nops(int count) {
    int left = count;
    while (left > 0) {
      int now = Math.min(left, 8);
      for (byte b : NOPS[now]) {
        emit(b);
      }
      left -= now;
    }
  }

  private void prefixes(int flags, int reg, int index, int rm, boolean gs) {
    if ((flags & LOCK) != 0) {
      emit(0xf0);
    }
    if (gs) {
      emit(0x65);
    }
    if ((flags & P66) != 0) {
      emit(0x66);
    }
    if ((flags & PF2) != 0) {
      emit(0xf2);
    }
    if ((flags & PF3) != 0) {
      emit(0xf3);
    }
    int rex = ((flags & W) << 3) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3);
    if (rex != 0 || (flags & REX) != 0) {
      emit(0x40 | rex);
    }
  }

  private void opcode(int flags, int opcode) {
    switch (flags >> MAP_SHIFT & 3) {
      case 1 -> emit(0x0f);
      case 2 -> {
        emit(0x0f);
        emit(0x38);
      }
      case 3 -> {
        emit(0x0f);
        emit(0x3a);
      }
      default -> {}
    }
    emit(opcode);
  }

  /** An instruction without ModRM; {@code register}'s low bits are added to the opcode. */
  void opcodeRegister(int flags, int opcode, int register) {
    prefixes(flags, 0, 0, register, false);
    opcode(flags, opcode & 0xf8 | register & 7);
  }

  /** An instruction with ModRM, both operands registers. */
  void register(int flags, int opcode, int reg, int rm) {
    prefixes(flags, reg, 0, rm, false);
    opcode(flags, opcode);
    emit(0xc0 | (reg & 7) << 3 | rm & 7);
  }

  /** An instruction with ModRM and an operand in memory; {@code base} is a register. */
  void memory(int flags, int opcode, int reg, int base, int index, int scale, int displacement) {
    memory(flags, opcode, reg, base, index, scale, displacement, false);
  }

  private void memory(
      int flags,
      int opcode,
      int reg,
      int base,
      int index,
      int scale,
      int displacement,
      boolean gs) {
    prefixes(flags, reg, Math.max(index, 0), Math.max(base, 0), gs);
    opcode(flags, opcode);
    place(reg, base, index, scale, displacement);
  }

  /** ModRM, SIB and displacement of an operand in memory. */
  private void place(int reg, int base, int index, int scale, int displacement) {
    int middle = (reg & 7) << 3;
    if (base == NONE) {
      emit(middle | 4);
      emit(scale << 6 | (index == NONE ? 4 : index & 7) << 3 | 5);
      emit32(displacement);
      return;
    }
    int mod;
    if (displacement == 0 && (base & 7) != 5) {
      mod = 0;
    } else if (displacement == (byte) displacement) {
      mod = 0x40;
    } else {
      mod = 0x80;
    }
    if (index != NONE || (base & 7) == 4) {
      emit(mod | middle | 4);
      emit(scale << 6 | (index == NONE ? 4 : index & 7) << 3 | base & 7);
    } else {
      emit(mod | middle | base & 7);
    }
    if (mod == 0x40) {
      emit(displacement);
    } else if (mod == 0x80) {
      emit32(displacement);
    }
  }

  /** An instruction whose memory operand is a field of the processor's state. */
  void state(int flags, int opcode, int reg, int offset) {
    memory(flags, opcode, reg, NONE, NONE, 0, offset, true);
  }

  /** An instruction whose memory operand is in the processor's state, indexed. */
  void stateIndexed(int flags, int opcode, int reg, int base, int index, int scale, int offset) {
    memory(flags, opcode, reg, base, index, scale, offset, true);
  }

  // VEX, with the mandatory prefix and the map in flags as elsewhere. A register that is not there
  // is 0.

  /** What stands before ModRM, in two or three bytes (Intel SDM vol. 2A 2.3.5). */
  private void vex(int flags, int opcode, int reg, int vvvv, int rm) {
    int prefix = (flags & P66) != 0 ? 1 : (flags & PF3) != 0 ? 2 : (flags & PF2) != 0 ? 3 : 0;
    int last = (~vvvv & 15) << 3 | ((flags & L256) != 0 ? 4 : 0) | prefix;
    int notReg = (reg & 8) == 0 ? 0x80 : 0;
    if (rm < 8 && (flags & W) == 0 && (flags >> MAP_SHIFT & 3) == 1) {
      emit(0xc5);
      emit(notReg | last);
    } else {
      emit(0xc4);
      emit(notReg | 0x40 | (rm < 8 ? 0x20 : 0) | flags >> MAP_SHIFT & 3);
      emit((flags & W) << 7 | last);
    }
    emit(opcode);
  }

  /** A VEX instruction without ModRM. */
  void vexAlone(int flags, int opcode) {
    vex(flags, opcode, 0, 0, 0);
  }

  /** A VEX instruction, all operands registers. */
  void vexRegister(int flags, int opcode, int reg, int vvvv, int rm) {
    vex(flags, opcode, reg, vvvv, rm);
    emit(0xc0 | (reg & 7) << 3 | rm & 7);
  }

  /** A VEX instruction with an operand in memory. */
  void vexMemory(int flags, int opcode, int reg, int vvvv, int base, int displacement) {
    vex(flags, opcode, reg, vvvv, base);
    place(reg, base, NONE, 0, displacement);
  }

  /** A VEX instruction whose memory operand is a field of the processor's state. */
  void vexState(int flags, int opcode, int reg, int vvvv, int offset) {
    emit(0x65);
    vex(flags, opcode, reg, vvvv, 0);
    place(reg, NONE, NONE, 0, offset);
  }

  // The few instructions that the translator needs by name.

  void mov(int to, int from) {
    if (to != from) {
      register(W, 0x8b, to, from);
    }
  }

  void mov32(int to, int from) {
    register(0, 0x8b, to, from);
  }

  /** Loads a constant in the shortest way that leaves the flags alone. */
  void movImmediate(int to, long value) {
    if (value == (value & 0xffff_ffffL)) {
      prefixes(0, 0, 0, to, false);
      emit(0xb8 | to & 7);
      emit32((int) value);
    } else if (value == (int) value) {
      register(W, 0xc7, 0, to);
      emit32((int) value);
    } else {
      prefixes(W, 0, 0, to, false);
      emit(0xb8 | to & 7);
      emit64(value);
    }
  }

  void lea(int to, int from, int displacement) {
    memory(W, 0x8d, to, from, NONE, 0, displacement);
  }

  void load(int to, int offset) {
    state(W, 0x8b, to, offset);
  }

  void load32(int to, int offset) {
    state(0, 0x8b, to, offset);
  }

  void store(int offset, int from) {
    state(W, 0x89, from, offset);
  }

  /** {@code mov dword [state + offset], value}. */
  void storeImmediate32(int offset, int value) {
    state(0, 0xc7, 0, offset);
    emit32(value);
  }

  /** {@code mov qword [state + offset], value}, sign-extended. */
  void storeImmediate(int offset, int value) {
    state(W, 0xc7, 0, offset);
    emit32(value);
  }

  // Jumps. A method that returns an int gives the position of the distance, for bind().

  void jump(long target) {
    emit(0xe9);
    emit32(distance(target, 4));
  }

  void call(long target) {
    emit(0xe8);
    emit32(distance(target, 4));
  }

  void jump(int condition, long target) {
    emit(0x0f);
    emit(0x80 | condition);
    emit32(distance(target, 4));
  }

  private int distance(long target, int bytes) {
    long distance = target - (here() + bytes);
    if (distance != (int) distance) {
      throw new IllegalStateException("a jump out of the code cache");
    }
    return (int) distance;
  }

  int jumpForward() {
    emit(0xe9);
    emit32(0);
    return size - 4;
  }

  int jumpForward(int condition) {
    emit(0x0f);
    emit(0x80 | condition);
    emit32(0);
    return size - 4;
  }

  int jumpForwardShort(int condition) {
    emit(0x70 | condition);
    emit(0);
    return size - 1;
  }

  /** {@code jmp} over at most 127 bytes. */
  int jumpForwardShort() {
    emit(0xeb);
    emit(0);
    return size - 1;
  }

  /** {@code jrcxz} over at most 127 bytes. */
  int jumpIfRcxZero() {
    emit(0xe3);
    emit(0);
    return size - 1;
  }

  /** Lets a 4-byte jump made before lead here. */
  void bind(int position) {
    int distance = size - (position + 4);
    for (int i = 0; i < 4; i++) {
      code[position + i] = (byte) (distance >> i * 8);
    }
  }

  /** Lets a 1-byte jump made before lead here. */
  void bindShort(int position) {
    int distance = size - (position + 1);
    if (distance > 127) {
      throw new IllegalStateException("a short jump over " + distance + " bytes");
    }
    code[position] = (byte) distance;
  }
}
