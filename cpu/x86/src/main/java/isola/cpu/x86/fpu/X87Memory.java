package isola.cpu.x86.fpu;

import static isola.cpu.x86.fpu.X87Spec.C1;

import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.arith.Float80Convert;
import isola.cpu.x86.arith.FloatSpec;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.state.CpuState;

/**
 * x87 loads and stores, and the environment in memory (Intel SDM vol. 1, 8.1.10 and 8.3.3). Every
 * fault of the memory operand comes before any change of state.
 */
final class X87Memory {
  /** Formats of a memory operand. */
  static final int FLOAT = 0;

  static final int DOUBLE = 1;
  static final int EXTENDED = 2;
  static final int INT16 = 3;
  static final int INT32 = 4;
  static final int INT64 = 5;
  static final int DECIMAL = 6;

  private X87Memory() {}

  private static int size(int format) {
    return switch (format) {
      case INT16 -> 2;
      case FLOAT, INT32 -> 4;
      case DOUBLE, INT64 -> 8;
      default -> 10;
    };
  }

  /** Reads an operand and starts an instruction with it as the arithmetic unit's result. */
  static Float80 operand(Cpu cpu, int seg, long offset, int format) {
    int size = size(format);
    long low;
    int high = 0;
    if (size == 10) {
      cpu.checkLoad(seg, offset, 10);
      low = cpu.load(seg, offset, 8);
      high = (int) cpu.load(seg, offset + 8, 2);
    } else {
      low = cpu.load(seg, offset, size);
    }
    Float80 f = X87.begin(cpu);
    switch (format) {
      case FLOAT -> Float80Convert.fromFloat(f, (int) low);
      case DOUBLE -> Float80Convert.fromDouble(f, low);
      case EXTENDED -> f.result(high, low);
      case INT16 -> Float80Convert.fromLong(f, (short) low);
      case INT32 -> Float80Convert.fromLong(f, (int) low);
      case INT64 -> Float80Convert.fromLong(f, low);
      default -> Float80Convert.fromDecimal(f, high, low);
    }
    return f;
  }

  /** FLD, FILD and FBLD. */
  static void load(Cpu cpu, int seg, long offset, int format) {
    Float80 f = operand(cpu, seg, offset, format);
    if (format == FLOAT || format == DOUBLE) {
      f.accept();
    }
    X87.pushResult(cpu, f);
  }

  /** FST, FIST, FISTTP ({@code truncate}) and FBSTP. */
  static void store(Cpu cpu, int seg, long offset, int format, boolean truncate, int pops) {
    cpu.checkStore(seg, offset, size(format));
    Float80 f = X87.begin(cpu);
    boolean empty = X87.empty(cpu, 0);
    int se = empty ? FloatSpec.DEFAULT_NAN_SE : X87.se(cpu, 0);
    long value = empty ? FloatSpec.DEFAULT_NAN_SIGNIFICAND : X87.significand(cpu, 0);
    if (empty && !X87.stackFault(cpu, f, false)) {
      return;
    }
    int high = se;
    long low = value;
    switch (format) {
      case FLOAT -> low = Float80Convert.toFloat(f, se, value);
      case DOUBLE -> low = Float80Convert.toDouble(f, se, value);
      case INT16 -> low = Float80Convert.toInteger(f, se, value, 16, truncate);
      case INT32 -> low = Float80Convert.toInteger(f, se, value, 32, truncate);
      case INT64 -> low = Float80Convert.toInteger(f, se, value, 64, truncate);
      case DECIMAL -> {
        Float80Convert.toDecimal(f, se, value);
        high = f.se();
        low = f.significand();
      }
      default -> {}
    }
    // To memory, an unmasked overflow or underflow leaves everything as it was (SDM 4.9.1.4).
    boolean outside = f.unmaskedRange();
    if (outside) {
      f.withoutResult();
    }
    if ((!empty && !X87.end(cpu, f)) || outside) {
      return;
    }
    int size = size(format);
    if (size == 10) {
      cpu.store(seg, offset, 8, low);
      cpu.store(seg, offset + 8, 2, high);
    } else {
      cpu.store(seg, offset, size, low);
    }
    for (int i = 0; i < pops; i++) {
      X87.pop(cpu);
    }
  }

