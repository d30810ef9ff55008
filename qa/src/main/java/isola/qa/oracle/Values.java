package isola.qa.oracle;

import java.util.SplittableRandom;

/** Random values with a liking for those that break arithmetic. */
final class Values {
  private static final long[] INTEGERS = {
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    65,
    0x7f,
    0x80,
    0x81,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    0x1_0000_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -2,
    -8,
    -128,
    -129,
    -32768,
    -32769,
    Integer.MIN_VALUE,
    0x8000_0000_8000_0000L,
    0x7fff_ffff_7fff_ffffL,
    0x8080_8080_8080_8080L,
    0x7f7f_7f7f_7f7f_7f7fL,
    0x00ff_00ff_00ff_00ffL,
    0x0f,
    0x99,
    0x9a,
    0x0a05
  };

  private static final int[] SINGLES = {
    0,
    1,
    2,
    0x7f_ffff,
    0x80_0000,
    0x80_0001,
    0x3f80_0000,
    0x3f80_0001,
    0x3f7f_ffff,
    0x3fc0_0000,
    0x4000_0000,
    0x3f00_0000,
    0x3eff_ffff,
    0x3f00_0001,
    0x4b00_0000,
    0x4b7f_ffff,
    0x4b80_0000,
    0x4eff_ffff,
    0x4f00_0000,
    0x5f00_0000,
    0x5eff_ffff,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0x7fbf_ffff,
    0x7fff_ffff,
    0x2000_0000,
    0x1f80_0000,
    0x6000_0000,
    0x0c80_0000
  };

  private static final long[] DOUBLES = {
    0,
    1,
    2,
    0xf_ffff_ffff_ffffL,
    0x10_0000_0000_0000L,
    0x10_0000_0000_0001L,
    0x3ff0_0000_0000_0000L,
    0x3ff0_0000_0000_0001L,
    0x3fef_ffff_ffff_ffffL,
    0x3ff8_0000_0000_0000L,
    0x4000_0000_0000_0000L,
    0x3fe0_0000_0000_0000L,
    0x3fdf_ffff_ffff_ffffL,
    0x4330_0000_0000_0000L,
    0x433f_ffff_ffff_ffffL,
    0x41df_ffff_ffc0_0000L,
    0x41df_ffff_ffe0_0000L,
    0x41e0_0000_0000_0000L,
    0x43e0_0000_0000_0000L,
    0x43df_ffff_ffff_ffffL,
    0x7fef_ffff_ffff_ffffL,
    0x7ff0_0000_0000_0000L,
    0x7ff8_0000_0000_0000L,
    0x7ff0_0000_0000_0001L,
    0x7fff_ffff_ffff_ffffL,
    0x36a0_0000_0000_0000L,
    0x3690_0000_0000_0000L,
    0x380f_ffff_ffff_ffffL,
    0x47ef_ffff_e000_0000L,
    0x47ef_ffff_f000_0000L,
    0x1ff0_0000_0000_0000L,
    0x5fe0_0000_0000_0000L
  };

  private static final long[] SIGNIFICANDS = {
    0x8000_0000_0000_0000L,
    0x8000_0000_0000_0001L,
    0xffff_ffff_ffff_ffffL,
    0xc000_0000_0000_0000L,
    0xc000_0000_0000_0001L,
    0xa000_0000_0000_0000L,
    0xbfff_ffff_ffff_ffffL,
    0xffff_ff00_0000_0000L,
    0xffff_ff80_0000_0000L,
    0xffff_ffff_ffff_f800L,
    0xffff_ffff_ffff_fc00L,
    0x8000_0080_0000_0000L,
    0x8000_0000_0000_0400L,
    0x7fff_ffff_ffff_ffffL,
    0x4000_0000_0000_0000L,
    1,
    0
  };

  private static final int[] EXPONENTS = {
    0, 1, 2, 3, 0x7fff, 0x7ffe, 0x3fff, 0x3ffe, 0x4000, 0x3ffd, 0x403e, 0x403d, 0x403f, 0x401e,
    0x400e, 0x3f81, 0x407e, 0x407f, 0x3c01, 0x43fe, 0x43ff, 0x3c00, 0x3bcd, 0x3f6a
  };

  private final SplittableRandom random;

  Values(long seed) {
    random = new SplittableRandom(seed);
  }

  int below(int bound) {
    return random.nextInt(bound);
  }

  boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  long bits() {
    return random.nextLong();
  }

  long integer() {
    return switch (below(8)) {
      case 0, 1, 2 -> INTEGERS[below(INTEGERS.length)];
      case 3 -> INTEGERS[below(INTEGERS.length)] + below(5) - 2;
      case 4 -> below(256);
      case 5 -> bits() >> below(64);
      case 6 -> (int) bits();
      default -> bits();
    };
  }

  int single() {
    return switch (below(8)) {
      case 0, 1, 2 -> SINGLES[below(SINGLES.length)] | (below(2) << 31);
      case 3 -> (int) bits() & 0x80ff_ffff | 0x3f00_0000;
      case 4 -> Float.floatToRawIntBits(below(2000) - 1000);
      case 5 -> Float.floatToRawIntBits((below(2000) - 1000) / 16f);
      case 6 -> (int) bits() & 0x807f_ffff | (0x60 + below(0x40)) << 23;
      default -> (int) bits();
    };
  }

  long real() {
    return switch (below(8)) {
      case 0, 1, 2 -> DOUBLES[below(DOUBLES.length)] | (long) below(2) << 63;
      case 3 -> bits() & 0x801f_ffff_ffff_ffffL | 0x3fe0_0000_0000_0000L;
      case 4 -> Double.doubleToRawLongBits(below(2000) - 1000);
      case 5 -> Double.doubleToRawLongBits((below(2000) - 1000) / 16.0);
      case 6 -> bits() & 0x800f_ffff_ffff_ffffL | (long) (0x3c0 + below(0x80)) << 52;
      default -> bits();
    };
  }

  /** Sign and exponent of an 80-bit value. */
  int extendedTop() {
    int e =
        switch (below(4)) {
          case 0 -> EXPONENTS[below(EXPONENTS.length)];
          case 1 -> 0x3fff + below(80) - 20;
          case 2 -> 0x3fff + below(8) - 4;
          default -> below(10) == 0 ? below(0x8000) : 0x3fff + below(16) - 12;
        };
    return e | below(2) << 15;
  }

  /** Significand of an 80-bit value. */
  long extended() {
    return switch (below(8)) {
      case 0, 1 -> SIGNIFICANDS[below(SIGNIFICANDS.length)];
      case 2 -> Long.MIN_VALUE | (long) below(4096) << 51;
      case 3 -> Long.MIN_VALUE | bits() << 40;
      case 4 -> Long.MIN_VALUE | bits() << 11;
      default -> Long.MIN_VALUE | bits();
    };
  }

  /** Eight bytes of any kind. */
  long cell() {
    return switch (below(6)) {
      case 0, 1 -> integer();
      case 2, 3 -> single() & 0xffff_ffffL | (long) single() << 32;
      case 4 -> real();
      default -> bits();
    };
  }
}
