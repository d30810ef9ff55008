package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuVm;
import isola.core.cpu.CpuidTable;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.model.CpuModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The frequency of the counters, on a KVM that scales them and on one that does not. */
@Timeout(60)
final class TscFrequencyTest {
  private static final int EINVAL = 22;
  private static final int HOST = 2_596_120;

  /** A counter as Linux keeps it (arch/x86/kvm/x86.c, kvm_set_tsc_khz). */
  private static final class Counter implements TscFrequency.Counter {
    private final boolean scales;
    private final int most;

    /** What KVM_GET_TSC_KHZ says. */
    private int khz = HOST;

    /** What the guest sees. */
    private int real = HOST;

    Counter(boolean scales, int most) {
      this.scales = scales;
      this.most = most;
    }

    @Override
    public int tscKhz() {
      return khz;
    }

    @Override
    public int tscKhz(int wanted) {
      if (scales && wanted >= most) {
        return -EINVAL;
      }
      khz = wanted;
      boolean near = Math.abs(wanted - HOST) <= HOST / 4000;
      if (near || (!scales && wanted > HOST)) {
        real = HOST;
        return 0;
      }
      if (!scales) {
        return -EINVAL;
      }
      real = wanted;
      return 0;
    }
  }

  @Test
  void aKvmThatScalesCountsAsWantedOnEachProcessor() {
    for (int khz : new int[] {1_000_000, 2_095_123, 3_999_999}) {
      TscFrequency frequency = new TscFrequency(true);
      Counter first = new Counter(true, 10_000_000);
      Counter second = new Counter(true, 10_000_000);
      assertThat(frequency.ask(first, khz * 1000L)).isEqualTo(khz * 1000L);
      frequency.give(second);
      assertThat(first.real).isEqualTo(khz);
      assertThat(second.real).isEqualTo(khz);
    }
  }

  @Test
  void whatIsNearTheHostsIsLeftAsItIs() {
    // Told so, KVM would count deadlines at a rate that the counter does not have.
    for (boolean scales : new boolean[] {false, true}) {
      TscFrequency frequency = new TscFrequency(scales);
      Counter first = new Counter(scales, 10_000_000);
      assertThat(frequency.ask(first, 2_596_700_000L)).isEqualTo(HOST * 1000L);
      frequency.give(first);
      assertThat(first.khz).isEqualTo(HOST);
    }
  }

  @Test
  void aKvmThatDoesNotScaleKeepsTheHosts() {
    for (long hz : new long[] {1_000_000_000L, 3_500_000_000L}) {
      TscFrequency frequency = new TscFrequency(false);
      Counter first = new Counter(false, 0);
      assertThat(frequency.ask(first, hz)).isEqualTo(HOST * 1000L);
      assertThat(first.khz).as("%d Hz", hz).isEqualTo(HOST);
    }
  }

  @Test
  void whatTheProcessorCannotScaleToIsTakenBack() {
    TscFrequency frequency = new TscFrequency(true);
    Counter first = new Counter(true, 3_000_000);
    assertThat(frequency.ask(first, 5_000_000_000L)).isEqualTo(HOST * 1000L);
    assertThat(first.khz).isEqualTo(HOST);
    Counter later = new Counter(true, 3_000_000);
    frequency.give(later);
    assertThat(later.real).isEqualTo(HOST);
    assertThat(frequency.ask(first, 2_000_000_000L)).isEqualTo(2_000_000_000L);
    assertThatThrownBy(() -> frequency.give(new Counter(true, 1_000_000)))
        .isInstanceOf(KvmException.class)
        .hasMessageContaining("2000000 kHz");
  }

  @Test
  void anUnknownFrequencyIsTakenForTheOneWanted() {
    Counter lost = new Counter(false, 0);
    lost.khz = -5;
    assertThat(TscFrequency.own(lost)).isZero();
    assertThat(new TscFrequency(false).ask(lost, 1_000_000_000L)).isEqualTo(1_000_000_000L);
  }

  @Test
  void thisHostsEngineSaysWhatItsMachinesHave() {
    RealModeMachine.skipWithoutKvm();
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 0x10000);
      KvmEngine engine = new KvmEngine();
      try (CpuVm machine = engine.create(memory)) {
        long own = machine.tscHz();
        assertThat(own).isGreaterThan(100_000_000L);
        assertThat(engine.hostTscHz()).isEqualTo(own);
        // Another one is either had, or refused and the host's kept.
        assertThat(machine.tscHz(own / 3 * 2)).isIn(own, own / 3 * 2 / 1000 * 1000, own / 3 * 2);
        CpuidTable table = CpuModel.v2().table(0, 2, own, true);
        assertThat(engine.hostCpuid(table).rows()).isEqualTo(machine.offered(table).rows());
      }
    }
  }
}
