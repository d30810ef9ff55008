package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.cpu.x86.state.CpuState;
import java.time.Duration;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What generated code must get right beside arithmetic. */
final class TranslatedCodeTest {
  private BareMachine machine;

  @BeforeEach
  void start() {
    TranslatorEngine engine = new TranslatorEngine();
    assumeTrue(engine.unavailable().isEmpty(), "the translator cannot run here");
    machine = new BareMachine(engine);
  }

  @AfterEach
  void stop() {
    if (machine != null) {
      machine.close();
    }
  }

  private Exit run(String hex) {
    machine.prepare(HexFormat.of().parseHex(hex.replace(" ", "")), 1);
    return machine.run();
  }

  private long register(int r) {
    return machine.field(CpuState.GPR + r * 8);
  }

  @Test
  void codeThatChangesItselfRunsAsChanged() {
    // A function "mov eax, imm32; ret" at 201000h, rewritten and called 100 times; RBX sums up.
    Exit exit =
        run(
            """
            31db b964000000 be00102000
            c606b8 894e01 c64605c3
            51 56 ffd6 5e 59 4801c3
            ffc9 75e9 f4
            """
                .replace("\n", ""));
    assertThat(exit).isEqualTo(Exit.HALT);
    assertThat(register(3)).isEqualTo(5050);
  }

  @Test
  void aLoopIsLeftWhenTheProcessorIsKicked() throws InterruptedException {
    machine.prepare(HexFormat.of().parseHex("ebfe"), 1);
    Thread kicker =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    Thread.sleep(50);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  machine.vcpu.kick();
                });
    assertThat(machine.run()).isEqualTo(Exit.KICK);
    kicker.join();
    assertThat(machine.field(CpuState.RIP)).isEqualTo(BareMachine.CODE);
  }

  @Test
  void aDivisionByZeroIsTheGuestsFault() {
    // mov rax, 1; cqo; xor ecx, ecx; idiv rcx: no handler, so a triple fault.
    assertThat(run("48c7c001000000 4899 31c9 48f7f9 f4")).isEqualTo(Exit.SHUTDOWN);
    assertThat(register(0)).isEqualTo(1);
  }

  @Test
  void aDivisionGivesQuotientAndRemainder() {
    assertThat(run("48c7c0f9ffffff 4899 b902000000 48f7f9 f4")).isEqualTo(Exit.HALT);
    assertThat(register(0)).isEqualTo(-3);
    assertThat(register(2)).isEqualTo(-1);
  }

  @Test
  void theLastPageOfTheAddressSpaceIsNotMappedByAnEmptyTlbEntry() {
    // mov rax, [-43]: a page fault without a handler, so a triple fault.
    assertThat(run("488b0425d5ffffff f4")).isEqualTo(Exit.SHUTDOWN);
    // mov rax, [fff000h] brings an entry with a host page in its place; then a store.
    assertThat(run("488b042500f03f00 48890425d5ffffff f4")).isEqualTo(Exit.SHUTDOWN);
  }

  @Test
  void anAccessAcrossTwoPagesReadsBoth() {
    // mov dword [201ffe], 44332211; mov eax, [201ffe]
    assertThat(run("c70425fe1f200011223344 8b0425fe1f2000 f4")).isEqualTo(Exit.HALT);
    assertThat(register(0)).isEqualTo(0x44332211);
  }

  @Test
  void anInstructionMayUseTwoPagesThatShareAnEntryOfTheTlb() {
    // push qword [201010]; pop rax; call [201018] with the stack 16 MiB above, where a RET waits.
    machine.prepare(HexFormat.of().parseHex("ff342510102000" + "58" + "ff142518102000" + "f4"), 1);
    long twin = BareMachine.DATA + 0x1000 + (16 << 20);
    machine.memory.put(0x3000 + (twin >>> 21) * 8, 8, 0x20_0087);
    machine.field(CpuState.GPR + 4 * 8, twin + 0x100);
    machine.memory.put(BareMachine.DATA + 0x1010, 8, 0x1122334455667788L);
    machine.memory.put(BareMachine.DATA + 0x1018, 8, BareMachine.DATA + 0x2000L);
    machine.memory.put(BareMachine.DATA + 0x2000, 1, 0xc3);
    machine.vcpu.push();
    assertTimeoutPreemptively(
        Duration.ofSeconds(20), () -> assertThat(machine.run()).isEqualTo(Exit.HALT));
    assertThat(register(0)).isEqualTo(0x1122334455667788L);
    assertThat(register(4)).isEqualTo(twin + 0x100);
  }
}
