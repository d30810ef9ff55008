package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A fault of generated code ends its own processor and nothing else. */
final class FaultInCodeTest {
  /**
   * mov ebx, 1234h; mov edi, 201000h; pxor xmm1, xmm1; a NOP, before which the fault is planted.
   */
  private static final byte[] PROGRAM = HexFormat.of().parseHex("bb34120000bf00102000660fefc990f4");

  @BeforeEach
  void check() {
    assumeTrue(new TranslatorEngine().unavailable().isEmpty(), "the translator cannot run here");
  }

  private static TranslatorEngine planting(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    return new TranslatorEngine(
        new CodeWatch() {
          @Override
          public void before(HostAssembler assembler, Insn guest) {
            if (guest.op == Op.NOP) {
              for (byte b : bytes) {
                assembler.emit(b);
              }
            }
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "SIGILL, 0f0b",
    // mov rcx, [0]
    "SIGSEGV, 488b0c2500000000",
    // mov rcx, an address that is not canonical; mov rcx, [rcx]
    "SIGSEGV, 48b90000000000008000 488b09",
    // xor ecx, ecx; div ecx
    "SIGFPE, 31c9 f7f1",
    // mov dword gs:[scratch], 0; ldmxcsr gs:[scratch]; divss xmm0 by itself, both 0
    "SIGFPE, 65c70425c00f000000000000 650fae1425c00f0000 0f57c0 f30f5ec0",
    "SIGTRAP, cc",
    // std; ud2
    "SIGILL, fd 0f0b"
  })
  void aFaultOfGeneratedCodeIsItsProcessorsInternalError(String signal, String hex) {
    try (BareMachine machine = new BareMachine(planting(hex))) {
      machine.prepare(PROGRAM, 1);
      assertThat(machine.run()).isEqualTo(Exit.INTERNAL_ERROR);
      String said = machine.vcpu.exit().detail;
      assertThat(said)
          .contains("1000e faulted with " + signal)
          .contains("instruction 1000e: 90f4")
          .contains("entered before: 10000");
      assertThat(machine.field(CpuState.GPR + 3 * 8)).isEqualTo(0x1234);
      assertThat(machine.field(CpuState.RIP)).isEqualTo(BareMachine.CODE + 14);
      // The JVM's own floating point and strings still work.
      assertThat(Math.sqrt(said.length()) / 0.0).isInfinite();
    }
  }

  @Test
  void theOthersLiveOnWhileSomeFaultAndTheHeapIsCollected() throws Exception {
    // mov ecx, 1000000; dec ecx; jnz back; mov ebx, 7; hlt
    byte[] loop = HexFormat.of().parseHex("b940420f00ffc975fcbb07000000f4");
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Integer>> faulting = new ArrayList<>();
      List<Future<Long>> working = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        String plant = i == 0 ? "0f0b" : "488b0c2500000000";
        Callable<Integer> faults =
            () -> {
              int caught = 0;
              for (int round = 0; round < 50; round++) {
                try (BareMachine machine = new BareMachine(planting(plant))) {
                  machine.prepare(PROGRAM, round);
                  caught += machine.run() == Exit.INTERNAL_ERROR ? 1 : 0;
                }
              }
              return caught;
            };
        faulting.add(threads.submit(faults));
        Callable<Long> works =
            () -> {
              long sum = 0;
              try (BareMachine machine = new BareMachine(new TranslatorEngine())) {
                for (int round = 0; round < 50; round++) {
                  machine.prepare(loop, round);
                  assertThat(machine.run()).isEqualTo(Exit.HALT);
                  sum += machine.field(CpuState.GPR + 3 * 8);
                }
              }
              return sum;
            };
        working.add(threads.submit(works));
      }
      for (int i = 0; i < 20_000; i++) {
        assertThat(lengthOrMinusOne("warm")).isEqualTo(4);
      }
      for (int i = 0; i < 10; i++) {
        System.gc();
        // An implicit null check: the JVM's own use of SIGSEGV.
        assertThat(lengthOrMinusOne(i % 2 == 0 ? null : "x")).isEqualTo(i % 2 == 0 ? -1 : 1);
      }
      for (Future<Integer> each : faulting) {
        assertThat(each.get(60, TimeUnit.SECONDS)).isEqualTo(50);
      }
      for (Future<Long> each : working) {
        assertThat(each.get(60, TimeUnit.SECONDS)).isEqualTo(350);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @SuppressWarnings("NullAway")
  private static int lengthOrMinusOne(@org.jspecify.annotations.Nullable String text) {
    try {
      return text.length();
    } catch (NullPointerException e) {
      return -1;
    }
  }
}
