package isola.cpu.x86.arith;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SseFloatTest {
  private static final int DEFAULT = 0x1f80;
  private static final int DOWN = DEFAULT | 1 << 13;
  private static final int UP = DEFAULT | 2 << 13;
  private static final int TRUNCATE = DEFAULT | 3 << 13;

  private final SseFloat unit = new SseFloat();
  private final SplittableRandom random = new SplittableRandom(7);

  private long number() {
    long e = random.nextInt(10) == 0 ? random.nextInt(2047) : 1023 + random.nextInt(120) - 60;
    return random.nextLong() & 0x800f_ffff_ffff_ffffL | e << 52;
  }

  private static BigDecimal exact(int op, long a, long b) {
    BigDecimal x = new BigDecimal(Double.longBitsToDouble(a));
    BigDecimal y = new BigDecimal(Double.longBitsToDouble(b));
    return switch (op) {
      case SseFloat.ADD -> x.add(y);
      case SseFloat.SUB -> x.subtract(y);
      default -> x.multiply(y);
    };
  }

  @Test
  void directedRoundingEnclosesTheExactResult() {
    for (int i = 0; i < 20_000; i++) {
      long a = number();
      long b = number();
      int op = random.nextInt(3);
      BigDecimal exact = exact(op, a, b);
      unit.begin(DOWN);
      double below = Double.longBitsToDouble(unit.arithmetic(op, a, b, true));
      int raised = unit.raised();
      unit.begin(UP);
      double above = Double.longBitsToDouble(unit.arithmetic(op, a, b, true));
      if (Double.isInfinite(below) || Double.isInfinite(above)) {
        assertThat(raised & FloatSpec.PE).isEqualTo(FloatSpec.PE);
        continue;
      }
      assertThat(new BigDecimal(below)).isLessThanOrEqualTo(exact);
      assertThat(new BigDecimal(above)).isGreaterThanOrEqualTo(exact);
      boolean inexact = new BigDecimal(below).compareTo(exact) != 0;
      assertThat((raised & FloatSpec.PE) != 0).isEqualTo(inexact);
      if (inexact) {
        assertThat(Math.nextUp(below)).isEqualTo(above);
      }
    }
  }

  @Test
  void nearestIsWhatJavaComputes() {
    for (int i = 0; i < 20_000; i++) {
      long a = number();
      long b = number();
      double x = Double.longBitsToDouble(a);
      double y = Double.longBitsToDouble(b);
      unit.begin(DEFAULT);
      assertThat(Double.longBitsToDouble(unit.arithmetic(SseFloat.ADD, a, b, true)))
          .isEqualTo(x + y);
      assertThat(Double.longBitsToDouble(unit.arithmetic(SseFloat.MUL, a, b, true)))
          .isEqualTo(x * y);
      assertThat(Double.longBitsToDouble(unit.arithmetic(SseFloat.DIV, a, b, true)))
          .isEqualTo(x / y);
      assertThat(Double.longBitsToDouble(unit.squareRoot(a & Long.MAX_VALUE, true)))
          .isEqualTo(Math.sqrt(Math.abs(x)));
    }
  }

  @Test
  void theSlowWayRoundsAsTheFastOne() {
    for (int i = 0; i < 20_000; i++) {
      long a = number() & Long.MAX_VALUE;
      long b = number() & Long.MAX_VALUE;
      for (int op : new int[] {SseFloat.ADD, SseFloat.MUL, SseFloat.DIV}) {
        unit.begin(TRUNCATE);
        double cut = Double.longBitsToDouble(unit.arithmetic(op, a, b, true));
        unit.begin(DEFAULT);
        double near = Double.longBitsToDouble(unit.arithmetic(op, a, b, true));
        int raised = unit.raised();
        if (Double.isFinite(near) && Double.isFinite(cut)) {
          assertThat(near == cut || near == Math.nextUp(cut)).isTrue();
          assertThat((raised & FloatSpec.PE) == 0 && near != cut).isFalse();
        }
      }
    }
  }

  @Test
  void firstNanWinsAndIsQuieted() {
    unit.begin(DEFAULT);
    long signalling = 0x7ff0_0000_0000_0001L;
    long quiet = 0xfff8_0000_0000_0002L;
    assertThat(unit.arithmetic(SseFloat.ADD, signalling, quiet, true))
        .isEqualTo(0x7ff8_0000_0000_0001L);
    assertThat(unit.raised()).isEqualTo(FloatSpec.IE);
    unit.begin(DEFAULT);
    assertThat(unit.arithmetic(SseFloat.SUB, 0, quiet, true)).isEqualTo(quiet);
    assertThat(unit.raised()).isZero();
  }

  @Test
  void tinyResultsAreFlushedWhenAsked() {
    long least = 0x10_0000_0000_0000L;
    unit.begin(DEFAULT);
    assertThat(unit.arithmetic(SseFloat.MUL, least, 0x3fe0_0000_0000_0000L, true))
        .isEqualTo(least >>> 1);
    assertThat(unit.raised()).isZero();
    unit.begin(DEFAULT | FloatSpec.MXCSR_FTZ);
    assertThat(unit.arithmetic(SseFloat.MUL, least, 0xbfe0_0000_0000_0000L, true))
        .isEqualTo(Long.MIN_VALUE);
    assertThat(unit.raised()).isEqualTo(FloatSpec.UE | FloatSpec.PE);
  }

  @Test
  void denormalsAreReportedOrTakenForZero() {
    unit.begin(DEFAULT);
    assertThat(unit.arithmetic(SseFloat.ADD, 1, 1, true)).isEqualTo(2);
    assertThat(unit.raised()).isEqualTo(FloatSpec.DE);
    unit.begin(DEFAULT | FloatSpec.MXCSR_DAZ);
    assertThat(unit.arithmetic(SseFloat.ADD, 1, 1, true)).isZero();
    assertThat(unit.raised()).isZero();
  }

  @Test
  void integersThatDoNotFitAreIndefinite() {
    unit.begin(DEFAULT);
    long big = Double.doubleToRawLongBits(0x1p31);
    assertThat(unit.toInteger(big, true, 32, true)).isEqualTo(Integer.MIN_VALUE);
    assertThat(unit.raised()).isEqualTo(FloatSpec.IE);
    unit.begin(DEFAULT);
    assertThat(unit.toInteger(Double.doubleToRawLongBits(-0x1p31 - 0.5), true, 32, true))
        .isEqualTo(Integer.MIN_VALUE);
    assertThat(unit.raised()).isEqualTo(FloatSpec.PE);
  }

  @Test
  void reciprocalsKeepTheManualsBound() {
    for (int i = 0; i < 20_000; i++) {
      int bits = (0x20 + random.nextInt(0xc0)) << 23 | random.nextInt(1 << 23);
      double x = Float.intBitsToFloat(bits);
      double r = Float.intBitsToFloat((int) SseFloat.reciprocal(bits));
      double q = Float.intBitsToFloat((int) SseFloat.reciprocalRoot(bits));
      assertThat(Math.abs(r * x - 1)).isLessThan(1.5 * 0x1p-12);
      assertThat(Math.abs(q * Math.sqrt(x) - 1)).isLessThan(1.5 * 0x1p-12);
    }
  }
}
