package isola.qa.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuEngine;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.MachineException;
import isola.machine.board.SavedMachine;
import isola.qa.guest.GuestAssembler;
import isola.qa.rig.SavedRelay;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A guest that watches its clocks and its registers is saved again and again while it runs, and
 * goes on each time in another machine, on the next of some engines. It must not notice, and what
 * it writes has neither gap nor repeat.
 */
@Timeout(120)
final class SavedMachineTest {
  private static final String[][] ENGINES = {
    {"interpreter"},
    {"translator"},
    {"interpreter", "translator"},
    {"kvm"},
    {"kvm", "interpreter"},
    {"kvm", "translator"},
    {"interpreter", "kvm"},
    {"translator", "kvm", "interpreter"}
  };
  private static final int TIMES = 12;

  @TempDir Path work;

  @TestFactory
  List<DynamicTest> aGuestDoesNotNotice() {
    List<DynamicTest> tests = new ArrayList<>();
    for (String[] names : ENGINES) {
      tests.add(
          DynamicTest.dynamicTest(
              String.join(" and ", names), () -> saveAndRestore(List.of(names))));
    }
    return tests;
  }

  private static CpuEngine engine(String name) {
    for (CpuEngine engine : ServiceLoader.load(CpuEngine.class)) {
      if (engine.name().equals(name)) {
        engine.unavailable().ifPresent(Assumptions::abort);
        return engine;
      }
    }
    throw new AssertionError("no engine " + name);
  }

  private Path kernel(boolean plain) throws Exception {
    return GuestAssembler.flat("machine/clocks.S", work, plain ? List.of("-DPLAIN") : List.of());
  }

  private void saveAndRestore(List<String> engines) throws Exception {
    boolean plain = engines.stream().anyMatch(name -> engine(name).reluctance().isPresent());
    SavedRelay.Result result =
        new SavedRelay(engines, new Random(11)).run(kernel(plain), work.resolve("file"), TIMES);
    assertThat(result.difference()).isEmpty();
    assertThat(result.times()).isGreaterThan(3);
  }

  @TestFactory
  List<DynamicTest> whatCannotGoOnIsRefused() {
    return List.of(
        DynamicTest.dynamicTest("counters or features of another engine", this::anotherEngine),
        DynamicTest.dynamicTest("an engine that there is not", this::noSuchEngine));
  }

  private Path saved(String engine) throws Exception {
    Path file = work.resolve("refused");
    try (Machine machine =
        Machine.create(
            SavedRelay.config(kernel(true), engine, "v2", new ByteArrayOutputStream()))) {
      machine.start();
      machine.save("clocks", file, true);
    }
    return file;
  }

  private void anotherEngine() throws Exception {
    engine("kvm");
    SavedMachine machine = SavedMachine.open(saved("interpreter"));
    assertThatThrownBy(
            () ->
                machine.restore(
                    "kvm", List.of(), List.of(new MachineConfig.Serial((b, o, n) -> {})), false))
        .isInstanceOf(MachineException.class)
        .message()
        // Where KVM scales counters, features are what is left.
        .containsAnyOf("counts time at 1000 MHz", "features");
  }

  private void noSuchEngine() throws Exception {
    SavedMachine machine = SavedMachine.open(saved("interpreter"));
    assertThat(machine.name()).isEqualTo("clocks");
    assertThat(machine.engine()).isEqualTo("interpreter");
    assertThatThrownBy(() -> machine.restore("nothing", List.of(), List.of(), false))
        .isInstanceOf(MachineException.class)
        .hasMessageContaining("no engine 'nothing'");
  }
}
