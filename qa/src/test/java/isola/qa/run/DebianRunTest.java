package isola.qa.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code isola run debian}: the stock kernel boots on the interpreter and a command's output, error
 * and status come out.
 */
@Tag("slow")
class DebianRunTest {
  private static final long MINUTES = 8;

  @TempDir Path folder;

  private record Result(int status, String out, String err) {}

  @BeforeEach
  void debianOnly() {
    assumeTrue(
        Files.isDirectory(Path.of("/etc/apt")),
        "no apt configuration to take Debian's mirrors from");
  }

  /**
   * Runs Isola in a JVM of its own, with this one's modules and an image cache that lasts for the
   * test.
   */
  private Result isola(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx256m");
    command.add("--enable-native-access=isola.host");
    command.add("--module-path=" + System.getProperty("jdk.module.path"));
    command.add("--module=isola.cli/isola.cli.Main");
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("ISOLA_CACHE", folder.resolve("cache").toString());
    builder.environment().put("LC_ALL", "C.UTF-8");
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    process.getOutputStream().close();
    boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
    if (!ended) {
      process.destroyForcibly();
    }
    assertThat(ended).as(Files.readString(err)).isTrue();
    return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  @Test
  void aCommandsOutputErrorAndStatusComeOutOfAStockKernel() throws Exception {
    Result pulled = isola("image", "pull", "debian");
    assumeFalse(
        pulled.status != 0 && pulled.err.contains("mirror"), "no mirror: " + pulled.err.strip());
    assertThat(pulled.status).as(pulled.err).isZero();
    Result run =
        isola("run", "--cpus", "2", "debian", "--", "sh", "-c", "uname -sm; echo oops >&2; exit 3");
    assertThat(run.out).as(run.err).isEqualTo("Linux x86_64\n");
    assertThat(run.err).contains("oops").doesNotContain("\tat ");
    assertThat(run.status).isEqualTo(3);
  }
}
