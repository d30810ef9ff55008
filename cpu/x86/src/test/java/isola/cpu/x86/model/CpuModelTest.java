package isola.cpu.x86.model;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuidTable;
import isola.cpu.x86.spec.CpuidSpec;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The leaves by which a guest finds out how fast its time-stamp counter counts. */
final class CpuModelTest {
  private static CpuidTable.Row row(long tscHz, int leaf) {
    return Objects.requireNonNull(CpuModel.v2().table(0, 1, tscHz, true).find(leaf, 0));
  }

  /** As Linux calculates it, in 32 bits (arch/x86/kernel/tsc.c, native_calibrate_tsc). */
  private static long linuxKhz(long tscHz) {
    CpuidTable.Row leaf = row(tscHz, CpuidSpec.TSC_CRYSTAL);
    int crystalKhz = Integer.divideUnsigned(leaf.ecx(), 1000);
    return Integer.toUnsignedLong(Integer.divideUnsigned(crystalKhz * leaf.ebx(), leaf.eax()));
  }

  @Test
  void aFrequencyThatIsASmallFractionIsExact() {
    for (long mhz : new long[] {1, 500, 1000, 2000, 2400, 3300, 4290, 9000}) {
      assertThat(linuxKhz(mhz * 1_000_000)).isEqualTo(mhz * 1000);
    }
    assertThat(row(2_400_000_000L, CpuidSpec.TSC_CRYSTAL).eax()).isEqualTo(5);
    assertThat(row(2_400_000_000L, CpuidSpec.TSC_CRYSTAL).ebx()).isEqualTo(12);
  }

  @Test
  void anyOtherIsNearEnoughForLinux() {
    assertThat(linuxKhz(2_095_123_000L)).isEqualTo(2_095_123);
    assertThat(linuxKhz(2_596_120_000L)).isBetween(2_596_119L, 2_596_121L);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 10_000; i++) {
      long hz = random.nextLong(100_000_000L, 9_000_000_000L);
      double khz = linuxKhz(hz);
      assertThat(Math.abs(khz * 1000 / hz - 1)).as("%d Hz", hz).isLessThan(150e-6);
    }
  }

  @Test
  void theHypervisorsLeafIsExactToTheKilohertz() {
    assertThat(row(2_095_123_000L, CpuidSpec.HYPERVISOR_TIMING).eax()).isEqualTo(2_095_123);
    assertThat(row(2_095_123_000L, CpuidSpec.FREQUENCY).eax()).isEqualTo(2095);
  }
}
