package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.DATA;
import static isola.qa.oracle.RecordSpec.DATA_AT;
import static isola.qa.oracle.RecordSpec.FX;
import static isola.qa.oracle.RecordSpec.GPR;
import static isola.qa.oracle.RecordSpec.IN;
import static isola.qa.oracle.RecordSpec.PAGE;
import static isola.qa.oracle.RecordSpec.RFLAGS;
import static isola.qa.oracle.RecordSpec.RIP;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Random state of a processor before a test case, from a seed alone. */
final class StateGenerator {
  private static final int PAGES = 64;

  /** Registers that point into the data page: RBX, RBP, RSI, RDI, R12, R13, R14. */
  static final int[] POINTERS = {3, 5, 6, 7, 12, 13, 14};

  private final MemorySegment pages;

  StateGenerator() {
    pages = Arena.ofAuto().allocate((long) PAGES * PAGE, 64);
    Values values = new Values(42);
    for (long at = 0; at < pages.byteSize(); at += 8) {
      pages.set(JAVA_LONG_UNALIGNED, at, values.cell());
    }
  }

  /** Fills in the state before of a record. */
  void generate(MemorySegment record, long seed, boolean is64) {
    Values v = new Values(seed);
    for (int r = 0; r < 16; r++) {
      set(record, GPR + r * 8, v.integer());
    }
    for (int r : POINTERS) {
      set(record, GPR + r * 8, pointer(v));
    }
    set(record, GPR + 4 * 8, DATA + 1024 + v.below(128) * 16);
    if (v.oneIn(4)) {
      // A count for shifts, strings and lengths.
      set(record, GPR + 8, v.below(70));
    }
    if (!is64) {
      for (int r = 0; r < 16; r++) {
        long low = record.get(JAVA_LONG_UNALIGNED, IN + GPR + r * 8) & 0xffff_ffffL;
        set(record, GPR + r * 8, r < 8 ? low : 0);
      }
    }
    set(record, RIP, RecordSpec.CODE);
    set(record, RFLAGS, 0x202 | v.bits() & 0xcd5);
    floating(record, v);
    long from = (long) v.below(PAGES) * PAGE;
    MemorySegment.copy(pages, from, record, IN + DATA_AT, PAGE);
    // From values of their own: older seeds go on to mean what they meant.
    upper(record, new Values(seed ^ 0x5be0_cd19_137e_2179L));
  }

  private static void upper(MemorySegment record, Values v) {
    for (int i = 0; i < 16; i++) {
      int kind = v.below(4);
      for (int half = 0; half < 16; half += 8) {
        record.set(JAVA_LONG_UNALIGNED, IN + RecordSpec.YMM + i * 16 + half, vector(v, kind));
      }
    }
  }

  private static long vector(Values v, int kind) {
    return switch (kind) {
      case 0 -> v.real();
      case 1 -> v.single() & 0xffff_ffffL | (long) v.single() << 32;
      case 2 -> v.integer();
      default -> v.cell();
    };
  }

  private static void set(MemorySegment record, long field, long value) {
    record.set(JAVA_LONG_UNALIGNED, IN + field, value);
  }

  private static long pointer(Values v) {
    return switch (v.below(16)) {
      case 0 -> DATA + PAGE - v.below(32);
      case 1 -> RecordSpec.READ_ONLY + v.below(PAGE);
      case 2 -> DATA + v.below(PAGE);
      default -> DATA + 512 + v.below(128) * 16;
    };
  }

  private static void floating(MemorySegment record, Values v) {
    long fx = IN + FX;
    record.asSlice(fx, RecordSpec.FX_BYTES).fill((byte) 0);
    int masks = v.oneIn(8) ? v.below(64) : 0x3f;
    int precision = v.oneIn(3) ? v.below(4) : 3;
    int rounding = v.oneIn(2) ? v.below(4) : 0;
    int fcw = masks | 0x40 | precision << 8 | rounding << 10;
    int fsw = v.below(0x10000) & 0x7f00 | v.below(64) & masks;
    record.set(JAVA_SHORT_UNALIGNED, fx, (short) fcw);
    record.set(JAVA_SHORT_UNALIGNED, fx + 2, (short) fsw);
    int tags = v.oneIn(3) ? v.below(256) : v.oneIn(2) ? 0xff : usual(v, fsw >> 11 & 7);
    record.set(JAVA_SHORT_UNALIGNED, fx + 4, (short) tags);
    int sseMasks = v.oneIn(8) ? v.below(64) : 0x3f;
    int mxcsr = v.below(64) | sseMasks << 7 | (v.oneIn(2) ? v.below(4) << 13 : 0);
    mxcsr |= v.oneIn(4) ? 0x40 : 0;
    mxcsr |= v.oneIn(4) ? 0x8000 : 0;
    record.set(JAVA_INT_UNALIGNED, fx + 24, mxcsr);
    record.set(JAVA_INT_UNALIGNED, fx + 28, 0xffff);
    for (int i = 0; i < 8; i++) {
      record.set(JAVA_LONG_UNALIGNED, fx + 32 + i * 16, v.extended());
      record.set(JAVA_LONG_UNALIGNED, fx + 40 + i * 16, v.extendedTop());
    }
    for (int i = 0; i < 16; i++) {
      int kind = v.below(4);
      for (int half = 0; half < 16; half += 8) {
        record.set(JAVA_LONG_UNALIGNED, fx + 160 + i * 16 + half, vector(v, kind));
      }
    }
  }

  /** Some registers from the top of the stack in use, the others empty. */
  private static int usual(Values v, int top) {
    int used = v.below(7) + 1;
    int tags = 0;
    for (int i = 0; i < used; i++) {
      tags |= 1 << (top + i & 7);
    }
    return tags;
  }
}
