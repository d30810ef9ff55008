package isola.qa.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.image.initramfs.CpioWriter;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.boot.BootFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Guest instructions per second of each workload of {@code kernels.c}, in a booted Linux, beside
 * the same program run natively in the same minute. It exists to see which cost centre of an engine
 * moved.
 *
 * <p>{@code ISOLA_BENCH_KERNEL} names the guest kernel, {@code ISOLA_BENCH_SOURCE} the workloads'
 * source, {@code ISOLA_BENCH_ENGINE} the engine (default {@code interpreter}); {@code ISOLA_BENCH}
 * lists workloads, default {@code alu calls}.
 */
@Tag("bench")
class GuestSpeedTest {
  private static final long BOOT_SECONDS = 300;

  @TempDir Path folder;

  /** One line of a workload: its seconds and its result. */
  private record Line(double seconds, String check) {}

  private record Sample(String text, long instructions) {}

  /**
   * Cuts serial output into lines and notes how many instructions had been retired when each ended.
   */
  private static final class Lines {
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final List<Sample> done = new ArrayList<>();
    private @Nullable Machine machine;

    synchronized void accept(byte[] bytes, int offset, int length) {
      for (int i = offset; i < offset + length; i++) {
        if (bytes[i] == '\n') {
          String text = line.toString(StandardCharsets.ISO_8859_1).trim();
          done.add(new Sample(text, Objects.requireNonNull(machine).stats().instructions()));
          line.reset();
          notifyAll();
        } else {
          line.write(bytes[i]);
        }
      }
    }

    synchronized Sample await(String start, long seconds) throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
      while (true) {
        for (Sample sample : done) {
          if (sample.text.startsWith(start)) {
            return sample;
          }
        }
        long left = deadline - System.nanoTime();
        assertThat(left).as("seconds left for '%s' after %s", start, done).isPositive();
        wait(Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)));
      }
    }
  }

  @Test
  void workloads() throws Exception {
    Path kernel = Path.of(variable("ISOLA_BENCH_KERNEL", ""));
    Path source = Path.of(variable("ISOLA_BENCH_SOURCE", "../../shared/bench/kernels.c"));
    assumeTrue(Files.isRegularFile(kernel), "ISOLA_BENCH_KERNEL names no kernel");
    assumeTrue(Files.isRegularFile(source), "ISOLA_BENCH_SOURCE names no source");
    List<String> names = List.of(variable("ISOLA_BENCH", "alu calls").trim().split("\\s+"));
    Path program = compile(source, "kernels");
    Map<String, Line> natively = runNatively(program, names);

    Lines lines = new Lines();
    MachineConfig config =
        MachineConfig.of(BootFile.of(kernel))
            .initrd(BootFile.of("workloads", initramfs(program)))
            .commandLine("console=ttyS0 reboot=t panic=-1 quiet -- " + String.join(" ", names))
            .memory(1L << 30)
            .engine(variable("ISOLA_BENCH_ENGINE", "interpreter"))
            .serial(lines::accept)
            .build();
    try (Machine machine = Machine.create(config)) {
      lines.machine = machine;
      machine.start();
      long before = lines.await("START", BOOT_SECONDS).instructions;
      // kernels.c runs its workloads in its own order, whatever that of its arguments.
      for (String name : natively.keySet()) {
        Sample sample = lines.await(name + " ", BOOT_SECONDS);
        Line guest = parse(sample.text);
        Line host = Objects.requireNonNull(natively.get(name));
        assertThat(guest.check).as("result of " + name).isEqualTo(host.check);
        report(name, guest, host, sample.instructions - before);
        before = sample.instructions;
      }
      machine.stop();
      machine.await();
    }
  }

  private Path compile(Path source, String name) throws IOException, InterruptedException {
    Path program = folder.resolve(name);
    run(
        List.of(
            "gcc",
            "-O2",
            "-static",
            "-pthread",
            "-o",
            program.toString(),
            source.toString(),
            "-lm"));
    return program;
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", command, output).isZero();
    return output;
  }

  private static Map<String, Line> runNatively(Path program, List<String> names)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.addAll(names);
    Map<String, Line> lines = new LinkedHashMap<>();
    run(command)
        .lines()
        .forEach(text -> lines.put(text.substring(0, text.indexOf(' ')), parse(text)));
    assertThat(lines.keySet()).containsExactlyInAnyOrderElementsOf(names);
    return lines;
  }

  private static Line parse(String text) {
    String[] words = text.split(" ", 3);
    return new Line(Double.parseDouble(words[1]), words[2]);
  }

  /** A first program that says when user space has begun, then becomes the workloads. */
  private byte[] initramfs(Path program) throws Exception {
    Path source = folder.resolve("first.c");
    Files.writeString(
        source,
        """
        #include <unistd.h>
        int main(int argc, char **argv) {
          (void) argc;
          if (write(1, "START\\n", 6) != 6) return 1;
          execv("/kernels", argv);
          return 2;
        }
        """);
    FileTree tree = new FileTree(0);
    tree.directory("dev", Node.Attributes.root(0755, 0));
    tree.put(
        "dev/console",
        new Node.Special(Node.Attributes.root(0600, 0), Node.Special.Kind.CHARACTER, 5, 1));
    for (Map.Entry<String, Path> file :
        Map.of("init", compile(source, "first"), "kernels", program).entrySet()) {
      Content content = new Content.HostFile(file.getValue(), Files.size(file.getValue()));
      tree.put(file.getKey(), new Node.RegularFile(Node.Attributes.root(0755, 0), content));
    }
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    CpioWriter.write(tree, archive);
    return archive.toByteArray();
  }

  private static String variable(String name, String fallback) {
    String value = System.getenv(name);
    return value == null || value.isBlank() ? fallback : value;
  }

  private static void report(String name, Line guest, Line host, long instructions) {
    System.out.printf(
        "bench %-10s guest %7.3f s  native %7.3f s  ratio %6.1f  million instructions/s %.1f%n",
        name,
        guest.seconds,
        host.seconds,
        guest.seconds / Math.max(host.seconds, 0.001),
        instructions / guest.seconds / 1e6);
  }
}
