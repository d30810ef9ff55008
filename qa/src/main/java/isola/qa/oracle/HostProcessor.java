package isola.qa.oracle;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Runs test cases on the host processor in a process of its own, compiled by gcc from {@code
 * host.c}. Not thread-safe.
 */
public final class HostProcessor implements AutoCloseable {
  private final Path folder;
  private final Process process;
  private final OutputStream commands;
  private final InputStream answers;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment records;

  private HostProcessor(Path folder, int cases) throws IOException, InterruptedException {
    this.folder = folder;
    Path source = folder.resolve("host.c");
    Path program = folder.resolve("host");
    Path shared = folder.resolve("records");
    try (InputStream in = HostProcessor.class.getResourceAsStream("host.c")) {
      if (in == null) {
        throw new IOException("host.c is missing from the module");
      }
      Files.copy(in, source);
    }
    Process compiler =
        new ProcessBuilder(
                "gcc", "-O2", "-fno-stack-protector", "-o", program.toString(), source.toString())
            .inheritIO()
            .start();
    if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
      compiler.destroyForcibly();
      throw new IOException("gcc could not compile the host's side of the oracle");
    }
    long bytes = (long) cases * RecordSpec.BYTES;
    try (FileChannel channel =
        FileChannel.open(
            shared, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      records = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
    }
    process =
        new ProcessBuilder(program.toString(), shared.toString(), Integer.toString(cases))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    commands = process.getOutputStream();
    answers = process.getInputStream();
  }

  /** Why there can be no oracle on this machine, or empty if there can. */
  public static Optional<String> missing() {
    String architecture = System.getProperty("os.arch", "");
    if (!architecture.equals("amd64") || !System.getProperty("os.name", "").equals("Linux")) {
      return Optional.of("the oracle needs an x86-64 Linux host");
    }
    try {
      Process gcc =
          new ProcessBuilder("gcc", "--version")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return gcc.waitFor() == 0 ? Optional.empty() : Optional.of("gcc does not work here");
    } catch (IOException e) {
      return Optional.of("the oracle needs gcc");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    }
  }

  /**
   * Starts the process.
   *
   * @param cases how many a batch may have
   * @throws UncheckedIOException if it cannot be compiled or started
   */
  public static HostProcessor start(int cases) {
    try {
      return new HostProcessor(Files.createTempDirectory("isola-oracle"), cases);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while starting the oracle", e);
    }
  }

  /** The records, of {@link RecordSpec#BYTES} each. */
  MemorySegment records() {
    return records;
  }

  /** Runs the first {@code count} records. */
  void run(int count) {
    byte[] command = {
      (byte) count, (byte) (count >> 8), (byte) (count >> 16), (byte) (count >> 24)
    };
    try {
      commands.write(command);
      commands.flush();
      if (answers.read() != 1) {
        throw new IOException("the host's side of the oracle died");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.destroy();
    arena.close();
    try {
      for (String name : new String[] {"host.c", "host", "records"}) {
        Files.deleteIfExists(folder.resolve(name));
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
