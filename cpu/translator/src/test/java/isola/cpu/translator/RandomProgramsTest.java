package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same random programs on interpreter and translator leave the same state. */
final class RandomProgramsTest {
  private static final int PROGRAMS = 400;

  @Test
  void aSmallCodeCacheIsEmptiedAndFilledAnew() {
    TranslatorEngine translator = new TranslatorEngine(null, 256 << 10);
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    ProgramGenerator generator = new ProgramGenerator(3);
    try (BareMachine reference = new BareMachine(new InterpreterEngine());
        BareMachine translated = new BareMachine(translator)) {
      for (int i = 0; i < 100; i++) {
        byte[] program = generator.next();
        reference.prepare(program, i);
        translated.prepare(program, i);
        Exit expected = reference.run();
        Exit exit = translated.run();
        assertThat(translated.outcome(exit)).isEqualTo(reference.outcome(expected));
        assertThat(translated.vcpu.counters().get("code bytes")).isLessThan(256 << 10);
      }
      assertThat(translated.vcpu.counters().get("code drops")).isPositive();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 4})
  void programsEndAlikeOnBothEngines(int word) {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    long seed = 20260101;
    ProgramGenerator generator = new ProgramGenerator(seed, word);
    try (BareMachine reference = new BareMachine(new InterpreterEngine());
        BareMachine translated = new BareMachine(translator)) {
      reference.code32 = word == 4;
      translated.code32 = word == 4;
      for (int i = 0; i < PROGRAMS; i++) {
        byte[] program = generator.next();
        reference.prepare(program, seed + i);
        translated.prepare(program, seed + i);
        Exit expected = reference.run();
        Exit exit = translated.run();
        assertThat(translated.outcome(exit))
            .as("program %d of seed %d", i, seed)
            .isEqualTo(reference.outcome(expected));
        assertThat(exit).isEqualTo(Exit.HALT);
      }
      assertThat(translated.vcpu.counters().get("instructions translated")).isGreaterThan(10_000);
    }
  }
}
