package isola.qa.guest;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every program of the corpus, its processor's state moved from engine to engine as it runs. */
class RelayTest {
  private static final int SECONDS = 60;
  private static final int SECONDS_IF_SLOW = 3;
  private static final long LONGEST_TURN_NANOS = 1_000_000;

  @TempDir Path work;

  @TestFactory
  List<DynamicTest> programs() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    // It changes page directory pointers in memory behind the processor's own copy of them, which
    // has no place in the state.
    List<Path> sources =
        GuestAssembler.sources().stream().filter(file -> !file.endsWith("paging32.S")).toList();
    for (String[] names : new String[][] {{"interpreter", "interpreter"}, {"interpreter", "kvm"}}) {
      for (Path source : sources) {
        tests.add(
            DynamicTest.dynamicTest(
                "%s on %s".formatted(source.getFileName(), String.join(" and ", names)),
                () -> check(names, source)));
      }
    }
    return tests;
  }

  private void check(String[] names, Path source) throws Exception {
    List<CpuEngine> engines = new ArrayList<>();
    Optional<String> slow = Optional.empty();
    for (String name : names) {
      for (CpuEngine engine : ServiceLoader.load(CpuEngine.class)) {
        if (engine.name().equals(name)) {
          engine.unavailable().ifPresent(Assumptions::abort);
          slow = slow.or(engine::reluctance);
          engines.add(engine);
        }
      }
    }
    GuestProgram program = GuestAssembler.assemble(source, work);
    Relay relay = new Relay(engines, new Random(7), LONGEST_TURN_NANOS);
    Relay.Result result =
        relay.run(program, CpuModel.v2(), slow.isPresent() ? SECONDS_IF_SLOW : SECONDS);
    if (!result.difference().isEmpty()) {
      // A /dev/kvm that emulates is slow, knows some instructions only, and takes liberties.
      slow.ifPresent(why -> Assumptions.abort(why + " There: " + result.difference()));
    }
    assertThat(result.difference()).as("after %d moves", result.moves()).isEmpty();
  }
}
