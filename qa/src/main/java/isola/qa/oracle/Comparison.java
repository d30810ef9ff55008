package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.CR2;
import static isola.qa.oracle.RecordSpec.DATA_AT;
import static isola.qa.oracle.RecordSpec.ERROR;
import static isola.qa.oracle.RecordSpec.FX;
import static isola.qa.oracle.RecordSpec.GPR;
import static isola.qa.oracle.RecordSpec.OUT;
import static isola.qa.oracle.RecordSpec.RFLAGS;
import static isola.qa.oracle.RecordSpec.RIP;
import static isola.qa.oracle.RecordSpec.STATE_BYTES;
import static isola.qa.oracle.RecordSpec.TRAP;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Compares the state that the host left with the interpreter's, but for what is undefined. */
final class Comparison {
  private static final String[] NAMES = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15"
  };

  private final List<String> differences = new ArrayList<>();

  /** What differs, each as a sentence; empty if nothing does. */
  List<String> compare(
      MemorySegment record, MemorySegment ours, @Nullable Form last, boolean faulted) {
    differences.clear();
    if (branchOrder(record, ours, last)
        || moreControl(record, ours, last)
        || around(record, ours)) {
      return differences;
    }
    boolean transcendental = last != null && Undefined.transcendental(last.op());
    boolean approximate = last != null && Undefined.approximate(last.op());
    // A POPA that faults has popped some registers before, or none.
    boolean popped = faulted && last != null && last.op() == Op.POPA;
    for (int r = 0; r < 16 && !popped; r++) {
      longs(NAMES[r], record, ours, GPR + r * 8, -1L);
    }
    longs("rip", record, ours, RIP, -1L);
    long trap = record.get(JAVA_LONG_UNALIGNED, OUT + TRAP);
    // A misaligned operand that is not canonical either: AMD reports the first, Intel the second.
    boolean either = last != null && trap == Vector.GP;
    either &= last != null && (last.aligned() || last.op() == Op.CMPXCHG8B);
    longs("trap", record, ours, TRAP, either ? ~1L : -1L);
    int undefined =
        last == null ? 0 : faulted ? Undefined.flagsAtFault(last) : Undefined.flags(last);
    boolean pending = (record.get(JAVA_SHORT_UNALIGNED, OUT + FX + 2) & 0x80) != 0;
    if (pending && last != null && Undefined.comparesToFlags(last.op())) {
      // Intel keeps the flags when the exception is not masked, AMD sets them.
      undefined = Rflags.STATUS;
    }
    longs("rflags", record, ours, RFLAGS, 0xcd5 & ~undefined);
    if (trap == Vector.PF) {
      long cr2 = record.get(JAVA_LONG_UNALIGNED, OUT + CR2);
      // Of a whole area, which byte is found first to be out of reach is open.
      longs("cr2", record, ours, CR2, last != null && Exclusions.alone(last) ? 0 : -1L);
      // The host's kernel hides whether an address of its own half is mapped.
      boolean area = last != null && Exclusions.alone(last);
      longs("error", record, ours, ERROR, area || cr2 < 0 || cr2 >= (1L << 47) - 4096 ? ~1L : -1L);
    } else if (trap == Vector.GP || trap == Vector.SS) {
      longs("error", record, ours, ERROR, -1L);
    }
    floating(record, ours, last, faulted, transcendental, approximate);
    if (Level.hostHasV3()) {
      upperHalves(record, ours, approximate);
    }
    // A PUSHA that faults has pushed some registers before, or none.
    boolean partly = faulted && last != null && last.op() == Op.PUSHA;
    if (!partly
        && MemorySegment.mismatch(
                record, OUT + DATA_AT, OUT + STATE_BYTES, ours, DATA_AT, STATE_BYTES)
            >= 0) {
      for (int i = DATA_AT; i < STATE_BYTES; i += 8) {
        longs("memory+0x%x".formatted(i - DATA_AT), record, ours, i, ~moreMask(ours, i, last));
      }
    }
    return differences;
  }

  /**
   * Whether a call to an address that is not canonical met a stack that faults: which of both comes
   * first differs between processors.
   */
  private static boolean branchOrder(
      MemorySegment record, MemorySegment ours, @Nullable Form last) {
    return last != null
        && last.op() == Op.CALL
        && record.get(JAVA_LONG_UNALIGNED, OUT + TRAP) != Vector.GP
        && ours.get(JAVA_LONG_UNALIGNED, TRAP) == Vector.GP;
  }

  /**
   * Whether 32-bit code went beyond the last byte of a segment of 4 GiB: a fault of the segment or
   * not, as the processor likes (Intel SDM vol. 3A 5.3).
   */
  private static boolean around(MemorySegment record, MemorySegment ours) {
    long trap = ours.get(JAVA_LONG_UNALIGNED, TRAP);
    return record.get(JAVA_INT_UNALIGNED, RecordSpec.MODE) == 32
        && (trap == Vector.GP || trap == Vector.SS)
        && record.get(JAVA_LONG_UNALIGNED, OUT + TRAP) == Vector.PF
        && record.get(JAVA_LONG_UNALIGNED, OUT + CR2) >>> 8 == 0xff_ffff;
  }

  /** Whether AMD's misaligned-exception mask, bit 17 of MXCSR, was loaded. */
  private static boolean moreControl(
      MemorySegment record, MemorySegment ours, @Nullable Form last) {
    return last != null
        && (last.op() == Op.LDMXCSR || last.op() == Op.FXRSTOR || last.op() == Op.XRSTOR)
        && (record.get(JAVA_INT_UNALIGNED, OUT + FX + 24) & 1 << 17) != 0
        && ours.get(JAVA_LONG_UNALIGNED, TRAP) == Vector.GP;
  }

  /** Bit 17 of MXCSR_MASK, which AMD's is, where a save area seems to have one. */
  private static long moreMask(MemorySegment ours, int at, @Nullable Form last) {
    boolean saves = last != null && (last.op() == Op.FXSAVE || Exclusions.extended(last.op()));
    return saves && ours.get(JAVA_LONG_UNALIGNED, at) >>> 32 == 0xffff ? 1L << 49 : 0;
  }

  private void longs(String name, MemorySegment record, MemorySegment ours, long at, long mask) {
    long theirs = record.get(JAVA_LONG_UNALIGNED, OUT + at);
    long mine = ours.get(JAVA_LONG_UNALIGNED, at);
    if (((theirs ^ mine) & mask) != 0) {
      differences.add(
          "%s: host %x, ours %x (%x differs)"
              .formatted(name, theirs, mine, (theirs ^ mine) & mask));
    }
  }

  private void floating(
      MemorySegment record,
      MemorySegment ours,
      @Nullable Form last,
      boolean faulted,
      boolean transcendental,
      boolean approximate) {
    if (faulted && last != null && last.op() == Op.MASKMOVQ) {
      // Whether a store that faults has made the x87 registers MMX is open.
      return;
    }
    shorts("fcw", record, ours, FX, 0xffff);
    boolean pending = (record.get(JAVA_SHORT_UNALIGNED, OUT + FX + 2) & 0x80) != 0;
    int undefined = last == null ? 0 : Undefined.status(last, pending);
    shorts("fsw", record, ours, FX + 2, 0xffff & ~undefined);
    shorts("ftw", record, ours, FX + 4, 0xff);
    int theirs = record.get(JAVA_INT_UNALIGNED, OUT + FX + 24);
    int mine = ours.get(JAVA_INT_UNALIGNED, FX + 24);
    if (theirs != mine) {
      differences.add("mxcsr: host %x, ours %x".formatted(theirs, mine));
    }
    for (int i = 0; i < 8; i++) {
      int at = FX + 32 + i * 16;
      if (!(transcendental && i < 2 && near(record, ours, at))) {
        longs("st" + i, record, ours, at, -1L);
        shorts("st" + i + " exponent", record, ours, at + 8, 0xffff);
      }
    }
    for (int i = 0; i < 16; i++) {
      int at = FX + 160 + i * 16;
      for (int k = 0; k < 16; k += 4) {
        if (!(approximate && close(record, ours, at + k))) {
          ints("xmm%d+%d".formatted(i, k), record, ours, at + k);
        }
      }
    }
  }

  private void upperHalves(MemorySegment record, MemorySegment ours, boolean approximate) {
    for (int at = RecordSpec.YMM; at < RecordSpec.YMM + RecordSpec.YMM_BYTES; at += 4) {
      if (!(approximate && close(record, ours, at))) {
        int register = (at - RecordSpec.YMM) / 16;
        ints("ymm%d+%d".formatted(register, 16 + at % 16), record, ours, at);
      }
    }
  }

  /** Whether two 80-bit values are the same but for a unit or two in the last place. */
  private static boolean near(MemorySegment record, MemorySegment ours, int at) {
    int top = record.get(JAVA_SHORT_UNALIGNED, OUT + at + 8) & 0xffff;
    int top2 = ours.get(JAVA_SHORT_UNALIGNED, at + 8) & 0xffff;
    long a = record.get(JAVA_LONG_UNALIGNED, OUT + at);
    long b = ours.get(JAVA_LONG_UNALIGNED, at);
    if (top == top2) {
      return Math.abs(a - b) <= 2;
    }
    // Across a power of two.
    return Math.abs(top - top2) == 1 && Math.abs((a << 1) - (b << 1)) <= 8;
  }

  /** Whether two 32-bit values agree to 11 bits, or are both that small. */
  private static boolean close(MemorySegment record, MemorySegment ours, int at) {
    int a = record.get(JAVA_INT_UNALIGNED, OUT + at);
    int b = ours.get(JAVA_INT_UNALIGNED, at);
    float x = Float.intBitsToFloat(a);
    float y = Float.intBitsToFloat(b);
    if (Math.abs(x) < 0x1.1p-126f && Math.abs(y) < 0x1.1p-126f) {
      return (a ^ b) >= 0;
    }
    return Math.abs(x - y) <= Math.abs(x) * 0x1.8p-11f;
  }

  private void shorts(String name, MemorySegment record, MemorySegment ours, long at, int mask) {
    int theirs = record.get(JAVA_SHORT_UNALIGNED, OUT + at) & mask;
    int mine = ours.get(JAVA_SHORT_UNALIGNED, at) & mask;
    if (theirs != mine) {
      differences.add("%s: host %x, ours %x".formatted(name, theirs, mine));
    }
  }

  private void ints(String name, MemorySegment record, MemorySegment ours, long at) {
    int theirs = record.get(JAVA_INT_UNALIGNED, OUT + at);
    int mine = ours.get(JAVA_INT_UNALIGNED, at);
    if (theirs != mine) {
      differences.add("%s: host %x, ours %x".formatted(name, theirs, mine));
    }
  }
}
