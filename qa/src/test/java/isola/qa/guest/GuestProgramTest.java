package isola.qa.guest;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every program of the corpus on every engine that this machine has. */
class GuestProgramTest {
  private static final int SECONDS = 60;
  private static final int SECONDS_IF_SLOW = 2;

  @TempDir Path work;

  @TestFactory
  List<DynamicTest> programs() throws IOException {
    List<Path> sources = GuestAssembler.sources();
    assertThat(sources).isNotEmpty();
    List<DynamicTest> tests = new ArrayList<>();
    for (CpuEngine engine : ServiceLoader.load(CpuEngine.class)) {
      Optional<String> slow =
          engine.unavailable().isEmpty() ? engine.reluctance() : Optional.empty();
      for (Path source : sources) {
        tests.add(
            DynamicTest.dynamicTest(
                source.getFileName() + " on " + engine.name(), () -> check(engine, slow, source)));
      }
    }
    assertThat(tests).isNotEmpty();
    return tests;
  }

  private void check(CpuEngine engine, Optional<String> slow, Path source) throws Exception {
    engine.unavailable().ifPresent(Assumptions::abort);
    try {
      compare(engine, source, slow.isPresent() ? SECONDS_IF_SLOW : SECONDS);
    } catch (AssertionError e) {
      // A /dev/kvm that emulates is slow, knows some instructions only, and takes liberties.
      slow.ifPresent(why -> Assumptions.abort(why + " There: " + e.getMessage()));
      throw e;
    }
  }

  private void compare(CpuEngine engine, Path source, int seconds) throws Exception {
    GuestProgram program = GuestAssembler.assemble(source, work);
    try (BareMachine machine = new BareMachine(engine, CpuModel.v2(), program.rom())) {
      BareMachine.End end = machine.run(seconds);
      assertThat(program.difference(machine, end)).isEmpty();
    }
  }
}
