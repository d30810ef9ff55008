package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.Exit;
import isola.core.memory.RawMemory;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.state.CpuState;
import isola.host.ExecutableMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** x87 and MMX registers between generated code, Java and the JVM, and instructions that fault. */
@Timeout(60)
final class X87StateTest {
  @BeforeEach
  void check() {
    assumeTrue(new TranslatorEngine().unavailable().isEmpty(), "the translator cannot run here");
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  private static String run(CpuEngine engine, String hex, Exit wanted) {
    try (BareMachine machine = new BareMachine(engine)) {
      machine.prepare(bytes(hex), 7);
      Exit exit = machine.run();
      assertThat(exit).isEqualTo(wanted);
      return machine.outcome(exit);
    }
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    // Loads, FMUL, CPUID, FADDP, FSQRT, XSAVE, FXSAVE, FNINIT, FILD, XRSTOR, FADD, FXRSTOR, FSTP;
    // FNSTENV, FLDENV, FNSAVE, FRSTOR, FNSTSW, FNSTCW; conversions between MMX and XMM, CPUID, EMMS
    "registers live through exits and save areas, HALT, 41b814000000 be00102000 0f57c0"
        + " 0f298600020000 0f298610020000 0f298620020000 0f298630020000 dd8600080000 dbae20080000 d8c9 0fa2 dec1 d9fa b807000000 31d2 480fae26 d9eb d9c9 dd9640080000"
        + " 480fae8600040000 dbe3 db8650080000 b807000000 480fae2e dc8658080000 480fae8e00040000"
        + " dbbe60080000 d9b680080000 d9a680080000 ddb600090000 d9e8 dda600090000 dfe0 d9bef0080000"
        + " 0f6f9e08080000 0ffed9 0f2acb 0f2cd2 f30fd6e2 f20fd6ec 0f70f51b 0f7fb670080000 0fa2"
        + " 0fd7ce 0f7eda 490f7ee1 0fc4c902 0f77 41ffc8 0f854affffff f4",
    // FLDCW that unmasks, FDIVP by zero, then FNSTENV and FNSTSW, or FLD1
    "an exception waits, HALT, be00102000 66c7067b03 dbe3 d9e8 d9ee d92e def9 d97610 dd7e08 f4",
    "and comes with the next instruction, SHUTDOWN, be00102000 66c7067b03 dbe3 d9e8 d9ee d92e"
        + " def9 dd7e08 d9e8 f4",
    "a store that faults leaves the stack, SHUTDOWN, d9e8 d9eb dcc1 be00000001 dd1e d9ee f4",
    // FCOMI, FCMOVcc, FUCOMIP, FTST, FNSTSW, SAHF, ADC, FFREE; stack faults on the way
    "flags come and go, HALT, 41b809000000 be00102000 d9ee d9e8 42dd04c6 dbf1 0f92c0 0f9ac4 dac2"
        + " dbc9 dd9e00010000 dfe9 9c dbd8 d9e4 dfe0 9e 83d300 d9f7 d9f6 ddc0 d9f7 41ffc8 75cc dbe3 f4",
    "CR0.TS stops both kinds, SHUTDOWN, 41b802000000 d9e8 0f77 0f20c0 83c808 0f22c0 41ffc8 75ee f4",
    "CR0.EM stops both kinds, SHUTDOWN, 41b802000000 d9e8 0f6fca 0f20c0 83c804 0f22c0 0f6fca f4",
    // FNSTENV at the head of a loop with two ways through it
    "the last instruction is told, HALT, 41b805000000 be00102000 d9e8 d936 41f7c001000000 740f"
        + " dc8600010000 488b8600300000 d8c8 d9ea ddd8 4883c620 41ffc8 75d9 d936 f4",
    // XSAVES; XRSTORS with an unmasking control word in the area; FDIVP by zero
    "XRSTORS unmasks, HALT, be00102000 0f57c0 0f298600020000 0f298610020000 0f298620020000 0f298630020000 dbe3 d9e8 d9ee b807000000"
        + " 31d2 480fc72e 66c7067b03 480fc71e def9 ddbe00080000 d9b610080000 f4"
  })
  void bothEnginesEndAlike(String what, Exit exit, String hex) {
    CodeVerifier verifier = new CodeVerifier();
    assertThat(run(new TranslatorEngine(verifier), hex, exit))
        .as(what)
        .isEqualTo(run(new InterpreterEngine(), hex, exit));
    verifier.checkJumps();
    assertThat(verifier.findings).isEmpty();
  }

