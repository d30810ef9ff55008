package isola.cpu.x86.simd;

import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.Packed;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Segment;

/** SSE instructions that move data without computing (Intel SDM vol. 1, 10.4.1 and 11.4.1). */
final class SseMoves {
  private SseMoves() {}

  /** Opcodes of whole-register moves that store: the rest load. */
  private static boolean stores(int opcode) {
    return switch (opcode) {
      case 0x11, 0x29, 0x2b, 0x7f, 0xe7 -> true;
      default -> false;
    };
  }

  /**
   * MOVAPS, MOVUPS, MOVDQA, MOVDQU and all others of 16 bytes, or with VEX of 32; VEX clears what
   * is above.
   */
  static void whole(Cpu cpu, Insn insn, boolean aligned) {
    boolean store = stores(Operand.opcode(insn));
    int size = insn.l256 ? 32 : 16;
    if (store && insn.rm < 0) {
      Operand.store(cpu, insn, aligned, insn.reg, size);
      return;
    }
    int to = store ? insn.rm : insn.reg;
    if (insn.rm >= 0) {
      int from = store ? insn.reg : insn.rm;
      move(Operand.xmm(cpu, from), Operand.xmm(cpu, to));
      if (insn.vex) {
        upper(cpu, to, insn.l256 ? Operand.ymmHigh(cpu, from) : 0);
      }
    } else {
      long from = Operand.memory(cpu, insn, size, aligned);
      move(from, Operand.xmm(cpu, to));
      if (insn.vex) {
        upper(cpu, to, insn.l256 ? from + 16 : 0);
      }
    }
  }

  private static void move(long from, long to) {
    Operand.put(to, Operand.low(from), Operand.high(from));
  }

  /** Sets the upper half of a YMM register from a host address, or to zero for 0. */
  static void upper(Cpu cpu, int register, long from) {
    long low = from == 0 ? 0 : Operand.low(from);
    Operand.put(Operand.ymmHigh(cpu, register), low, from == 0 ? 0 : Operand.high(from));
  }

  /** MOVSS and MOVSD: between registers only the low element; from memory the rest becomes 0. */
  static void scalar(Cpu cpu, Insn insn, int size) {
    boolean store = Operand.opcode(insn) == 0x11;
    if (insn.rm >= 0) {
      long from = Operand.xmm(cpu, store ? insn.reg : insn.rm);
      long to = store ? Operand.stored(cpu, insn) : Operand.destination(cpu, insn);
      if (size == 8) {
        RawMemory.putLong(to, RawMemory.getLong(from));
      } else {
        RawMemory.putInt(to, RawMemory.getInt(from));
      }
    } else if (store) {
      Operand.storePart(cpu, insn, size, Operand.low(Operand.destination(cpu, insn)));
    } else {
      long value = Operand.part(cpu, insn, size);
      Operand.put(Operand.destination(cpu, insn), value, 0);
    }
  }

  /** MOVD and MOVQ between XMM and general registers or memory. */
  static void general(Cpu cpu, Insn insn) {
    int size = insn.operandSize == 8 ? 8 : 4;
    if (Operand.opcode(insn) == 0x6e) {
      long value = Operand.general(cpu, insn, size);
      Operand.put(Operand.destination(cpu, insn), value, 0);
    } else {
      long value = Operand.low(Operand.destination(cpu, insn));
      Operand.toGeneral(cpu, insn, size, size == 8 ? value : value & 0xffff_ffffL);
    }
  }

  /** MOVQ between XMM registers or memory: the upper half becomes 0. */
  static void quad(Cpu cpu, Insn insn) {
    if (Operand.opcode(insn) == 0x7e) {
      long value = Operand.part(cpu, insn, 8);
      Operand.put(Operand.destination(cpu, insn), value, 0);
      return;
    }
    long value = Operand.low(Operand.destination(cpu, insn));
    if (insn.rm >= 0) {
      Operand.put(Operand.stored(cpu, insn), value, 0);
    } else {
      Operand.storePart(cpu, insn, 8, value);
    }
  }

  /** MOVLPS, MOVHPS, MOVLPD, MOVHPD, MOVHLPS and MOVLHPS: one half, the other stays. */
  static void half(Cpu cpu, Insn insn) {
    int opcode = Operand.opcode(insn);
    int upper = opcode >= 0x16 ? 8 : 0;
    long to = Operand.destination(cpu, insn) + upper;
    if ((opcode & 1) != 0) {
      Operand.storePart(cpu, insn, 8, RawMemory.getLong(to));
    } else if (insn.rm >= 0) {
      RawMemory.putLong(to, RawMemory.getLong(Operand.register(cpu, insn) + (8 - upper)));
    } else {
      RawMemory.putLong(to, Operand.part(cpu, insn, 8));
    }
  }

  /** MOVDDUP, MOVSLDUP and MOVSHDUP. */
  static void duplicate(Cpu cpu, Insn insn) {
    long to = Operand.destination(cpu, insn);
    if (insn.op == Op.MOVDDUP) {
      long value = Operand.part(cpu, insn, 8);
      Operand.put(to, value, value);
      return;
    }
    long from = Operand.source(cpu, insn);
    int shift = insn.op == Op.MOVSHDUP ? 32 : 0;
    long low = Operand.low(from) >>> shift & 0xffff_ffffL;
    long high = Operand.high(from) >>> shift & 0xffff_ffffL;
    Operand.put(to, low | low << 32, high | high << 32);
  }

