package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code ./isola} in a checkout of its own, with a Maven and a JDK that only take notes.
 */
final class LauncherTest {
  @TempDir private Path folder = Path.of("");
  private Path home = Path.of("");
  private Path notes = Path.of("");

  private record Result(int status, String out, String err) {}

  @BeforeEach
  void layOutACheckout() throws IOException {
    Path root = Path.of(System.getProperty("isola.root", "."));
    home = Files.createDirectories(folder.resolve("a checkout"));
    notes = folder.resolve("notes");
    Files.writeString(notes, "");
    Files.createDirectories(home.resolve("launcher"));
    Files.createDirectories(home.resolve("manage/cli/src/main"));
    Files.createDirectories(home.resolve(".mvn"));
    Files.writeString(home.resolve("pom.xml"), "");
    Files.writeString(home.resolve("manage/cli/pom.xml"), "");
    Files.createDirectories(home.resolve("image/src/main"));
    Files.writeString(home.resolve("image/pom.xml"), "");
    Files.copy(root.resolve("isola"), home.resolve("isola"));
    Files.copy(root.resolve("launcher/setup.sh"), home.resolve("launcher/setup.sh"));
    script(
        "bin/mvn",
        """
        echo mvn >>"$NOTES"
        [ -z "${MVN_FAILS:-}" ] || { echo "[ERROR] no such thing"; exit 1; }
        mkdir -p manage/cli/target/dist/lib
        """);
    jdk("25.0.1");
  }

  private void jdk(String version) throws IOException {
    script(
        "jdk/bin/java",
        """
        for word; do
          case $word in
            -XX:AOTCacheOutput=*)
              echo warm-up >>"$NOTES"
              [ -z "${AOT_FAILS:-}" ] || exit 1
              echo classes >"${word#*=}"
              exit 0 ;;
            */NewerClasses.java)
              echo newer-classes >>"$NOTES"
              exit "${CLASSES_FAIL:-0}" ;;
            -XX:AOTCache=*) [ -s "${word#*=}" ] && echo cached >>"$NOTES" ;;
          esac
        done
        while [ "$1" != isola.cli/isola.cli.Main ]; do shift; done
        shift
        echo "run[$#] $*" >>"$NOTES"
        echo out
        exit 42
        """);
    script("jdk/bin/javac", "exit 0");
    Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"" + version + "\"\n");
  }

  private void script(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/usr/bin/env bash\n" + text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Result isola(Map<String, String> more, String command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder("bash", "-c", command);
    builder.directory(folder.toFile());
    Map<String, String> environment = builder.environment();
    environment.put("PATH", folder.resolve("bin") + ":" + System.getenv("PATH"));
    environment.put("JAVA_HOME", folder.resolve("jdk").toString());
    environment.put("NOTES", notes.toString());
    environment.putAll(more);
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    Process process = builder.start();
    process.getOutputStream().close();
    boolean ended = process.waitFor(60, TimeUnit.SECONDS);
    if (!ended) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    assertThat(ended).isTrue();
    return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private List<String> takeNotes() throws IOException {
    List<String> taken = new ArrayList<>(Files.readAllLines(notes));
    Files.writeString(notes, "");
    return taken;
  }

  @Test
  void buildsAndWarmsUpOnceThenOnlyRuns() throws Exception {
    Result first = isola(Map.of(), "'a checkout/isola' run debian -- echo 'a b'");
    assertThat(first.status()).as(first.err()).isEqualTo(42);
    assertThat(first.out()).isEqualTo("out\n");
    assertThat(takeNotes())
        .containsExactly(
            "mvn", "newer-classes", "warm-up", "cached", "run[5] run debian -- echo a b");
    Result second = isola(Map.of(), "'a checkout/isola' --version");
    assertThat(second).isEqualTo(new Result(42, "out\n", ""));
    assertThat(takeNotes()).containsExactly("cached", "run[1] --version");
  }

  @Test
  void buildsAgainWhenASourceHasChanged() throws Exception {
    isola(Map.of(), "'a checkout/isola'");
    Files.writeString(home.resolve("manage/cli/src/main/New.java"), "");
    Path stamp = home.resolve("manage/cli/target/dist/built");
    assertThat(Files.exists(stamp)).isTrue();
    Files.setLastModifiedTime(stamp, java.nio.file.attribute.FileTime.fromMillis(1_000_000));
    takeNotes();
    isola(Map.of(), "'a checkout/isola'");
    assertThat(takeNotes()).startsWith("mvn", "newer-classes", "warm-up");
  }

  @Test
  void aBuildThatFailsIsSaid() throws Exception {
    Result failed = isola(Map.of("MVN_FAILS", "1"), "'a checkout/isola' --version");
    assertThat(failed.status()).isEqualTo(125);
    assertThat(failed.out()).isEmpty();
    assertThat(failed.err()).contains("[ERROR] no such thing", "isola: the build failed;");
  }

  @Test
  void runsWithoutACacheThatCannotBeMadeAndTriesNoSecondTime() throws Exception {
    assertThat(isola(Map.of("AOT_FAILS", "1"), "'a checkout/isola' x").status()).isEqualTo(42);
    assertThat(takeNotes()).containsExactly("mvn", "newer-classes", "warm-up", "run[1] x");
    assertThat(isola(Map.of(), "'a checkout/isola' x").status()).isEqualTo(42);
    assertThat(takeNotes()).containsExactly("run[1] x");
  }

  @Test
  void runsWithLibrariesThatStayAsTheyAre() throws Exception {
    assertThat(isola(Map.of("CLASSES_FAIL", "1"), "'a checkout/isola' x").status()).isEqualTo(42);
    assertThat(takeNotes()).endsWith("run[1] x");
  }

  @Test
  void anotherJdkGetsACacheOfItsOwn() throws Exception {
    isola(Map.of(), "'a checkout/isola'");
    takeNotes();
    jdk("26");
    isola(Map.of(), "'a checkout/isola'");
    assertThat(takeNotes()).containsExactly("warm-up", "cached", "run[0] ");
  }

  @Test
  void aJdkWhoseReleaseFileHasNoLastNewlineIsFound() throws Exception {
    Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"26.0.1\"");
    assertThat(isola(Map.of(), "'a checkout/isola' x").status()).isEqualTo(42);
    assertThat(takeNotes()).last().isEqualTo("run[1] x");
  }

  @Test
  void closedStreamsAreNoTrap() throws Exception {
    Result closed = isola(Map.of(), "'a checkout/isola' x <&- >&- 2>&-");
    assertThat(closed).isEqualTo(new Result(42, "", ""));
    assertThat(takeNotes()).last().isEqualTo("run[1] x");
  }

  @Test
  void aRuntimeThatIsTooOldIsNotUsed() throws Exception {
    jdk("17.0.9");
    Result result =
        isola(
            Map.of("PATH", folder.resolve("bin") + ":/usr/bin:/bin", "isola_jdk", "25"),
            "sed -i 's|/usr/lib/jvm/|/nowhere/|g; s/command -v apt-get/false/; s/command -v java /false /'"
                + " 'a checkout/launcher/setup.sh'; 'a checkout/isola' x");
    assertThat(result.status()).isEqualTo(125);
    assertThat(result.err()).startsWith("isola: missing: ").contains("JDK 25");
  }
}
