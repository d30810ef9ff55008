package isola.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import isola.image.Progress.Phase;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class ImageProgressTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Messages messages =
      new Messages(new PrintStream(err, true, StandardCharsets.UTF_8));
  private final AtomicLong nanos = new AtomicLong(5_000_000_000L);

  private String shown() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aLogGetsTwoLinesForEachPhase() {
    try (ImageProgress progress = new ImageProgress(messages, false, () -> 0, nanos::get)) {
      for (int i = 0; i <= 100; i++) {
        progress.at(Phase.PACKAGES, i * 300_000L, 30_000_000);
        nanos.addAndGet(20_000_000);
      }
      progress.note("The mirror is slow.");
      progress.at(Phase.ROOT, 0, 0);
    }
    assertThat(shown().lines())
        .containsExactly(
            "isola: fetching packages (30.0 MB)",
            "isola: fetching packages: 30.0 MB in 2.0 s",
            "isola: The mirror is slow.",
            "isola: building the root disk");
  }

  @Test
  void aTerminalGetsABarThatLeavesNothingBehind() {
    try (ImageProgress progress = new ImageProgress(messages, true, () -> 80, nanos::get)) {
      for (int i = 0; i <= 100; i++) {
        progress.at(Phase.PACKAGES, i * 300_000L, 30_000_000);
        nanos.addAndGet(20_000_000);
      }
      progress.note("Half way.");
    }
    List<String> drawn = List.of(shown().split("\r", -1));
    assertThat(drawn.size()).isBetween(20, 25);
    assertThat(drawn.get(15))
        .matches("isola: fetching packages \\[=* *\\] .* of 30\\.0 MB.*\u001b\\[K");
    assertThat(drawn).allMatch(line -> line.replaceAll("\u001b\\[K", "").strip().length() < 80);
    assertThat(shown()).endsWith("\r\u001b[Kisola: Half way.\n");
  }

  @Test
  void aNarrowTerminalGetsNoWrappedLine() {
    try (ImageProgress progress = new ImageProgress(messages, true, () -> 20, nanos::get)) {
      progress.at(Phase.PACKAGES, 1, 30_000_000);
    }
    assertThat(shown()).startsWith("\r").contains("\u001b[K");
    assertThat(shown().substring(1, shown().indexOf("\u001b")).length()).isEqualTo(19);
  }
}
