package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class ConsoleTailTest {
  @Test
  void keepsTheEndPrintable() {
    ConsoleTail tail = new ConsoleTail((_, _, _) -> {});
    for (int i = 0; i < 5000; i++) {
      byte[] line =
          "line %d\u0007\u001b[0m\r\n\r\n".formatted(i).getBytes(StandardCharsets.US_ASCII);
      tail.accept(line, 0, line.length);
    }
    assertThat(tail.lines(2)).containsExactly("line 4998[0m", "line 4999[0m");
    assertThat(tail.lines(100_000).size()).isBetween(500, 1200);
  }

  @Test
  void saysNothingOfAGuestThatSaidNothing() {
    assertThat(new ConsoleTail((_, _, _) -> {}).lines(5)).isEmpty();
  }
}