  /** FLD1, FLDPI, FYL2X, XSAVES, FNINIT, XRSTORS, FMULP; without x87 in the area; PMULLW. */
  private static final String SWITCHING =
      """
      41b804000000 be00102000 4531c9 0f57c0 0f298600020000 0f298610020000 0f298620020000 0f298630020000 d9e8 d9eb d9f1 d9e9
      b807000000 31d2 480fc72e d8c1 dbe3 d9ec 480fc71e dec9 dd9600080000 488bbe00020000
      4883a600020000fe 480fc71e d9ed dbbe20080000 4889be00020000 480fc71e 0fd5ca 480fc72e 0f77
      ddbe30080000 41ffc8 75a1 f4
      """
          .replaceAll("\\s", "");

  @Test
  void tasksThatUseThemAreSwitchedInGeneratedCode() {
    try (BareMachine machine = new BareMachine(new TranslatorEngine())) {
      machine.prepare(bytes(SWITCHING), 7);
      assertThat(machine.run()).isEqualTo(Exit.HALT);
      Map<String, Long> counters = machine.vcpu.counters();
      assertThat(counters).doesNotContainKeys("aided XSAVES", "aided XRSTORS");
      assertThat(machine.outcome(Exit.HALT))
          .isEqualTo(run(new InterpreterEngine(), SWITCHING, Exit.HALT));
    }
  }

  @Test
  void controlWordsThatMaskAllAreLoadedInGeneratedCode() {
    // FNSTCW, FLDCW, FISTP and FLDCW as compilers write them, FNCLEX, FNSTENV, FLDENV
    String hex =
        "41b864000000 be00102000 d93e 668b06 80cc0c 66894602 d9e8 d96e02 db5e04 d92e dbe2"
            + " d97610 d96610 41ffc8 75e0 f4";
    try (BareMachine machine = new BareMachine(new TranslatorEngine())) {
      machine.prepare(bytes(hex), 7);
      assertThat(machine.run()).isEqualTo(Exit.HALT);
      assertThat(machine.vcpu.counters().keySet()).noneMatch(name -> name.startsWith("aided F"));
      assertThat(machine.outcome(Exit.HALT))
          .isEqualTo(run(new InterpreterEngine(), hex, Exit.HALT));
    }
  }

  @Test
  void theJvmHasItsOwnBackAfterAGuestThatLeftAFullStack() {
    // FNINIT, FLDCW of single precision rounded down, FLD1, FLDPI eight times: the stack overflows
    String hex = "dbe3 be00102000 66c7067f04 d92e d9e8 d9eb d9eb d9eb d9eb d9eb d9eb d9eb d9eb f4";
    try (BareMachine machine = new BareMachine(new TranslatorEngine());
        ExecutableMemory code = new ExecutableMemory(4096);
        Arena arena = Arena.ofConfined()) {
      MemorySegment environment = arena.allocate(28, 8);
      // fnstenv [rdi]; fldcw [rdi]; ret
      RawMemory.putLong(code.writable(), 0xc3_2fd9_37d9L);
      ExecutableMemory.call(code.executable(), environment.address(), 0);
      long words = RawMemory.getLong(environment.address());
      int tags = RawMemory.getInt(environment.address() + 8);
      machine.prepare(bytes(hex), 7);
      assertThat(machine.run()).isEqualTo(Exit.HALT);
      assertThat(machine.field(CpuState.FCW) & 0xff_ffff_ffffL).isEqualTo(0xff_3a41_047fL);
      assertThat(Objects.requireNonNull(machine.vcpu.counters().get("instructions translated")))
          .isGreaterThan(10);
      ExecutableMemory.call(code.executable(), environment.address(), 0);
      assertThat(RawMemory.getLong(environment.address())).isEqualTo(words);
      assertThat(RawMemory.getInt(environment.address() + 8)).isEqualTo(tags);
    }
  }
}