  /** The full tag word, two bits for each physical register. */
  static int fullTags(Cpu cpu) {
    int word = 0;
    int top = X87.top(cpu);
    int tags = X87.tags(cpu);
    for (int physical = 0; physical < 8; physical++) {
      int code = 3;
      if ((tags >> physical & 1) != 0) {
        int i = (physical - top) & 7;
        code =
            switch (Float80.kind(X87.se(cpu, i), X87.significand(cpu, i))) {
              case Float80.NORMAL -> 0;
              case Float80.ZERO -> 1;
              default -> 2;
            };
      }
      word |= code << (physical * 2);
    }
    return word;
  }

  private static int abridge(int word) {
    int tags = 0;
    for (int physical = 0; physical < 8; physical++) {
      if ((word >> (physical * 2) & 3) != 3) {
        tags |= 1 << physical;
      }
    }
    return tags;
  }

  /** Bytes of the environment in memory. */
  static int environmentSize(int operandSize) {
    return operandSize == 2 ? 14 : 28;
  }

  /** FNSTENV; masks all exceptions afterwards. */
  static void storeEnvironment(Cpu cpu, int seg, long offset, int operandSize) {
    cpu.checkStore(seg, offset, environmentSize(operandSize));
    writeEnvironment(cpu, seg, offset, operandSize);
    X87.fcw(cpu, X87.fcw(cpu) | FloatSpec.EXCEPTIONS);
  }

  private static void writeEnvironment(Cpu cpu, int seg, long offset, int operandSize) {
    boolean real = !cpu.protectedMode() || cpu.v86();
    int fip = cpu.intField(CpuState.FIP);
    int fdp = cpu.intField(CpuState.FDP);
    int fop = cpu.intField(CpuState.FOP - 2) >>> 16 & 0x7ff;
    if (operandSize == 2) {
      word(cpu, seg, offset, X87.fcw(cpu));
      word(cpu, seg, offset + 2, X87.fsw(cpu));
      word(cpu, seg, offset + 4, fullTags(cpu));
      word(cpu, seg, offset + 6, fip);
      word(cpu, seg, offset + 8, real ? (fip >>> 4 & 0xf000) | fop : 0);
      word(cpu, seg, offset + 10, fdp);
      word(cpu, seg, offset + 12, real ? fdp >>> 4 & 0xf000 : 0);
      return;
    }
    int upper = 0xffff_0000;
    doubleWord(cpu, seg, offset, upper | X87.fcw(cpu));
    doubleWord(cpu, seg, offset + 4, upper | X87.fsw(cpu));
    doubleWord(cpu, seg, offset + 8, upper | fullTags(cpu));
    if (real) {
      doubleWord(cpu, seg, offset + 12, upper | fip);
      doubleWord(cpu, seg, offset + 16, (fip >>> 4 & 0x0fff_f000) | fop);
      doubleWord(cpu, seg, offset + 20, upper | fdp);
      doubleWord(cpu, seg, offset + 24, fdp >>> 4 & 0x0fff_f000);
    } else {
      doubleWord(cpu, seg, offset + 12, fip);
      doubleWord(cpu, seg, offset + 16, fop << 16);
      doubleWord(cpu, seg, offset + 20, fdp);
      doubleWord(cpu, seg, offset + 24, upper);
    }
  }

  private static void word(Cpu cpu, int seg, long offset, int value) {
    cpu.store(seg, offset, 2, value);
  }

  private static void doubleWord(Cpu cpu, int seg, long offset, int value) {
    cpu.store(seg, offset, 4, value);
  }

  /** FLDENV. */
  static void loadEnvironment(Cpu cpu, int seg, long offset, int operandSize) {
    cpu.checkLoad(seg, offset, environmentSize(operandSize));
    readEnvironment(cpu, seg, offset, operandSize);
  }

