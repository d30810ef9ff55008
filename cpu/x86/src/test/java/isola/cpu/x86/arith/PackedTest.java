package isola.cpu.x86.arith;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.function.LongBinaryOperator;
import org.junit.jupiter.api.Test;

class PackedTest {
  private final SplittableRandom random = new SplittableRandom(5);

  /** Applies an operation on sign-extended elements one by one. */
  private static long each(long a, long b, int size, LongBinaryOperator op) {
    int bits = size * 8;
    long result = 0;
    for (int i = 0; i < 64; i += bits) {
      long x = a << (64 - bits - i) >> (64 - bits);
      long y = b << (64 - bits - i) >> (64 - bits);
      result |= (op.applyAsLong(x, y) & -1L >>> (64 - bits)) << i;
    }
    return result;
  }

  private long cell() {
    return switch (random.nextInt(4)) {
      case 0 -> 0x8000_7fff_0001_ffffL;
      case 1 -> 0x7f80_ff00_0180_7fffL;
      default -> random.nextLong();
    };
  }

  @Test
  void elementsOfAllSizesComputeByThemselves() {
    for (int i = 0; i < 20_000; i++) {
      long a = cell();
      long b = random.nextInt(4) == 0 ? a : cell();
      for (int size = 1; size <= 4; size *= 2) {
        int bits = size * 8;
        long least = -1L << (bits - 1);
        long mask = -1L >>> (64 - bits);
        assertThat(Packed.add(a, b, size)).isEqualTo(each(a, b, size, Long::sum));
        assertThat(Packed.subtract(a, b, size)).isEqualTo(each(a, b, size, (x, y) -> x - y));
        assertThat(Packed.equal(a, b, size)).isEqualTo(each(a, b, size, (x, y) -> x == y ? -1 : 0));
        assertThat(Packed.greater(a, b, size))
            .isEqualTo(each(a, b, size, (x, y) -> x > y ? -1 : 0));
        assertThat(Packed.extremeSigned(a, b, size, true)).isEqualTo(each(a, b, size, Math::max));
        assertThat(Packed.extremeUnsigned(a, b, size, false))
            .isEqualTo(each(a, b, size, (x, y) -> Math.min(x & mask, y & mask)));
        assertThat(Packed.absolute(b, size)).isEqualTo(each(a, b, size, (x, y) -> Math.abs(y)));
        assertThat(Packed.sign(a, b, size))
            .isEqualTo(each(a, b, size, (x, y) -> x * Long.signum(y)));
        if (size < 4) {
          assertThat(Packed.addSigned(a, b, size))
              .isEqualTo(each(a, b, size, (x, y) -> Math.clamp(x + y, least, ~least)));
          assertThat(Packed.subtractSigned(a, b, size))
              .isEqualTo(each(a, b, size, (x, y) -> Math.clamp(x - y, least, ~least)));
          assertThat(Packed.addUnsigned(a, b, size))
              .isEqualTo(each(a, b, size, (x, y) -> Math.min((x & mask) + (y & mask), mask)));
          assertThat(Packed.subtractUnsigned(a, b, size))
              .isEqualTo(each(a, b, size, (x, y) -> Math.max((x & mask) - (y & mask), 0)));
          assertThat(Packed.average(a, b, size))
              .isEqualTo(each(a, b, size, (x, y) -> ((x & mask) + (y & mask) + 1) >> 1));
        }
      }
    }
  }

  @Test
  void shiftsBeyondTheElementClearOrFillIt() {
    long a = 0x8000_0001_7fff_ff80L;
    assertThat(Packed.shiftLeft(a, 16, 2)).isZero();
    assertThat(Packed.shiftRight(a, -1L, 8)).isZero();
    assertThat(Packed.shiftRightSigned(a, 1000, 4)).isEqualTo(0xffff_ffff_0000_0000L);
    assertThat(Packed.shiftRightSigned(a, 4, 2)).isEqualTo(0xf800_0000_07ff_fff8L);
  }

  @Test
  void topBitsOfBytesBecomeAMask() {
    assertThat(Packed.byteMask(0x8000_0080_0000_ff7fL)).isEqualTo(0b1001_0010);
  }
}
