package isola.qa.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuEngine;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.MachineException;
import isola.machine.board.Outcome;
import isola.machine.board.SavedMachine;
import isola.machine.board.boot.BootFile;
import isola.qa.guest.GuestAssembler;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
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
    {"kvm", "translator"}
  };
  private static final int LINES = 60;
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

  private Machine boot(String engine, boolean plain, ByteArrayOutputStream console)
      throws Exception {
    Path kernel =
        GuestAssembler.flat("machine/clocks.S", work, plain ? List.of("-DPLAIN") : List.of());
    return Machine.create(
        MachineConfig.of(BootFile.of(kernel))
            .memory(16 << 20)
            .engine(engine)
            .cpuModel("v2")
            .testDevices(true)
            .serial(console::write)
            .build());
  }

  private void saveAndRestore(List<String> engines) throws Exception {
    boolean plain = engines.stream().anyMatch(name -> engine(name).reluctance().isPresent());
    ByteArrayOutputStream console = new ByteArrayOutputStream();
    Random random = new Random(11);
    Path file = work.resolve("machine");
    Machine machine = boot(engines.getFirst(), plain, console);
    machine.start();
    int times = 0;
    Outcome outcome = machine.await(random.nextLong(1, 100));
    while (outcome == null) {
      if (times < TIMES) {
        times++;
        machine.save("clocks", file, true);
        machine.close();
        machine =
            SavedMachine.open(file)
                .restore(
                    engines.get(times % engines.size()),
                    List.of(),
                    List.of(new MachineConfig.Serial(console::write)),
                    false);
        machine.start();
      }
      outcome = machine.await(random.nextLong(1, 100));
    }
    machine.close();
    StringBuilder expected = new StringBuilder();
    for (int line = 1; line <= LINES; line++) {
      expected.append("%08x\n".formatted(line));
    }
    assertThat(console.toString(StandardCharsets.US_ASCII)).isEqualTo(expected.toString());
    assertThat(outcome).isEqualTo(new Outcome.TestExit(1));
    assertThat(times).isGreaterThan(3);
  }

  @TestFactory
  List<DynamicTest> whatCannotGoOnIsRefused() {
    return List.of(
        DynamicTest.dynamicTest("counters of another speed", this::anotherSpeed),
        DynamicTest.dynamicTest("an engine that there is not", this::noSuchEngine));
  }

  private Path saved(String engine) throws Exception {
    Path file = work.resolve("refused");
    try (Machine machine = boot(engine, true, new ByteArrayOutputStream())) {
      machine.start();
      machine.save("clocks", file, true);
    }
    return file;
  }

  private void anotherSpeed() throws Exception {
    engine("kvm");
    SavedMachine machine = SavedMachine.open(saved("interpreter"));
    assertThatThrownBy(
            () ->
                machine.restore(
                    "kvm", List.of(), List.of(new MachineConfig.Serial((b, o, n) -> {})), false))
        .isInstanceOf(MachineException.class)
        .hasMessageContaining("counts time at 1000 MHz");
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
