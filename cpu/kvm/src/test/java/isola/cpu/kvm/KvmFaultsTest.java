package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.Exit;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmCapability;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import jdk.jfr.Configuration;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong between a host and the engine, and what the engine tells. */
@Timeout(60)
class KvmFaultsTest {
  @Test
  void aHostWithoutKvmIsToldWhatToDo() {
    assertThat(KvmSystem.obstacle("/nowhere/kvm")).get().asString().contains("no such file; load");
    assertThat(KvmSystem.obstacle("/dev/null")).get().asString().contains("/dev/null is not KVM");
  }

  @Test
  void aUserWithoutPermissionIsToldWhatToDo(@TempDir Path folder) throws Exception {
    Path file =
        Files.createFile(folder.resolve("kvm"), PosixFilePermissions.asFileAttribute(Set.of()));
    Assumptions.assumeFalse(Files.isReadable(file), "root may open everything");
    assertThat(KvmSystem.obstacle(file.toString()))
        .hasValue(file + ": permission denied; add yourself to the group kvm.");
  }

  @Test
  void aKvmThatLacksWhatIsNeededIsToldByName() {
    KvmSystem.requireCapabilities(capability -> capability.needed() ? 1 : 0);
    assertThatThrownBy(
            () ->
                KvmSystem.requireCapabilities(
                    capability -> capability == KvmCapability.KVM_CAP_SPLIT_IRQCHIP ? 0 : 1))
        .isInstanceOf(KvmException.class)
        .hasMessage("This host's KVM lacks KVM_CAP_SPLIT_IRQCHIP; a newer Linux has it.");
  }

