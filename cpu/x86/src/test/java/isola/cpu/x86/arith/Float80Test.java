package isola.cpu.x86.arith;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Float80Test {
  private static final long TOP = Long.MIN_VALUE;
  private static final int ONE = 0x3fff;

  private final Float80 f = new Float80();
  private final Transcendental t = new Transcendental();
  private final SplittableRandom random = new SplittableRandom(3);

  private static BigDecimal value(int se, long significand) {
    BigInteger magnitude = new BigInteger(Long.toUnsignedString(significand));
    int power = (se & 0x7fff) - 16383 - 63;
    BigDecimal scaled =
        power >= 0
            ? new BigDecimal(magnitude.shiftLeft(power))
            : new BigDecimal(magnitude).divide(new BigDecimal(BigInteger.ONE.shiftLeft(-power)));
    return (se & 0x8000) != 0 ? scaled.negate() : scaled;
  }

  private void expect(int se, long significand) {
    assertThat("%04x %016x".formatted(f.se(), f.significand()))
        .isEqualTo("%04x %016x".formatted(se, significand));
  }

  @Test
  void directedRoundingEnclosesProductsAndSums() {
    for (int i = 0; i < 10_000; i++) {
      int aSe = 0x3fff + random.nextInt(140) - 70 | random.nextInt(2) << 15;
      int bSe = 0x3fff + random.nextInt(140) - 70 | random.nextInt(2) << 15;
      long a = TOP | random.nextLong();
      long b = TOP | random.nextLong();
      int op = random.nextInt(2);
      BigDecimal exact =
          op == Float80.ADD
              ? value(aSe, a).add(value(bSe, b))
              : value(aSe, a).multiply(value(bSe, b));
      f.control(0x77f);
      f.begin();
      f.arithmetic(op, aSe, a, bSe, b);
      BigDecimal below = value(f.se(), f.significand());
      boolean inexact = (f.raised() & FloatSpec.PE) != 0;
      f.control(0xb7f);
      f.begin();
      f.arithmetic(op, aSe, a, bSe, b);
      BigDecimal above = value(f.se(), f.significand());
      assertThat(below).isLessThanOrEqualTo(exact);
      assertThat(above).isGreaterThanOrEqualTo(exact);
      assertThat(inexact).isEqualTo(below.compareTo(above) != 0);
    }
  }

  @Test
  void quotientTimesDivisorIsNearTheDividend() {
    f.control(0xf7f);
    for (int i = 0; i < 10_000; i++) {
      long a = TOP | random.nextLong();
      long b = TOP | random.nextLong();
      f.begin();
      f.arithmetic(Float80.DIV, ONE, a, ONE, b);
      BigDecimal low = value(f.se(), f.significand()).multiply(value(ONE, b));
      BigDecimal high = value(f.se(), f.significand() + 1).multiply(value(ONE, b));
      assertThat(low).isLessThanOrEqualTo(value(ONE, a));
      assertThat(f.significand() == -1 || high.compareTo(value(ONE, a)) > 0).isTrue();
    }
  }

  @Test
  void precisionControlShortensTheSignificand() {
    f.control(0x07f);
    f.begin();
    f.arithmetic(Float80.DIV, ONE, TOP, 0x4000, 0xc000_0000_0000_0000L);
    expect(0x3ffd, 0xaaaa_ab00_0000_0000L);
    assertThat(f.roundedUp()).isTrue();
    f.control(0x27f);
    f.begin();
    f.arithmetic(Float80.DIV, ONE, TOP, 0x4000, 0xc000_0000_0000_0000L);
    expect(0x3ffd, 0xaaaa_aaaa_aaaa_a800L);
    assertThat(f.roundedUp()).isFalse();
  }

  @Test
  void largerSignificandOfTwoNansWins() {
    f.begin();
    f.arithmetic(Float80.ADD, 0x7fff, 0xc000_0000_0000_0001L, 0xffff, 0xc000_0000_0000_0002L);
    expect(0xffff, 0xc000_0000_0000_0002L);
    assertThat(f.raised()).isZero();
    f.begin();
    f.arithmetic(Float80.ADD, 0x7fff, 0x8000_0000_0000_0009L, 0xffff, 0xc000_0000_0000_0002L);
    expect(0xffff, 0xc000_0000_0000_0002L);
    assertThat(f.raised()).isEqualTo(FloatSpec.IE);
  }

  @Test
  void unsupportedFormatsAreInvalid() {
    for (int se : new int[] {0x3fff, 0x7fff, 0x0001}) {
      f.begin();
      f.arithmetic(Float80.MUL, se, 0x4000_0000_0000_0000L, ONE, TOP);
      expect(0xffff, 0xc000_0000_0000_0000L);
      assertThat(f.raised()).isEqualTo(FloatSpec.IE);
    }
  }

  @Test
  void unmaskedOverflowWrapsTheExponent() {
    f.control(0x37f & ~FloatSpec.OE);
    f.begin();
    f.arithmetic(Float80.MUL, 0x7ffe, TOP, 0x4000, TOP);
    expect(0x7fff - 24576, TOP);
    assertThat(f.raised()).isEqualTo(FloatSpec.OE);
  }

  @Test
  void decimalsGoThereAndBack() {
    Float80Convert.fromDecimal(f, 0x8012, 0x3456_7890_1234_5678L);
    int se = f.se();
    long significand = f.significand();
    assertThat(value(se, significand)).isEqualByComparingTo("-123456789012345678");
    Float80Convert.toDecimal(f, se, significand);
    expect(0x8012, 0x3456_7890_1234_5678L);
  }

  @Test
  void partialRemainderGivesTheQuotientsBits() {
    f.begin();
    // 29 rem 8: 5, quotient 3; nearest: -3, quotient 4.
    assertThat(Remainder80.remainder(f, 0x4003, 0xe800_0000_0000_0000L, 0x4002, TOP, false))
        .isEqualTo(0x4200);
    expect(0x4001, 0xa000_0000_0000_0000L);
    assertThat(Remainder80.remainder(f, 0x4003, 0xe800_0000_0000_0000L, 0x4002, TOP, true))
        .isEqualTo(0x100);
    expect(0xc000, 0xc000_0000_0000_0000L);
  }

  @Test
  void transcendentalFunctionsHitKnownValues() {
    f.begin();
    assertThat(t.sine(f, ONE, TOP)).isTrue();
    expect(0x3ffe, 0xd76a_a478_4867_7021L);
    t.cosine(f, ONE, TOP);
    expect(0x3ffe, 0x8a51_407d_a834_5c92L);
    t.arcTangent(f, ONE, TOP, ONE, TOP);
    expect(0x3ffe, 0xc90f_daa2_2168_c235L);
    // log2(10)
    t.logarithm(f, 0x4002, 0xa000_0000_0000_0000L, ONE, TOP);
    expect(0x4000, 0xd49a_784b_cd1b_8afeL);
    // 2^0.5 - 1
    t.powerMinusOne(f, 0x3ffe, TOP);
    expect(0x3ffd, 0xd413_cccf_e779_9211L);
  }

  @Test
  void angleOutOfRangeIsRefused() {
    f.begin();
    assertThat(t.sine(f, 0x403e, TOP)).isFalse();
    assertThat(t.sine(f, 0x403d, -1L)).isTrue();
  }

  @Test
  void functionsAgreeWithJavasDoubles() {
    for (int i = 0; i < 5_000; i++) {
      double x = random.nextDouble(-1, 1);
      Float80Convert.fromDouble(f, Double.doubleToRawLongBits(x));
      int se = f.se();
      long s = f.significand();
      f.begin();
      t.sine(f, se, s);
      assertThat(asDouble()).isCloseTo(Math.sin(x), within(Math.sin(x)));
      t.tangent(f, se, s);
      assertThat(asDouble()).isCloseTo(Math.tan(x), within(Math.tan(x)));
      t.powerMinusOne(f, se, s);
      double power = Math.expm1(x * Math.log(2));
      assertThat(asDouble()).isCloseTo(power, within(power));
      t.arcTangent(f, ONE, TOP, se, s);
      assertThat(asDouble()).isCloseTo(Math.atan(x), within(Math.atan(x)));
    }
  }

  private double asDouble() {
    return Double.longBitsToDouble(Float80Convert.toDouble(f, f.se(), f.significand()));
  }

  private static org.assertj.core.data.Offset<Double> within(double value) {
    return org.assertj.core.data.Offset.offset(Math.ulp(value) * 4);
  }
}
