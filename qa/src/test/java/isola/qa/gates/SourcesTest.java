package isola.qa.gates;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What the source files themselves must keep to. */
final class SourcesTest {
  private static final int LONGEST_FILE = 1000;

  /** Data tables and generated files, by path from the root; each with its reason beside it. */
  private static final Set<String> TABLES = Set.of();

  private final Checkout checkout = Checkout.here();

  @Test
  void noFileIsLongerThanAReaderCanHold() throws IOException {
    List<String> tooLong = new ArrayList<>();
    for (Path source : checkout.sources()) {
      String name = checkout.root().relativize(source).toString();
      int lines = Files.readAllLines(source).size();
      if (lines > LONGEST_FILE && !TABLES.contains(name)) {
        tooLong.add(name + ": " + lines + " lines");
      }
    }
    assertThat(tooLong).as("files over %d lines", LONGEST_FILE).isEmpty();
  }

  @Test
  void everyPackageSaysWhatItIsForAndIsNullMarked() throws IOException {
    Set<Path> packages = new TreeSet<>();
    for (Path source : checkout.sources()) {
      if (source.toString().contains("/src/main/java/") && !source.endsWith("module-info.java")) {
        packages.add(source.resolveSibling("package-info.java"));
      }
    }
    assertThat(packages).isNotEmpty();
    for (Path info : packages) {
      assertThat(info).exists();
      assertThat(Files.readString(info)).as("%s", info).contains("/**").contains("@NullMarked");
    }
  }

  @Test
  void onlyAnEmptyModuleSkipsTheDependencyCheck() throws IOException {
    for (Path module : checkout.modules()) {
      Path folder = checkout.root().resolve(module);
      boolean empty =
          Checkout.files(folder.resolve("src"), ".java")
              .allMatch(source -> source.toString().endsWith("-info.java"));
      if (!empty) {
        assertThat(Files.readString(folder.resolve("pom.xml")))
            .as("%s/pom.xml: it has classes, so drop the property", module)
            .doesNotContain("analyze.skip");
      }
    }
  }
}
