package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.state.CpuState;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a kernel does: the same on interpreter and translator, page faults included. */
@Timeout(60)
final class SystemPathsTest {
  /**
   * At 10000h, level 0. Loads GDT, IDT and TSS, sets the MSRs of SYSCALL up, goes to user code by
   * IRET. A system call: SWAPGS; REP STOSQ and MOVSB over page ends, LODSW, STOSD, MOVSQ, REP MOVSB
   * downwards; STAC and CLAC around user memory; BTS, BTC and BT of bit strings; PUSHF and POPF;
   * CMPXCHG16B; INT 30h; HLT the 300th time, else SWAPGS and SYSRET. The handler of page faults
   * goes on 3 bytes later; R12 and RBP sum up what all of them saw, status flags of a fault aside.
   */
  private static final String KERNEL =
      """
      0f0115d10100000f011dd401000066b828000f00d831c08ed88ec0b9810000c031c0ba080010000f
      30b9820000c0488d05500000004889c248c1ea200f30b9840000c0b80077040031d20f30b9800000
      c00f3283c8010f30b9020100c0b80040230131d20f3031db4531ffb8270000006a1b6800f0290068
      020200006a23680000280048cf0f01f84989e6bc0000170051415349ffc7575651bff80f31004c89
      f8b903020000f348abbe000f3100bf013a3100b977170000f3a466adab48a5fdb911000000f3a4fc
      595e5f0f01cb488b0425080020004901c44883042510002000030f01ca4c89f825ff030000f0480f
      ab0425006031004883d50048f7d80fbb0425006831004883d500480fa30425006831004883d5009c
      5835d50c2000509d9c415d4d01ec4939c553bb01000000b902000000488b042500613100488b1425
      08613100f0480fc70c25006131000f94c05b0fb6c04901c4cd304981ff2c010000730c415b594c89
      f40f01f8480f07f448ffc34883442408030f20d04901c44c032424488b442418252af7ffff4901c4
      4883c40848cf48ffc348036c241048cf0000000000000000ffff0000009aaf00ffff00000092cf00
      ffff000000f2cf00ffff000000faaf00670000800189000000000000000000003700a00101000000
      0000ff0f0081010000000000
      """;

  /** At 280000h, level 3: WRFSBASE, SYSCALL, two page faults, POPF, and again. */
  private static final String USER =
      """
          4c89f848c1e005480500002000f3480faed0f3490faec04d01c40f05bf00003f00488b07bf000031
          00488907644c032425000000004d89e14181e1d50c000041519d9c41594d01ccebb6
      """;

  private static final int PAGE_FAULT = 0x10170;
  private static final int SOFTWARE = 0x10196;
  private static final int TSS = 0x18000;
  private static final int IDT = 0x18100;

  /** PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE, SMEP, SMAP. */
  private static final long CR4 = 0x3106a0;

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", "").replace("\n", ""));
  }

  private static String run(CpuEngine engine) {
    try (BareMachine machine = new BareMachine(engine)) {
      machine.prepare(bytes(KERNEL), 3);
      byte[] user = bytes(USER);
      machine.memory.write(0x280000, user, 0, user.length);
      machine.memory.put(0x3000, 8, 0x83);
      for (int i = 0xa0; i < 512; i++) {
        machine.memory.put(0x4000 + i * 8L, 8, i == 0x1f0 ? 0 : BareMachine.DATA + i * 4096L | 3);
      }
      machine.memory.put(TSS + 4, 8, 0x178000);
      gate(machine, 14, PAGE_FAULT);
      gate(machine, 0x30, SOFTWARE);
      machine.field(CpuState.CR4, CR4);
      machine.vcpu.push();
      Exit exit = machine.run();
      byte[] strings = new byte[0x8000];
      machine.memory.read(0x310000, strings, 0, strings.length);
      assertThat(exit).isEqualTo(Exit.HALT);
      assertThat(machine.field(CpuState.GPR + 15 * 8)).as("system calls").isEqualTo(300);
      assertThat(machine.field(CpuState.GPR + 3 * 8)).as("exceptions").isEqualTo(299 * 3 + 1);
      return machine.outcome(exit) + Arrays.hashCode(strings);
    }
  }

  private static void gate(BareMachine machine, int vector, int handler) {
    machine.memory.put(
        IDT + vector * 16L,
        8,
        0x8e00_0008_0000L | handler & 0xffff | (handler & 0xffff_0000L) << 32);
    machine.memory.put(IDT + vector * 16L + 8, 8, 0);
  }

  @Test
  void kernelAndUserCodeEndAlikeOnBothEngines() {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    assertThat(run(translator)).isEqualTo(run(new InterpreterEngine()));
  }
}
