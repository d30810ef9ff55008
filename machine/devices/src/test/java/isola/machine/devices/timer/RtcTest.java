package isola.machine.devices.timer;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.ManualClock;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Drives the clock as an operating system does (MC146818A). */
final class RtcTest {
  private static final long SECOND = 1_000_000_000L;
  private static final Instant START = Instant.parse("2024-02-28T23:59:58Z");

  private boolean irq;
  private int edges;
  private final ManualClock clock = new ManualClock(START.getEpochSecond() * SECOND);
  private final Rtc rtc =
      new Rtc(
          clock,
          asserted -> {
            edges += asserted && !irq ? 1 : 0;
            irq = asserted;
          });

  private int read(int address) {
    rtc.out(0, 1, address);
    return rtc.in(1, 1) & 0xff;
  }

  private void write(int address, int value) {
    rtc.out(0, 1, address);
    rtc.out(1, 1, value);
  }

  @Test
  void showsTheWallTimeInDecimalDigits() {
    assertThat(read(0)).isEqualTo(0x58);
    assertThat(read(2)).isEqualTo(0x59);
    assertThat(read(4)).isEqualTo(0x23);
    assertThat(read(6)).as("Wednesday").isEqualTo(4);
    assertThat(read(7)).isEqualTo(0x28);
    assertThat(read(8)).isEqualTo(0x02);
    assertThat(read(9)).isEqualTo(0x24);
    assertThat(read(0x32)).isEqualTo(0x20);
    assertThat(read(13)).isEqualTo(0x80);
    clock.advance(2 * SECOND);
    assertThat(read(7)).isEqualTo(0x29);
    assertThat(read(4)).isZero();
  }

  @Test
  void showsBinaryAndTwelveHours() {
    write(11, 0x04);
    assertThat(read(0)).isEqualTo(58);
    assertThat(read(4)).isEqualTo(0x80 | 11);
    clock.advance(2 * SECOND);
    assertThat(read(4)).as("midnight is 12 am").isEqualTo(12);
  }

  @Test
  void aGuestSetsIt() {
    write(11, 0x82);
    write(7, 0x31);
    write(8, 0x01);
    write(9, 0x99);
    write(0x32, 0x19);
    write(4, 0x12);
    write(2, 0x30);
    write(0, 0x00);
    clock.advance(5 * SECOND);
    assertThat(read(0)).as("stands while being set").isZero();
    write(11, 0x02);
    clock.advance(SECOND);
    assertThat(read(0)).isEqualTo(0x01);
    assertThat(read(7)).isEqualTo(0x31);
    assertThat(read(8)).isEqualTo(0x01);
    assertThat(read(9)).isEqualTo(0x99);
    assertThat(read(0x32)).isEqualTo(0x19);
  }

  @Test
  void nonsenseDoesNotSetIt() {
    write(8, 0x77);
    assertThat(read(8)).isEqualTo(0x02);
  }

  @Test
  void updateInProgressIsShortAndBeforeTheSecond() {
    assertThat(read(10) & 0x80).isZero();
    clock.advance(SECOND - 200_000);
    assertThat(read(10) & 0x80).isNotZero();
    clock.advance(200_000);
    assertThat(read(10) & 0x80).isZero();
  }

  @Test
  void updateEndedInterruptsEachSecond() {
    write(11, 0x12);
    for (int i = 1; i <= 3; i++) {
      clock.advance(SECOND);
      assertThat(edges).isEqualTo(i);
      assertThat(read(12) & 0x90).isEqualTo(0x90);
      assertThat(irq).isFalse();
    }
    clock.advance(5 * SECOND);
    assertThat(edges).as("one, until it is acknowledged").isEqualTo(4);
  }

  @Test
  void periodicInterruptAt1024Hertz() {
    write(10, 0x26);
    write(11, 0x42);
    int count = 0;
    for (int i = 0; i < 10_000; i++) {
      clock.advance(100_000);
      if (irq) {
        assertThat(read(12) & 0xc0).isEqualTo(0xc0);
        count++;
      }
    }
    assertThat(count).isBetween(1022, 1025);
  }

  @Test
  void alarmAtATimeOfDay() {
    write(1, 0x05);
    write(3, 0x00);
    write(5, 0x00);
    write(11, 0x22);
    clock.advance(6 * SECOND);
    assertThat(irq).isFalse();
    clock.advance(SECOND);
    assertThat(irq).isTrue();
    assertThat(read(12) & 0xa0).isEqualTo(0xa0);
    clock.advance(86_399 * SECOND);
    assertThat(irq).isFalse();
    clock.advance(SECOND);
    assertThat(irq).isTrue();
  }

  @Test
  void alarmEveryMinute() {
    write(1, 0x30);
    write(3, 0xff);
    write(5, 0xff);
    write(11, 0x22);
    int count = 0;
    for (int i = 0; i < 600; i++) {
      clock.advance(SECOND);
      if (irq) {
        read(12);
        count++;
      }
    }
    assertThat(count).isEqualTo(10);
  }

  @Test
  void memorySizesAndScratchBytes() {
    rtc.presetMemory(3L << 30, 5L << 30);
    assertThat(read(0x34) | read(0x35) << 8).isEqualTo((3 << 30 >>> 16) - 256);
    assertThat(read(0x5b) | read(0x5c) << 8 | read(0x5d) << 16).isEqualTo(5 << 14);
    assertThat(read(0x15) | read(0x16) << 8).isEqualTo(640);
    write(0x0f, 0x0a);
    rtc.reset();
    assertThat(read(0x0f)).as("survives a reset").isEqualTo(0x0a);
  }

  @Test
  void stateSurvives() {
    write(11, 0x12);
    write(8, 0x05);
    Rtc.State saved = rtc.save();
    write(8, 0x07);
    rtc.restore(saved);
    assertThat(read(8)).isEqualTo(0x05);
    clock.advance(SECOND);
    assertThat(irq).isTrue();
  }
}
