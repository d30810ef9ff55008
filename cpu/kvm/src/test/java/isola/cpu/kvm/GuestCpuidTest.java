package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.CpuidTable.Row;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.CpuidSpec;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What of a model's CPUID is left on a host; no host is needed. */
class GuestCpuidTest {
  private static final int BY_HYPERCALL = CpuidSpec.KVM_PV_UNHALT | CpuidSpec.KVM_PV_SEND_IPI;

  private static int little(String name) {
    return name.charAt(0) | name.charAt(1) << 8 | name.charAt(2) << 16 | name.charAt(3) << 24;
  }

  @ParameterizedTest
  @CsvSource({"GenuineIntel, true", "AuthenticAMD, false", "HygonGenuine, false"})
  void hypercallsAreOfferedWhereTheGuestsInstructionIsTheHosts(String vendor, boolean offered) {
    Row names = new Row(0, 0, 0x16, little(vendor), 0, 0);
    Row features = new Row(CpuidSpec.KVM_FEATURES, 0, -1, 0, 0, 0);
    CpuidTable model = CpuModel.v2().table(0, 2, CpuModel.APIC_BUS_HZ, true);
    CpuidTable given = new CpuidTable(new GuestCpuid(List.of(names, features), true).rows(model));
    Row wanted = Objects.requireNonNull(model.find(CpuidSpec.KVM_FEATURES, 0));
    Row left = Objects.requireNonNull(given.find(CpuidSpec.KVM_FEATURES, 0));
    assertThat(wanted.eax() & BY_HYPERCALL).isEqualTo(BY_HYPERCALL);
    assertThat(left.eax()).isEqualTo(offered ? wanted.eax() : wanted.eax() & ~BY_HYPERCALL);
  }
}
