package isola.qa.guest;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;
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
    List<Path> sources;
    try (Stream<Path> files = Files.list(GuestProgram.folder())) {
      sources = files.filter(file -> file.toString().endsWith(".S")).sorted().toList();
    }
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
    GuestProgram program = GuestProgram.assemble(source, work);
    Map<String, String> expected = program.expected();
    assertThat(expected).as("the header of %s says what to expect", source).isNotEmpty();
    try (BareMachine machine = new BareMachine(engine, CpuModel.v2(), program.rom())) {
      BareMachine.End end = machine.run(slow.isPresent() ? SECONDS_IF_SLOW : SECONDS);
      if (end == BareMachine.End.TIMEOUT || end == BareMachine.End.FAILED) {
        // A /dev/kvm that emulates is slow, and knows only some of the instructions.
        slow.ifPresent(why -> Assumptions.abort(why + " " + machine.detail()));
      }
      String where =
          "%s ended with %s %s, exit value %d (a line of the file, or 0x8000 + vector), rip %x, rbx %x"
              .formatted(
                  source.getFileName(),
                  end,
                  machine.detail(),
                  machine.exitValue(),
                  machine.register("rip"),
                  machine.register("rbx"));
      expected.forEach(
          (name, value) -> {
            switch (name) {
              case "end" -> assertThat(end.name()).as(where).isEqualToIgnoringCase(value);
              case "exit" -> {
                assertThat(end).as(where).isEqualTo(BareMachine.End.EXIT);
                assertThat(machine.exitValue()).as(where).isEqualTo(Integer.decode(value));
              }
              default ->
                  assertThat(machine.register(name))
                      .as(where + ", " + name)
                      .isEqualTo(Long.decode(value));
            }
          });
    }
  }
}
