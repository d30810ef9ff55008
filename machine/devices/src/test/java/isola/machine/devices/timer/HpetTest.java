package isola.machine.devices.timer;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.irq.InterruptLine;
import isola.core.time.ManualClock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Drives the HPET as an operating system does (IA-PC HPET 1.0a). */
final class HpetTest {
  private final ManualClock clock = new ManualClock(0);
  private final int[] edges = new int[26];
  private final boolean[] levels = new boolean[26];
  private final Hpet hpet;

  HpetTest() {
    List<InterruptLine> inputs = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      inputs.add(line(i));
    }
    hpet = new Hpet(clock, inputs, line(24), line(25));
  }

  private InterruptLine line(int number) {
    return asserted -> {
      edges[number] += asserted && !levels[number] ? 1 : 0;
      levels[number] = asserted;
    };
  }

  @Test
  void identifiesItself() {
    assertThat(hpet.read(0, 8)).isEqualTo(0x0098_9680_8086_a201L);
    assertThat(hpet.read(4, 4)).isEqualTo(10_000_000);
    assertThat(hpet.read(0x104, 4)).isEqualTo(0x00ff_0000);
  }

  @Test
  void countsWhileEnabled() {
    clock.advance(1000);
    assertThat(hpet.read(0xf0, 8)).isZero();
    hpet.write(0xf0, 8, 500);
    hpet.write(0x10, 8, 1);
    clock.advance(1000);
    assertThat(hpet.read(0xf0, 8)).isEqualTo(600);
    hpet.write(0x10, 8, 0);
    clock.advance(1000);
    assertThat(hpet.read(0xf0, 8)).isEqualTo(600);
  }

  @Test
  void oneShotEdge() {
    hpet.write(0x10, 8, 1);
    hpet.write(0x100, 4, 1 << 2 | 20 << 9);
    hpet.write(0x108, 8, 1000);
    clock.advance(9_990);
    assertThat(edges[20]).isZero();
    clock.advance(10);
    assertThat(edges[20]).isEqualTo(1);
    clock.advance(1_000_000_000);
    assertThat(edges[20]).isEqualTo(1);
  }

  @Test
  void levelStaysUntilTheStatusIsCleared() {
    hpet.write(0x10, 8, 1);
    hpet.write(0x120, 4, 1 << 2 | 1 << 1 | 21 << 9);
    hpet.write(0x128, 8, 100);
    clock.advance(1000);
    assertThat(levels[21]).isTrue();
    assertThat(hpet.read(0x20, 8)).isEqualTo(2);
    hpet.write(0x20, 8, 2);
    assertThat(levels[21]).isFalse();
  }

  @Test
  void periodicInLegacyReplacement() {
    // How Linux sets up the tick: 2.3.9.2.2.
    hpet.write(0x100, 4, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8);
    hpet.write(0x108, 4, 400_000);
    hpet.write(0x108, 4, 400_000);
    hpet.write(0x10, 4, 3);
    assertThat(hpet.legacy()).isTrue();
    clock.advance(100_000_000);
    assertThat(edges[24]).isEqualTo(25);
    assertThat(hpet.read(0x108, 4)).isEqualTo(26 * 400_000);
  }

  @Test
  void thirtyTwoBitComparatorsWrap() {
    hpet.write(0xf0, 8, 0xffff_ff00L);
    hpet.write(0x140, 4, 1 << 2 | 1 << 8 | 22 << 9);
    hpet.write(0x148, 4, 0x10);
    hpet.write(0x10, 8, 1);
    clock.advance((0x100 + 0x10) * 10);
    assertThat(edges[22]).isEqualTo(1);
  }

  @Test
  void routesThatAreNotWiredGoNowhere() {
    hpet.write(0x10, 8, 1);
    hpet.write(0x100, 4, 1 << 2 | 5 << 9);
    hpet.write(0x108, 8, 100);
    clock.advance(2000);
    assertThat(edges).containsOnly(0);
  }

  @Test
  void stateSurvives() {
    hpet.write(0x100, 4, 1 << 2 | 1 << 1 | 20 << 9);
    hpet.write(0x108, 8, 1000);
    hpet.write(0x10, 8, 1);
    clock.advance(5_000);
    Hpet.State saved = hpet.save();
    hpet.reset();
    hpet.restore(saved);
    assertThat(hpet.read(0xf0, 8)).isEqualTo(500);
    clock.advance(5_000);
    assertThat(levels[20]).isTrue();
  }
}