  /** MOVMSKPS, MOVMSKPD and PMOVMSKB: signs to a general register. */
  static void signs(Cpu cpu, Insn insn) {
    long from = Operand.register(cpu, insn);
    long low = Operand.low(from);
    long high = Operand.high(from);
    int elements = insn.op == Op.MOVMSKPD ? 2 : insn.op == Op.MOVMSKPS ? 4 : 16;
    long mask =
        switch (insn.op) {
          case MOVMSKPD -> low >>> 63 | (high >>> 63) << 1;
          case MOVMSKPS ->
              low >>> 31 & 1 | (low >>> 63) << 1 | (high >>> 31 & 1) << 2 | (high >>> 63) << 3;
          default -> Packed.byteMask(low) | Packed.byteMask(high) << 8;
        };
    cpu.gpr(insn.reg, Operand.lane(cpu, insn) == 0 ? mask : cpu.gpr(insn.reg) | mask << elements);
  }

  /** MOVQ2DQ and MOVDQ2Q. */
  static void betweenMmx(Cpu cpu, Insn insn) {
    MmxInstructions.check(cpu);
    MmxInstructions.begin(cpu);
    if (insn.op == Op.MOVQ2DQ) {
      Operand.put(Operand.destination(cpu, insn), MmxInstructions.get(cpu, insn.rm), 0);
    } else {
      MmxInstructions.set(cpu, insn.reg, Operand.low(Operand.xmm(cpu, insn.rm)));
    }
  }

  /** MASKMOVDQU: the bytes whose mask has its top bit set, to DS:rDI. */
  static void masked(Cpu cpu, Insn insn) {
    long from = Operand.destination(cpu, insn);
    long mask = Operand.register(cpu, insn);
    storeBytes(
        cpu,
        insn,
        Operand.low(from),
        Operand.high(from),
        Operand.low(mask),
        Operand.high(mask),
        16);
  }

  /** Stores chosen bytes to DS:rDI, all faults first. */
  static void storeBytes(
      Cpu cpu, Insn insn, long low, long high, long maskLow, long maskHigh, int size) {
    long offset = cpu.gpr(7);
    if (insn.addressSize != 8) {
      offset &= insn.addressSize == 4 ? 0xffff_ffffL : 0xffff;
    }
    int seg = insn.segment < 0 ? Segment.DS : insn.segment;
    // All bytes are checked, whatever the mask: the manual leaves it open, processors do.
    cpu.checkStore(seg, offset, size);
    for (int i = 0; i < size; i++) {
      if (chosen(maskLow, maskHigh, i)) {
        cpu.store(seg, offset + i, 1, (i < 8 ? low : high) >>> ((i & 7) * 8) & 0xff);
      }
    }
  }

  private static boolean chosen(long maskLow, long maskHigh, int i) {
    return ((i < 8 ? maskLow : maskHigh) >>> ((i & 7) * 8 + 7) & 1) != 0;
  }

  /** PEXTRB, PEXTRW, PEXTRD, PEXTRQ and EXTRACTPS. */
  static void extract(Cpu cpu, Insn insn) {
    boolean old = Operand.opcode(insn) == 0xc5;
    long from = old ? Operand.register(cpu, insn) : Operand.destination(cpu, insn);
    int size =
        switch (insn.op) {
          case PEXTRB -> 1;
          case PEXTRW -> 2;
          case EXTRACTPS -> 4;
          default -> insn.operandSize == 8 ? 8 : 4;
        };
    int at = (int) insn.imm & (16 / size - 1);
    long value = element(from, at, size);
    if (old) {
      cpu.gpr(insn.reg, value);
    } else {
      Operand.toGeneral(cpu, insn, size, value);
    }
  }

  /** Element {@code at} of a register, zero-extended. */
  static long element(long host, int at, int size) {
    long address = host + (long) at * size;
    return switch (size) {
      case 1 -> RawMemory.getByte(address) & 0xffL;
      case 2 -> RawMemory.getShort(address) & 0xffffL;
      case 4 -> RawMemory.getInt(address) & 0xffff_ffffL;
      default -> RawMemory.getLong(address);
    };
  }

  static void element(long host, int at, int size, long value) {
    long address = host + (long) at * size;
    switch (size) {
      case 1 -> RawMemory.putByte(address, (byte) value);
      case 2 -> RawMemory.putShort(address, (short) value);
      case 4 -> RawMemory.putInt(address, (int) value);
      default -> RawMemory.putLong(address, value);
    }
  }

  /** PINSRB, PINSRW, PINSRD and PINSRQ. */
  static void insert(Cpu cpu, Insn insn) {
    int size =
        switch (insn.op) {
          case PINSRB -> 1;
          case PINSRW -> 2;
          default -> insn.operandSize == 8 ? 8 : 4;
        };
    long value = Operand.general(cpu, insn, size);
    element(Operand.destination(cpu, insn), (int) insn.imm & (16 / size - 1), size, value);
  }

  /** INSERTPS: one element, then zeros where the immediate asks for them. */
  static void insertSingle(Cpu cpu, Insn insn) {
    int imm = (int) insn.imm;
    long value =
        insn.rm >= 0
            ? element(Operand.register(cpu, insn), imm >> 6 & 3, 4)
            : Operand.part(cpu, insn, 4);
    long to = Operand.destination(cpu, insn);
    element(to, imm >> 4 & 3, 4, value);
    for (int i = 0; i < 4; i++) {
      if ((imm >> i & 1) != 0) {
        element(to, i, 4, 0);
      }
    }
  }
}
