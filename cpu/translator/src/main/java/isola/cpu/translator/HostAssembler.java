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
    byte[] c = room();
    size = put32(c, size, value);
  }

  private static int put32(byte[] c, int at, int value) {
    c[at] = (byte) value;
    c[at + 1] = (byte) (value >> 8);
    c[at + 2] = (byte) (value >> 16);
    c[at + 3] = (byte) (value >> 24);
    return at + 4;
  }

  /** Longer than any instruction. */
  private static final int ROOM = 24;

  /** The bytes so far, with room for an instruction more. */
  private byte[] room() {
    byte[] c = code;
    if (c.length - size < ROOM) {
      c = Arrays.copyOf(c, c.length * 2);
      code = c;
    }
    return c;
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

  // What makes up an instruction: each writes at a position and gives the next.

  private static int prefixes(byte[] c, int at, int flags, int rex, boolean gs) {
    int n = at;
    if ((flags & LOCK) != 0) {
      c[n++] = (byte) 0xf0;
    }
    if (gs) {
      c[n++] = 0x65;
    }
    if ((flags & (P66 | PF2 | PF3)) != 0) {
      if ((flags & P66) != 0) {
        c[n++] = 0x66;
      }
      if ((flags & PF2) != 0) {
        c[n++] = (byte) 0xf2;
      }
      if ((flags & PF3) != 0) {
        c[n++] = (byte) 0xf3;
      }
    }
    if ((rex | flags & (W | REX)) != 0) {
      c[n++] = (byte) (0x40 | (flags & W) << 3 | rex);
    }
    return n;
  }

  private static int opcode(byte[] c, int at, int flags, int opcode) {
    int n = at;
    int map = flags >> MAP_SHIFT & 3;
    if (map != 0) {
      c[n++] = 0x0f;
      if (map == 2) {
        c[n++] = 0x38;
      } else if (map == 3) {
        c[n++] = 0x3a;
      }
    }
    c[n] = (byte) opcode;
    return n + 1;
  }

  /** An instruction without ModRM; {@code register}'s low bits are added to the opcode. */
  void opcodeRegister(int flags, int opcode, int register) {
    byte[] c = room();
    int n = prefixes(c, size, flags, register >> 3, false);
    size = opcode(c, n, flags, opcode & 0xf8 | register & 7);
  }

  /** An instruction with ModRM, both operands registers. */
  void register(int flags, int opcode, int reg, int rm) {
    byte[] c = room();
    int n = prefixes(c, size, flags, reg >> 3 << 2 | rm >> 3, false);
    n = opcode(c, n, flags, opcode);
    c[n] = (byte) (0xc0 | (reg & 7) << 3 | rm & 7);
    size = n + 1;
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
    byte[] c = room();
    int rex =
        reg >> 3 << 2 | (index == NONE ? 0 : index >> 3 << 1) | (base == NONE ? 0 : base >> 3);
    int n = prefixes(c, size, flags, rex, gs);
    n = opcode(c, n, flags, opcode);
    size = place(c, n, reg, base, index, scale, displacement);
  }

  /** ModRM, SIB and displacement of an operand in memory. */
  private static int place(
      byte[] c, int at, int reg, int base, int index, int scale, int displacement) {
    int n = at;
    int middle = (reg & 7) << 3;
    if (base == NONE) {
      c[n] = (byte) (middle | 4);
      c[n + 1] = (byte) (scale << 6 | (index == NONE ? 4 : index & 7) << 3 | 5);
      return put32(c, n + 2, displacement);
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
      c[n] = (byte) (mod | middle | 4);
      c[n + 1] = (byte) (scale << 6 | (index == NONE ? 4 : index & 7) << 3 | base & 7);
      n += 2;
    } else {
      c[n++] = (byte) (mod | middle | base & 7);
    }
    if (mod == 0x40) {
      c[n++] = (byte) displacement;
    } else if (mod == 0x80) {
      n = put32(c, n, displacement);
    }
    return n;
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
    byte[] c = room();
    size = place(c, size, reg, base, NONE, 0, displacement);
  }

  /** A VEX instruction whose memory operand is a field of the processor's state. */
  void vexState(int flags, int opcode, int reg, int vvvv, int offset) {
    emit(0x65);
    vex(flags, opcode, reg, vvvv, 0);
    byte[] c = room();
    size = place(c, size, reg, NONE, NONE, 0, offset);
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
      opcodeRegister(0, 0xb8, to);
      emit32((int) value);
    } else if (value == (int) value) {
      register(W, 0xc7, 0, to);
      emit32((int) value);
    } else {
      opcodeRegister(W, 0xb8, to);
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
    branch(0xe9, distance(target, 5));
  }

  private void branch(int opcode, int distance) {
    byte[] c = room();
    c[size] = (byte) opcode;
    size = put32(c, size + 1, distance);
  }

  private void branchIf(int condition, int distance) {
    byte[] c = room();
    c[size] = 0x0f;
    c[size + 1] = (byte) (0x80 | condition);
    size = put32(c, size + 2, distance);
  }

  void call(long target) {
    branch(0xe8, distance(target, 5));
  }

  void jump(int condition, long target) {
    branchIf(condition, distance(target, 6));
  }

  private int distance(long target, int bytes) {
    long distance = target - (here() + bytes);
    if (distance != (int) distance) {
      throw new IllegalStateException("a jump out of the code cache");
    }
    return (int) distance;
  }

  int jumpForward() {
    branch(0xe9, 0);
    return size - 4;
  }

  int jumpForward(int condition) {
    branchIf(condition, 0);
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
    int _ = put32(code, position, distance);
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