  @Test
  void aProcessorThatCannotEnterTheGuestSaysWhyAndWhere() {
    try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      long run = m.vcpu.vcpu().shared();
      RawMemory.putLong(run + KvmRun.FailEntry.HARDWARE_ENTRY_FAILURE_REASON, 0x80000021L);
      assertThat(ExitStory.tell(m.vcpu.vcpu(), KvmSpec.KVM_EXIT_FAIL_ENTRY))
          .startsWith(
              "the host's processor refused to enter the guest (hardware reason 0x80000021), rip 0:1000");
      RawMemory.putInt(run + KvmRun.Internal.SUBERROR, KvmSpec.KVM_INTERNAL_ERROR_DELIVERY_EV);
      RawMemory.putInt(run + KvmRun.Internal.NDATA, 1);
      RawMemory.putLong(run + KvmRun.Internal.DATA, 0x31);
      assertThat(ExitStory.tell(m.vcpu.vcpu(), KvmSpec.KVM_EXIT_INTERNAL_ERROR))
          .startsWith("KVM has an internal error: an exit while it delivered an event (31), rip");
      assertThat(ExitStory.tell(m.vcpu.vcpu(), 77)).startsWith("KVM left the guest for reason 77");
    }
  }

  @Test
  void whateverNothingCanBeDoneAboutEndsOneMachineWithASentence() {
    try (RealModeMachine other = new RealModeMachine(0xe6, 0xf4);
        RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      int[] reasons = {KvmSpec.KVM_EXIT_FAIL_ENTRY, KvmSpec.KVM_EXIT_INTERNAL_ERROR, 0, 24, 1000};
      for (int reason : reasons) {
        m.vcpu.exit().detail = "";
        assertThat(m.vcpu.leftFor(GuestEntry.EXIT, reason)).isEqualTo(Exit.INTERNAL_ERROR);
        assertThat(m.vcpu.exit().detail).contains("rip 0:1000");
      }
      assertThat(m.vcpu.leftFor(GuestEntry.FAILED, 12)).isEqualTo(Exit.INTERNAL_ERROR);
      assertThat(m.vcpu.exit().detail)
          .startsWith("KVM_RUN failed: out of memory (ENOMEM), rip 0:1000");
      assertThat(m.vcpu.leftFor(GuestEntry.EXIT, KvmSpec.KVM_EXIT_SHUTDOWN))
          .isEqualTo(Exit.SHUTDOWN);
      assertThat(other.run()).isEqualTo(Exit.PORT_OUT);
    }
  }

  @Test
  void moreMemorySlotsThanKvmTakes() {
    try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      int most = m.machine.vm().check(KvmCapability.KVM_CAP_NR_MEMSLOTS);
      MemorySlot slot = m.memory.addRam(1L << 32, 4096);
      assertThatThrownBy(() -> m.machine.vm().setMemory(most, slot, false))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("takes %d memory slots", most);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
    }
  }

  @Test
  void overlappingMemoryIsRefusedWithASentence() {
    try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      MemorySlot slot = m.memory.slots().getFirst();
      assertThatThrownBy(() -> m.machine.vm().setMemory(9, slot, false))
          .hasMessageStartingWith("KVM refused memory at 0x0+0x8000: ");
    }
  }

  @Test
  void stateThatNoProcessorCanBeInIsRefused() {
    try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      m.vcpu.pull();
      m.field(CpuState.CR0, 0x8000_0000L);
      assertThatThrownBy(m.vcpu::push)
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("system registers");
    }
  }

  @Test
  void codeInDeviceMemoryEndsTheMachineWithWhereItWas() {
    // ljmp $0x900,$0: there is a device, which KVM cannot fetch instructions from.
    try (RealModeMachine m = new RealModeMachine(0xea, 0, 0, 0, 0x09)) {
      assertThat(m.run()).isEqualTo(Exit.INTERNAL_ERROR);
      assertThat(m.vcpu.exit().detail).contains("could not emulate").contains("rip 900:0");
    }
  }

  @Test
  void theGuestSeesNoFeatureThatTheHostLacks() {
    CpuidTable model = CpuModel.v2().table(0, 2, 1_000_000_000L, true);
    GuestCpuid nothing = new GuestCpuid(List.of(), false);
    CpuidTable rows = new CpuidTable(nothing.rows(model));
    CpuidTable.Row features = rows.find(CpuidSpec.FEATURES, 0);
    Objects.requireNonNull(features);
    assertThat(features.ecx()).isEqualTo(CpuidSpec.HYPERVISOR_PRESENT);
    assertThat(features.edx()).isEqualTo(CpuidSpec.HTT);
    GuestCpuid everything = new GuestCpuid(model.rows(), true);
    assertThat(everything.rows(model)).isEqualTo(model.rows());
  }

  @Test
  void aHostsLevelIsWhatItHasAllOf() {
    assertThat(new GuestCpuid(List.of(), true).level()).isEqualTo(2);
    CpuidTable v2 = CpuModel.v2().table(0, 1, 1_000_000_000L, true);
    CpuidTable v3 = CpuModel.v3().table(0, 1, 1_000_000_000L, true);
    assertThat(new GuestCpuid(v2.rows(), true).level()).isEqualTo(2);
    assertThat(new GuestCpuid(v3.rows(), true).level()).isEqualTo(3);
    List<CpuidTable.Row> elsewhere =
        v3.rows().stream()
            .map(
                row ->
                    row.leaf() == CpuidSpec.XSTATE && row.subleaf() == XsaveSpec.AVX_COMPONENT
                        ? new CpuidTable.Row(row.leaf(), row.subleaf(), row.eax(), 4096, 0, 0)
                        : row)
            .toList();
    assertThat(new GuestCpuid(elsewhere, true).level()).isEqualTo(2);
  }

  @Test
  void exitsAreNotRecordedUnlessSomebodyAsks(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("nothing.jfr");
    try (RealModeMachine m = new RealModeMachine(0xe4, 0x60, 0xe6, 0xf4);
        Recording recording = new Recording(Configuration.getConfiguration("default"))) {
      recording.start();
      assertThat(new KvmExitEvent().isEnabled()).isFalse();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.vcpu.counters()).containsEntry("kvm exits IO", 2L);
      recording.stop();
      recording.dump(file);
    }
    assertThat(RecordingFile.readAllEvents(file))
        .noneMatch(event -> event.getEventType().getName().equals("isola.KvmExit"));
  }

  @Test
  void exitsAreRecordedWhenSomebodyAsks(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("exits.jfr");
    // in $0x60,%al three times; out %al,$0xf4
    try (RealModeMachine m = new RealModeMachine(0xe4, 0x60, 0xe4, 0x60, 0xe4, 0x60, 0xe6, 0xf4);
        Recording recording = new Recording()) {
      recording.enable("isola.KvmExit");
      recording.start();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      m.vcpu.kick();
      assertThat(m.vcpu.run()).isEqualTo(Exit.KICK);
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(events).hasSize(1);
    assertThat(events.getFirst().getString("kind")).isEqualTo("IO");
    assertThat(events.getFirst().getLong("count")).isEqualTo(4);
    assertThat(events.getFirst().getLong("inGuest")).isPositive();
  }

  @Test
  void aRecordingBegunLaterSeesExits(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("late.jfr");
    // in $0x60,%al; jmp back
    try (RealModeMachine m = new RealModeMachine(0xe4, 0x60, 0xeb, 0xfc)) {
      for (int i = 0; i < 40; i++) {
        assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_IN);
      }
      try (Recording recording = new Recording()) {
        recording.enable("isola.KvmExit");
        recording.start();
        for (int i = 0; i < 40; i++) {
          assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_IN);
        }
        m.vcpu.kick();
        assertThat(m.vcpu.run()).isEqualTo(Exit.KICK);
        recording.stop();
        recording.dump(file);
      }
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(events).hasSize(1);
    // It may begin some exits late if JFR was not in use before.
    assertThat(events.getFirst().getLong("count")).isBetween(20L, 40L);
  }
}
