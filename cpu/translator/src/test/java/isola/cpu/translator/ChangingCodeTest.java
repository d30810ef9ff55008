package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.state.CpuState;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Guests that change their own code, thousands of times, on both engines. */
@Timeout(60)
final class ChangingCodeTest {
  @ParameterizedTest
  @CsvSource({
    "a function made anew before each call, "
        + "31dbb9204e0000be00102000c606b8894e01c64605c3ffd64801c3ffc975edf4",
    "an addition that becomes a subtraction and back, "
        + "b911270000be00102000c70683c005c331c080760128ffd6ffc975f6f4",
    "a value of the next instruction, " + "b91027000031dbff0501000000b8000000004801c3ffc975eef4",
    "the operation of the next instruction, "
        + "b9b80b0000b86745230180050f000000088025080000003f800d01000000c083c055c1c003ff"
        + "c975e1f4",
    "a function with a loop and a store that is changed from time to time, "
        + "be00102000488d1545000000b92700000089f78a02880748ffc248ffc7ffc975f2bd19000000"
        + "89ae1000000089ae1a00000080860700000001bb70170000ffd6ffcb75faffcd75deba002020"
        + "00488b02f453ba00202000b103000afec975fa49bd887766554433221141be221100004d01ee"
        + "4c0172085bc3"
  })
  void changedCodeRunsAsChanged(String what, String hex) {
    CodeVerifier verifier = new CodeVerifier();
    TranslatorEngine translator = new TranslatorEngine(verifier);
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    byte[] program = HexFormat.of().parseHex(hex);
    try (BareMachine reference = new BareMachine(new InterpreterEngine());
        BareMachine translated = new BareMachine(translator)) {
      reference.prepare(program, 1);
      translated.prepare(program, 1);
      Exit expected = reference.run();
      assertThat(expected).isEqualTo(Exit.HALT);
      assertThat(translated.outcome(translated.run())).isEqualTo(reference.outcome(expected));
      Map<String, Long> counters = translated.vcpu.counters();
      assertThat(
              counters.getOrDefault("left changed code", 0L)
                  + counters.getOrDefault("left settled code", 0L))
          .isPositive();
    }
    verifier.checkJumps();
    assertThat(verifier.findings).isEmpty();
  }

  /**
   * For each of 16 pages: a function is put there, CR3 is written, the function is changed, so that
   * generated code finds the page for stores; it is called, changed again and called again.
   */
  @Test
  void aPageFoundForStoresIsWatchedOnceItHoldsCode() {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    byte[] program =
        HexFormat.of()
            .parseHex(
                "31dbbf00002000c707b8010000c7470400c300000f20d80f22d8c6470101ffd74801c3c64701"
                    + "07ffd74801c381c70010000081ff0000210072cdf4");
    try (BareMachine machine = new BareMachine(translator)) {
      machine.prepare(program, 1);
      // What the walk in generated code asks for: global pages enabled, the supervisor's own ones.
      for (int i = 0; i < 16; i++) {
        machine.memory.put(0x4000 + i * 8L, 8, BareMachine.DATA + i * 4096L | 3);
      }
      machine.field(CpuState.CR4, machine.field(CpuState.CR4) | Cr4.PGE);
      machine.vcpu.push();
      assertThat(machine.run()).isEqualTo(Exit.HALT);
      assertThat(machine.field(CpuState.GPR + 3 * 8)).isEqualTo(16 * (1 + 7));
      assertThat(machine.vcpu.counters().get("walks in generated code")).isGreaterThanOrEqualTo(16);
    }
  }
}
