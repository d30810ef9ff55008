package isola.machine.devices.msr;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.MsrPort;
import isola.core.memory.GuestMemory;
import isola.core.time.ManualClock;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Reads the paravirtual clock as Linux does (msr.rst, pvclock-abi.h). */
final class KvmClockTest {
  private static final long TSC_HZ = 2_400_000_000L;
  private static final long PAGE = 0x2000;

  private final GuestMemory memory = new GuestMemory();
  private final ManualClock clock = new ManualClock(1_700_000_000_123_456_789L);
  private final KvmClock kvmClock = new KvmClock(memory, clock, TSC_HZ);
  private final MsrRouter msrs = new MsrRouter(List.of(kvmClock));

  KvmClockTest() {
    memory.addRam(0, 0x10000);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  /** What a guest computes from the structure and its time-stamp counter. */
  private long guestNanos(long tsc) {
    long delta = tsc - memory.get(PAGE + 8, 8);
    int shift = (byte) memory.get(PAGE + 28, 1);
    long scaled = shift >= 0 ? delta << shift : delta >>> -shift;
    long multiplier = memory.get(PAGE + 24, 4);
    return memory.get(PAGE + 16, 8)
        + (Math.multiplyHigh(scaled, multiplier) << 32 | (scaled * multiplier) >>> 32);
  }

  @Test
  void theGuestsTimeIsTheMachines() {
    clock.advance(5_000_000_000L);
    assertThat(msrs.write(0x4b56_4d01, PAGE | 1)).isEqualTo(MsrPort.Access.OK);
    assertThat(memory.get(PAGE, 4) & 1).as("the version is even").isZero();
    assertThat(memory.get(PAGE, 4)).isNotZero();
    assertThat(memory.get(PAGE + 29, 1)).as("stable").isEqualTo(1);
    clock.advance(3_600_000_000_000L);
    long tsc = clock.nanos() / 5 * 12;
    assertThat(guestNanos(tsc)).isBetween(clock.nanos() - 2_000, clock.nanos() + 2_000);
    assertThat(msrs.read(0x12)).isEqualTo(MsrPort.Access.OK);
    assertThat(msrs.value()).isEqualTo(PAGE | 1);
  }

  @Test
  void theWallClockIsTheTimeOfBoot() {
    clock.advance(5_000_000_000L);
    msrs.write(0x4b56_4d00, PAGE);
    assertThat(memory.get(PAGE + 4, 4)).isEqualTo(1_700_000_000);
    assertThat(memory.get(PAGE + 8, 4)).isEqualTo(123_456_789);
  }

  @Test
  void addressesOutsideMemoryAreIgnored() {
    for (long address : new long[] {0xffff0, -1, Long.MIN_VALUE | 1, 0xfff1}) {
      assertThat(msrs.write(0x4b56_4d01, address)).isEqualTo(MsrPort.Access.OK);
      assertThat(msrs.write(0x4b56_4d00, address)).isEqualTo(MsrPort.Access.OK);
    }
    assertThat(msrs.read(0x4b56_4d02)).isEqualTo(MsrPort.Access.ABSENT);
    assertThat(msrs.write(0x10, 0)).isEqualTo(MsrPort.Access.ABSENT);
  }

  @Test
  void everyFrequencyFits() {
    for (long hz :
        new long[] {
          1_000_000,
          999_999_999,
          1_000_000_000,
          2_000_000_000,
          2_095_123_000L,
          2_596_120_000L,
          4_294_967_291L,
          5_000_000_000L,
          9_000_000_000L
        }) {
      KvmClock other = new KvmClock(memory, clock, hz);
      clock.advance(1);
      other.write(0x12, PAGE | 1);
      long before = clock.nanos();
      long tsc = memory.get(PAGE + 8, 8);
      assertThat(guestNanos(tsc + hz) - before)
          .as("%d Hz", hz)
          .isBetween(999_999_990L, 1_000_000_001L);
    }
  }
}
