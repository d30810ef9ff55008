package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two processors that change each other's code. */
@Timeout(120)
final class TwoProcessorsTest {
  private static final long SECOND = 0x11000;

  /** mov eax, 0; ret: its value is at a multiple of 4. */
  private static final String FUNCTION = "b800000000c3";

  @Test
  void eachSeesWhatTheOtherMadeOfItsCode() throws Exception {
    TranslatorEngine engine = new TranslatorEngine();
    assumeTrue(engine.unavailable().isEmpty(), "the translator cannot run here");
    try (BareMachine machine = new BareMachine(engine)) {
      Vcpu other = machine.another();
      // mov ebx, 1; mov esi, 201003h; wait: call rsi; cmp eax, ebx; jne wait;
      // mov [202004h], ebx; inc ebx; cmp ebx, 501; jne wait; hlt
      machine.prepare(
          bytes("bb01000000be03102000 ffd639d875fa 891c2504202000 ffc381fbf501000075e9f4"), 1);
      // The same at 202003h, telling first: mov [201004h], ebx; wait: ...
      write(
          machine,
          SECOND,
          "bb01000000be03202000 891c2504102000 ffd639d875fa ffc381fbf501000075e9f4");
      write(machine, 0x20_1003, FUNCTION);
      write(machine, 0x20_2003, FUNCTION);
      machine.begin(other, SECOND, BareMachine.STACK - 0x1000);
      CompletableFuture<Exit> second = new CompletableFuture<>();
      Thread.ofPlatform().start(() -> second.complete(other.run()));
      CompletableFuture<Exit> first = new CompletableFuture<>();
      Thread.ofPlatform().start(() -> first.complete(machine.vcpu.run()));
      try {
        assertThat(first.get(60, TimeUnit.SECONDS)).isEqualTo(Exit.HALT);
        assertThat(second.get(60, TimeUnit.SECONDS)).isEqualTo(Exit.HALT);
      } finally {
        machine.vcpu.kick();
        other.kick();
      }
      for (Vcpu each : new Vcpu[] {machine.vcpu, other}) {
        each.pull();
        assertThat(RawMemory.getLong(each.state() + CpuState.GPR)).isEqualTo(500);
      }
    }
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  private static void write(BareMachine machine, long address, String hex) {
    byte[] code = bytes(hex);
    machine.memory.write(address, code, 0, code.length);
  }
}
