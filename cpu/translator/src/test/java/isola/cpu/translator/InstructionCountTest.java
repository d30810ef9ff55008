package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.state.CpuState;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Both engines count the same instructions and stop after the same one. */
final class InstructionCountTest {
  private static Exit runTo(BareMachine machine, long count) {
    machine.field(CpuState.INSTRUCTION_LIMIT, count);
    return machine.run();
  }

  /** Without the flags, which may be undefined in the middle of a program. */
  private static String defined(BareMachine machine, Exit exit) {
    return machine.outcome(exit).replaceFirst("rflags [0-9a-f]+", "");
  }

  @Test
  void bothEnginesStopAfterTheSameInstructions() {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    long seed = 20260301;
    ProgramGenerator generator = new ProgramGenerator(seed);
    Random random = new Random(seed);
    int stops = 0;
    try (BareMachine reference = new BareMachine(new InterpreterEngine());
        BareMachine translated = new BareMachine(translator)) {
      for (int i = 0; i < 80; i++) {
        byte[] program = generator.next();
        reference.prepare(program, seed + i);
        translated.prepare(program, seed + i);
        Exit exit = Exit.KICK;
        for (long count = 1; exit == Exit.KICK; count += 1 + random.nextInt(200)) {
          exit = runTo(reference, count);
          assertThat(runTo(translated, count)).isEqualTo(exit);
          if (exit == Exit.KICK) {
            assertThat(reference.field(CpuState.INSTRUCTIONS)).isEqualTo(count);
            stops++;
          }
          assertThat(defined(translated, exit))
              .as("program %d of seed %d at %d", i, seed, count)
              .isEqualTo(defined(reference, exit));
          assertThat(translated.field(CpuState.INSTRUCTIONS))
              .isEqualTo(reference.field(CpuState.INSTRUCTIONS));
        }
        assertThat(exit).isEqualTo(Exit.HALT);
      }
      assertThat(translated.vcpu.counters().get("instructions translated")).isGreaterThan(1000);
    }
    assertThat(stops).isGreaterThan(100);
  }

  @Test
  void countingDoesNotChangeWhatIsCounted() {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    ProgramGenerator generator = new ProgramGenerator(9);
    try (BareMachine reference = new BareMachine(new InterpreterEngine());
        BareMachine translated = new BareMachine(translator)) {
      for (int i = 0; i < 50; i++) {
        byte[] program = generator.next();
        reference.prepare(program, i);
        translated.prepare(program, i);
        Exit exit = reference.run();
        assertThat(runTo(translated, Long.MAX_VALUE)).isEqualTo(exit);
        assertThat(translated.outcome(exit)).isEqualTo(reference.outcome(exit));
        assertThat(translated.vcpu.counters().get("instructions"))
            .isEqualTo(reference.vcpu.counters().get("instructions"));
      }
    }
  }
}
