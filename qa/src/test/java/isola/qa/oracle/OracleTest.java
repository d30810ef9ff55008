package isola.qa.oracle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Interpreter and translator against the host processor. */
class OracleTest {
  @BeforeEach
  void hostCanBeAsked() {
    Optional<String> missing = HostProcessor.missing();
    assumeTrue(missing.isEmpty(), missing.orElse(""));
  }

  private static String text(List<Oracle.Difference> differences) {
    StringBuilder text = new StringBuilder();
    for (Oracle.Difference d : differences) {
      text.append(d.form()).append("   ").append(d.line()).append('\n');
      d.report().forEach(line -> text.append("    ").append(line).append('\n'));
    }
    return text.toString();
  }

  @Test
  void casesThatOnceDifferedAreEqual() throws IOException {
    List<Oracle.Difference> found = new ArrayList<>();
    int cases = 0;
    try (Oracle oracle = new Oracle(form -> true, "interpreter", "translator");
        InputStream in =
            Objects.requireNonNull(OracleTest.class.getResourceAsStream("cases.txt"))) {
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (!line.startsWith("#")) {
          cases++;
          Oracle.Difference d = oracle.replay(line);
          if (d != null) {
            found.add(d);
          }
        }
      }
    }
    assertThat(cases).isPositive();
    assertThat(text(found)).isEmpty();
  }

  @Test
  void singleInstructionsAreEqual() {
    try (Oracle oracle = new Oracle(form -> true, "interpreter", "translator")) {
      assertThat(text(oracle.run(20260101, 100_000, 1, 5))).isEmpty();
      assertThat(oracle.instructions()).isGreaterThanOrEqualTo(100_000);
    }
  }

  @Test
  void sequencesAreEqual() {
    try (Oracle oracle = new Oracle(form -> true, "interpreter", "translator")) {
      assertThat(text(oracle.run(20260102, 100_000, 6, 5))).isEmpty();
      assertThat(oracle.instructions()).isGreaterThanOrEqualTo(100_000);
    }
  }

  @Test
  void bothAgreeOnWhatIsNoInstruction() {
    try (Oracle oracle = new Oracle(form -> true)) {
      assertThat(text(oracle.encodings(20260103, 40_000, 5))).isEmpty();
    }
  }

  /** As long as asked for, from a new seed each time; the report has what repeats a difference. */
  @Test
  @Tag("fuzz")
  void everythingIsEqualForLong() {
    String wanted = System.getenv("ISOLA_FUZZ_SECONDS");
    long seconds = wanted == null ? 600 : Long.parseLong(wanted);
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    long seed = System.currentTimeMillis();
    try (Oracle oracle = new Oracle(form -> true, "interpreter", "translator")) {
      for (int round = 0; System.nanoTime() < end; round++) {
        assertThat(text(oracle.run(seed + round, 1_000_000, round % 2 == 0 ? 6 : 1, 5)))
            .as("seed %d", seed + round)
            .isEmpty();
        assertThat(text(oracle.encodings(seed + round, 200_000, 5)))
            .as("encodings of seed %d", seed + round)
            .isEmpty();
      }
    }
  }
}
