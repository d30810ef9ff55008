package isola.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.memory.RawMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ExecutableMemoryTest {
  @BeforeEach
  void onlyHere() {
    assumeTrue(HostProcessor.isX86Linux(), "generated code is for 64-bit x86 Linux");
  }

  @Test
  void whatIsWrittenOnOneSideRunsOnTheOther() {
    try (ExecutableMemory memory = new ExecutableMemory(1 << 16)) {
      // lea rax, [rdi + rsi * 2]; ret
      byte[] code = {0x48, (byte) 0x8d, 0x04, 0x77, (byte) 0xc3};
      for (int i = 0; i < code.length; i++) {
        RawMemory.putByte(memory.writable() + 64 + i, code[i]);
      }
      assertThat(ExecutableMemory.call(memory.executable() + 64, 1000, 21)).isEqualTo(1042);
    }
  }

  @Test
  void noPageIsWritableAndExecutable() throws IOException {
    try (ExecutableMemory memory = new ExecutableMemory(1 << 20)) {
      List<String> ours =
          Files.readAllLines(Path.of("/proc/self/maps")).stream()
              .filter(line -> line.contains("isola-code"))
              .toList();
      assertThat(ours)
          .anyMatch(line -> line.contains(" rw-s "))
          .anyMatch(line -> line.contains(" r-xs "));
      assertThat(ours).noneMatch(line -> line.contains("wx"));
      assertThat(memory.writable()).isNotEqualTo(memory.executable());
    }
  }
}
