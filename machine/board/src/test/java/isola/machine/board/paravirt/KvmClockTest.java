package isola.machine.board.paravirt;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.MsrPort.Access;
import isola.core.memory.GuestMemory;
import isola.core.time.ManualClock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads the clock as Linux's pvclock code does. */
final class KvmClockTest {
  private static final int WALL = 0x4b564d00;
  private static final int SYSTEM = 0x4b564d01;

  @ParameterizedTest
  @ValueSource(longs = {1_000_000_000L, 2_000_000_000L, 999_999_999L, 3_700_000_000L, 250_000_000L})
  void theGuestComputesTheMachinesTimeFromItsCounter(long tscHz) {
    ManualClock clock = new ManualClock(1_700_000_000_123_456_789L);
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 16);
      KvmClock kvm = new KvmClock(memory, clock, tscHz, () -> 77);
      clock.advance(5_000_000_000L);
      assertThat(kvm.write(SYSTEM, 0x2000 | 1)).isEqualTo(Access.OK);
      clock.advance(10_000_000_000L);
      long tsc = (long) (15.0 * tscHz) + 77;
      long delta = tsc - memory.get(0x2008, 8);
      int shift = (byte) memory.get(0x201c, 1);
      long shifted = shift < 0 ? delta >>> -shift : delta << shift;
      long product =
          (Math.unsignedMultiplyHigh(shifted, memory.get(0x2018, 4)) << 32)
              | (shifted * memory.get(0x2018, 4)) >>> 32;
      long nanos = memory.get(0x2010, 8) + product;
      assertThat(nanos).isBetween(15_000_000_000L - 20, 15_000_000_000L + 20);
      assertThat(memory.get(0x2000, 4) & 1).isZero();
      assertThat(memory.get(0x201d, 1)).isEqualTo(1);
    }
  }

  @Test
  void wallClockIsTheTimeOfPowerOn() {
    ManualClock clock = new ManualClock(1_700_000_000_123_456_789L);
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 16);
      KvmClock kvm = new KvmClock(memory, clock, 1_000_000_000, () -> 0);
      clock.advance(12_345_678);
      kvm.write(WALL, 0x3000);
      assertThat(memory.get(0x3004, 4)).isEqualTo(1_700_000_000);
      assertThat(memory.get(0x3008, 4)).isEqualTo(123_456_789);
    }
  }

  @Test
  void addressesWithoutMemoryAndOtherRegistersDoNoHarm() {
    try (GuestMemory memory = new GuestMemory()) {
      KvmClock kvm = new KvmClock(memory, new ManualClock(0), 1_000_000_000, () -> 0);
      assertThat(kvm.write(SYSTEM, -1L)).isEqualTo(Access.OK);
      assertThat(kvm.write(WALL, -1L)).isEqualTo(Access.OK);
      assertThat(kvm.read(SYSTEM)).isEqualTo(Access.OK);
      assertThat(kvm.value()).isEqualTo(-1L);
      assertThat(kvm.read(0x10)).isEqualTo(Access.ABSENT);
      assertThat(kvm.write(0x10, 0)).isEqualTo(Access.ABSENT);
    }
  }
}
