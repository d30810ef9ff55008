package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.cpu.x86.state.CpuState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The host code of typical blocks, so that a change of it shows in the diff. {@code ./dev golden}
 * writes the files anew.
 */
final class GoldenCodeTest {
  private static final Path FOLDER = Path.of("src/test/resources/isola/cpu/translator/golden");

  private static final class First implements CodeWatch {
    private String text = "";

    @Override
    public void emitted(@Nullable Block block, long address, byte[] code, int size) {
      if (block != null && block.rip == BareMachine.CODE && text.isEmpty()) {
        text = HostPrinter.print(address, code, size);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "arithmetic-loop, again: add rax rbx; xor rdx rax; sub esi 1; jnz again, 4801d84831c283ee0175f5f4",
    "load-loop, again: mov rax [rdi]; add rdi 8; cmp rdi rsi; jne again, 488b074883c7084839f775f4f4",
    "store, mov [rdi+8] rax; mov [rdi+16] rdx; hlt, 4889470848895710f4",
    "function, push rbp; mov rbp rsp; mov eax [rdi]; pop rbp; ret, 554889e58b075dc3",
    "call, call next; pop rax; hlt, e80000000058f4",
    "flags-over-load, add rax rbx; mov rcx [rdi]; adc rdx 0; hlt, 4801d8488b0f4883d200f4",
    "unpinned, add r14 r15; mov [r13] r14; hlt, 4d01fe4d897500f4",
    "byte-registers, mov ah [rdi]; add ch dh; hlt, 8a2700f5f4",
    "locked, lock cmpxchg [rdi] rcx; hlt, f0480fb10ff4",
    "vectors, movaps xmm0 [rdi]; addps xmm1 xmm0; movups [rsi] xmm1; hlt, 0f28070f58c80f110ef4",
    "division, cqo; idiv rcx; hlt, 489948f7f9f4",
    "indirect-jump, jmp [rdi+8], ff6708",
    "shift, shl rax cl; hlt, 48d3e0f4",
    "x87, fld qword [rdi]; fmul st0 st0; fcomip st1; fstp qword [rdi+8]; hlt, dd07d8c8dff1dd5f08f4",
    "x87-control, fldcw [rdi]; fistp dword [rdi+4]; fnstcw [rdi]; hlt, d92fdb5f04d93ff4",
    "mmx, movq mm0 [rdi]; punpcklbw mm0 [rdi+8]; cvtpi2ps xmm0 mm0; emms; hlt,"
        + " 0f6f070f6047080f2ac00f77f4",
    "v3-string, vmovdqu ymm0 [rdi]; vpcmpeqb ymm1 ymm0 [rdi+32]; vpmovmskb eax ymm1; vzeroupper; hlt,"
        + " c5fe6f07c5fd744f20c5fdd7c1c5f877f4",
    "v3-aligned, vmovdqa ymm0 [rdi]; vmovdqa ymm1 [rdi+32]; vfmadd231ps ymm0 ymm1 [rsi]; hlt,"
        + " c5fd6f07c5fd6f4f20c4e275b806f4",
    "v3-unpinned, andn rcx rdx r14; mulx r15 r13 [rdi]; shlx eax [rdi+8] r14d; blsr r13 r14; hlt,"
        + " c4c2e8f2cec46293f63fc4e209f74708c4c290f3cef4"
  })
  void codeIsAsItWas(String name, String guest, String hex)
      throws IOException, InterruptedException {
    assumeTrue(BareMachine.LEVEL >= 3, "a host without BMI2 and AVX2 gets other code");
    First watch = new First();
    TranslatorEngine engine = new TranslatorEngine(watch);
    assumeTrue(engine.unavailable().isEmpty(), "the translator cannot run here");
    try (BareMachine machine = new BareMachine(engine)) {
      machine.prepare(HexFormat.of().parseHex(hex.replace(" ", "")), 1);
      machine.field(CpuState.GPR + 7 * 8, BareMachine.DATA);
      machine.field(CpuState.GPR + 6 * 8, BareMachine.DATA + 64);
      machine.vcpu.push();
      // A loop's end is not waited for: the first block is there by then.
      Thread kicker = Thread.ofPlatform().start(() -> kickLater(machine));
      try {
        machine.run();
      } finally {
        kicker.interrupt();
        kicker.join();
      }
    }
    String text = "# " + guest + "\n" + watch.text;
    Path file = FOLDER.resolve(name + ".txt");
    if (System.getenv("ISOLA_UPDATE_GOLDEN") != null) {
      Files.writeString(file, text);
    }
    assertThat(text).as("the code of %s; ./dev golden accepts it", name).isEqualTo(read(file));
  }

  private static void kickLater(BareMachine machine) {
    try {
      Thread.sleep(50);
      machine.vcpu.kick();
    } catch (InterruptedException e) {
      // It has ended by itself.
    }
  }

  private static String read(Path file) throws IOException {
    return Files.exists(file) ? Files.readString(file) : "";
  }
}
