package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** YMM registers between generated code and Java, and vector instructions that fault. */
@Timeout(60)
final class VectorStateTest {
  @BeforeEach
  void check() {
    assumeTrue(new TranslatorEngine().unavailable().isEmpty(), "the translator cannot run here");
    assumeTrue(BareMachine.LEVEL >= 3, "the host has no AVX2");
  }

  private static String run(CpuEngine engine, String hex, Exit wanted) {
    try (BareMachine machine = new BareMachine(engine)) {
      machine.prepare(HexFormat.of().parseHex(hex.replace(" ", "")), 7);
      Exit exit = machine.run();
      assertThat(exit).isEqualTo(wanted);
      return machine.outcome(exit);
    }
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    // VPADDD, CPUID, ADDPS, VADDPD, XSAVE, VZEROALL, MULPS, CPUID, XRSTOR, VPXOR, VMOVDQA, VPSHUFD,
    // VZEROUPPER, CPUID, PXOR, VINSERTF128, 40 times
    "registers live through exits and XSAVE, HALT, 41b828000000 be00102000 c5f9efc0 c5fe7f8600020000"
        + " c5fe7f8620020000 c5f5feca 0fa2 0f58cb c5d958e1 b807000000 31d2 480fae26 c5fc77 0f59e9"
        + " 0fa2 b806000000 31d2 480fae2e c5cdeff5 c5fd7fb600040000 c57d70c61b c5f877 0fa2 660feffe"
        + " c4633518cf01 41ffc8 75b0 f4",
    // VMOVDQA of 32 bytes at addresses that are 16 and 32 bytes aligned, with one probe for all
    "a misaligned operand faults, SHUTDOWN, 41b802000000 be10102000 c5f96f0e c5fe6f16 c5fd6f5e10"
        + " 83ee10 c5fd6f26 c5fd6f6e10 f4",
    "so it does at a constant address, SHUTDOWN, c5fd6f242500102000 c5fd6f242520102000"
        + " c5fc29242510102000 f4",
    "CR0.TS stops both kinds, SHUTDOWN, 41b802000000 c5f5feca 660fefd1 0f20c0 83c808 0f22c0 41ffc8"
        + " 75ea f4",
    // XSETBV, then PADDD and ANDN, which go on, then VPADDD
    "XCR0 stops AVX alone, SHUTDOWN, 41b802000000 c5f5feca b803000000 31d2 31c9 0f01d1 660ffeca"
        + " c4e2b8f2c6 41ffc8 75e2 f4",
    "CR4.OSXSAVE stops AVX alone, SHUTDOWN, 41b802000000 c5f5feca 0f20e0 480fbaf012 0f22e0 660ffeca"
        + " c4e2b9f7c0 41ffc8 75e3 f4",
    // LDMXCSR with rounding and FTZ, VMULPS, VSTMXCSR, LDMXCSR that unmasks, DIVPS
    "MXCSR is loaded and stored, SHUTDOWN, 41b802000000 be00102000 c706001f0000 c74604805f0000"
        + " 0f57c0 0f57c9 0fae5604 c5dc59e4 c5f8ae5e08 0fae16 0f5ec1 f4",
    // VPGATHERDD, VGATHERDPD and VGATHERQPS, VPMASKMOVD, VMASKMOVPD and VPMASKMOVQ over page ends
    "elements are gathered and masked, HALT, 41b803000000 bef01f2000 41be00202000 c5f576c9 c5ed72d11c"
        + " c5e572d11f c5e572f31f c5ddefe4 c4e265902456 c5e176db c4c2e5922cd6 c5e576db"
        + " c5b573d220 c4a26593340d00402000 c5ed72f201 c4e27d253e c462458c4607 c442452f4609 c462c18e46fd 41ffc8"
        + " 75ae f4",
    "a gathering stops where it faults, SHUTDOWN, bef01f2000 c5f576c9 c5ed72d10c c5ed73fa08"
        + " c4e2759024d6 f4",
    // PCMPISTRI, VPCMPESTRI, PCMPISTRM, and readers of RCX
    "strings are compared, HALT, 41b803000000 bef91f2000 f30f6f46d8 660f3a63060c 4911ce"
        + " c4e3796146ba18 488d1c49 488b140e 660f3a62460340 41ffc8 75d7 f4"
  })
  void bothEnginesEndAlike(String what, Exit exit, String hex) {
    assertThat(run(new TranslatorEngine(), hex, exit))
        .as(what)
        .isEqualTo(run(new InterpreterEngine(), hex, exit));
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "gathering, 41b803000000 bef01f2000 41be00202000 c5f576c9 c5ed72d11c c5e572d11f c5e572f31f"
        + " c5ddefe4 c4e265902456 c5e176db c4c2e5922cd6 c5e576db c5b573d220 c4a26593340d00402000 c5ed72f201"
        + " c4e27d253e c462458c4607 c442452f4609 c462c18e46fd 41ffc8 75ae f4",
    "control, be00102000 c74604805f0000 0fae5604 0fae5e08 f4"
  })
  void theirCodeReachesTheGuestsMemoryAlone(String what, String hex) {
    CodeVerifier verifier = new CodeVerifier();
    run(new TranslatorEngine(verifier), hex, Exit.HALT);
    verifier.checkJumps();
    assertThat(verifier.findings).as(what).isEmpty();
    assertThat(verifier.memoryOperands()).isPositive();
  }
}