  private static void readEnvironment(Cpu cpu, int seg, long offset, int operandSize) {
    boolean real = !cpu.protectedMode() || cpu.v86();
    int step = operandSize == 2 ? 2 : 4;
    int control = (int) cpu.load(seg, offset, 2);
    int status = (int) cpu.load(seg, offset + step, 2);
    int tags = (int) cpu.load(seg, offset + step * 2, 2);
    int fip = (int) cpu.load(seg, offset + step * 3, step);
    int fcs = (int) cpu.load(seg, offset + step * 4, step);
    int fdp = (int) cpu.load(seg, offset + step * 5, step);
    int fds = (int) cpu.load(seg, offset + step * 6, step);
    int fop = 0;
    if (real) {
      fop = fcs & 0x7ff;
      fip = (fip & 0xffff) | (step == 2 ? (fcs & 0xf000) << 4 : (fcs & 0x0fff_f000) << 4);
      fdp = (fdp & 0xffff) | (step == 2 ? (fds & 0xf000) << 4 : (fds & 0x0fff_f000) << 4);
    } else if (step == 4) {
      fop = fcs >>> 16 & 0x7ff;
    }
    int turn = ((status & X87Spec.TOP) >> X87Spec.TOP_SHIFT) - X87.top(cpu) & 7;
    // The registers keep their physical places while the top moves.
    for (int i = 0; i < turn; i++) {
      X87.rotate(cpu, 1);
    }
    X87.tags(cpu, abridge(tags));
    X87.fsw(cpu, status);
    X87.fcw(cpu, control);
    cpu.field(CpuState.FIP, fip & 0xffff_ffffL);
    cpu.field(CpuState.FDP, fdp & 0xffff_ffffL);
    cpu.intField(CpuState.FOP - 2, (cpu.intField(CpuState.FOP - 2) & 0xffff) | fop << 16);
  }

  /** FNSAVE; initialises afterwards. */
  static void save(Cpu cpu, int seg, long offset, int operandSize) {
    int size = environmentSize(operandSize);
    cpu.checkStore(seg, offset, size + 80);
    writeEnvironment(cpu, seg, offset, operandSize);
    for (int i = 0; i < 8; i++) {
      long at = offset + size + i * 10;
      cpu.store(seg, at, 8, X87.significand(cpu, i));
      cpu.store(seg, at + 8, 2, X87.se(cpu, i));
    }
    initialize(cpu);
  }

  /** FRSTOR. */
  static void restore(Cpu cpu, int seg, long offset, int operandSize) {
    int size = environmentSize(operandSize);
    cpu.checkLoad(seg, offset, size + 80);
    readEnvironment(cpu, seg, offset, operandSize);
    int tags = X87.tags(cpu);
    for (int i = 0; i < 8; i++) {
      long at = offset + size + i * 10;
      X87.st(cpu, i, (int) cpu.load(seg, at + 8, 2), cpu.load(seg, at, 8));
    }
    X87.tags(cpu, tags);
  }

  /** FNINIT. */
  static void initialize(Cpu cpu) {
    while (X87.top(cpu) != 0) {
      X87.rotate(cpu, 1);
    }
    X87.fsw(cpu, 0);
    X87.fcw(cpu, X87Spec.FCW_INITIAL);
    X87.tags(cpu, 0);
    cpu.field(CpuState.FIP, 0);
    cpu.field(CpuState.FDP, 0);
    cpu.intField(CpuState.FOP - 2, cpu.intField(CpuState.FOP - 2) & 0xffff);
  }

  /** FLDCW. */
  static void loadControl(Cpu cpu, int seg, long offset) {
    X87.fcw(cpu, (int) cpu.load(seg, offset, 2));
  }

  /** FNCLEX. */
  static void clearExceptions(Cpu cpu) {
    X87.fsw(cpu, X87.fsw(cpu) & ~(FloatSpec.EXCEPTIONS | X87Spec.SF | X87Spec.ES | X87Spec.BUSY));
  }

  /** FDECSTP and FINCSTP. */
  static void turn(Cpu cpu, int by) {
    X87.rotate(cpu, by);
    X87.fsw(cpu, X87.fsw(cpu) & ~C1);
  }
}
