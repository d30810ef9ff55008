package isola.machine.devices.timer;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.ManualClock;
import org.junit.jupiter.api.Test;

/** Drives the 8254 as an operating system does (Intel 231164). */
final class PitTest {
  private static final long TICK_FEMTOS = 838_095_344;

  private int edges;
  private final ManualClock clock = new ManualClock(0);
  private final Pit pit =
      new Pit(
          clock,
          asserted -> {
            if (asserted) {
              edges++;
            }
          });

  /** Nanoseconds that are surely {@code ticks} ticks, and less than a half more. */
  private static long ticks(long ticks) {
    return ticks * TICK_FEMTOS / 1_000_000 + 200;
  }

  private int read(int channel) {
    return pit.in(channel, 1) & 0xff;
  }

  private int read16(int channel) {
    return read(channel) | read(channel) << 8;
  }

  private void load(int channel, int count) {
    pit.out(channel, 1, count & 0xff);
    pit.out(channel, 1, count >> 8 & 0xff);
  }

  @Test
  void rateGeneratorTicksAHundredTimesASecond() {
    pit.out(3, 1, 0x34);
    load(0, 11_932);
    clock.advance(1_000_000_000);
    assertThat(edges).isEqualTo(99);
    clock.advance(9_000_000_000L);
    assertThat(edges).isEqualTo(999);
  }

  @Test
  void theShortestPeriodDoesNotFloodTheHost() {
    pit.out(3, 1, 0x34);
    load(0, 1);
    clock.advance(1_000_000);
    assertThat(edges).isBetween(1, 60);
  }

  @Test
  void modeZeroInterruptsOnce() {
    pit.out(3, 1, 0x30);
    load(0, 1000);
    clock.advance(ticks(400));
    pit.out(3, 1, 0x00);
    int latched = read16(0);
    assertThat(latched).isEqualTo(600);
    clock.advance(ticks(700));
    assertThat(edges).isEqualTo(1);
    clock.advance(1_000_000_000);
    assertThat(edges).isEqualTo(1);
  }

  @Test
  void squareWaveCountsByTwo() {
    pit.out(3, 1, 0x36);
    load(0, 1000);
    clock.advance(ticks(100));
    assertThat(read16(0)).isEqualTo(800);
    clock.advance(ticks(450));
    assertThat(read16(0)).as("second half").isEqualTo(900);
  }

  @Test
  void latchKeepsTheCountUntilBothBytesAreRead() {
    pit.out(3, 1, 0x34);
    load(0, 60_000);
    clock.advance(ticks(1000));
    pit.out(3, 1, 0x00);
    clock.advance(ticks(1000));
    pit.out(3, 1, 0x00);
    assertThat(read16(0)).isEqualTo(59_000);
    assertThat(read16(0)).isBetween(57_999, 58_000);
  }

  @Test
  void readBackLatchesStatusThenCount() {
    pit.out(3, 1, 0x30);
    pit.out(3, 1, 0xe2);
    assertThat(read(0)).as("null count, access both, mode 0").isEqualTo(0x70);
    load(0, 100);
    clock.advance(ticks(10));
    pit.out(3, 1, 0xc2);
    assertThat(read(0)).isEqualTo(0x30);
    assertThat(read16(0)).isEqualTo(90);
    clock.advance(ticks(100));
    pit.out(3, 1, 0xe2);
    assertThat(read(0)).as("output is high").isEqualTo(0xb0);
  }

  @Test
  void channelTwoIsTimedThroughPort61() {
    // How Linux calibrates the time-stamp counter.
    pit.speakerPort().out(0, 1, 1);
    pit.out(3, 1, 0xb0);
    load(2, 11_932);
    assertThat(pit.speakerPort().in(0, 1) & 0x20).isZero();
    clock.advance(9_990_000);
    assertThat(pit.speakerPort().in(0, 1) & 0x20).isZero();
    clock.advance(20_000);
    assertThat(pit.speakerPort().in(0, 1) & 0x20).isNotZero();
  }

  @Test
  void theGateHoldsChannelTwo() {
    pit.speakerPort().out(0, 1, 1);
    pit.out(3, 1, 0xb0);
    load(2, 1000);
    clock.advance(ticks(100));
    pit.speakerPort().out(0, 1, 0);
    clock.advance(ticks(500));
    assertThat(read16(2)).isEqualTo(900);
    pit.speakerPort().out(0, 1, 1);
    clock.advance(ticks(100));
    assertThat(read16(2)).isBetween(799, 800);
  }

  @Test
  void decimalCounting() {
    pit.out(3, 1, 0x35);
    load(0, 0x1000);
    clock.advance(ticks(1));
    assertThat(read16(0)).isEqualTo(0x0999);
  }

  @Test
  void theRefreshBitToggles() {
    int changes = 0;
    int last = -1;
    for (int i = 0; i < 100; i++) {
      int bit = pit.speakerPort().in(0, 1) & 0x10;
      changes += bit != last ? 1 : 0;
      last = bit;
      clock.advance(5_000);
    }
    assertThat(changes).isBetween(30, 40);
  }

  @Test
  void stateSurvives() {
    pit.out(3, 1, 0x34);
    load(0, 10_000);
    clock.advance(ticks(4_000));
    Pit.State saved = pit.save();
    pit.reset();
    pit.restore(saved);
    assertThat(read16(0)).isEqualTo(6_000);
    clock.advance(ticks(6_000));
    assertThat(edges).isEqualTo(1);
  }
}
