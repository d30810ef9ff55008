package isola.qa.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Assembles the corpus with the machine's own gcc and ld. */
public final class GuestAssembler {
  private static final int ROM_SIZE = 0x10000;

  private GuestAssembler() {}

  /** The source files of the corpus, by name. */
  static List<Path> sources() throws IOException {
    Path folder = Path.of(System.getProperty("isola.root", ".."), "qa/src/test/resources/guest");
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".S")).sorted().toList();
    }
  }

  /** Assembles a file; skips the test, with the reason, where there are no tools for it. */
  static GuestProgram assemble(Path source, Path work) throws IOException, InterruptedException {
    String name = source.getFileName().toString().replace(".S", "");
    Path object = work.resolve(name + ".o");
    Path binary = work.resolve(name + ".bin");
    run(
        List.of(
            "gcc",
            "-c",
            "-m64",
            "-x",
            "assembler-with-cpp",
            "-I" + source.getParent(),
            "-o",
            object.toString(),
            source.toString()));
    run(
        List.of(
            "ld",
            "-m",
            "elf_x86_64",
            "-Ttext=0xf0000",
            "--section-start=.reset=0xffff0",
            "-e",
            "0xf0000",
            "--oformat",
            "binary",
            "-o",
            binary.toString(),
            object.toString()));
    long size = Files.size(binary);
    if (size != ROM_SIZE) {
      throw new IOException("%s is %d bytes long instead of 64 KiB".formatted(name, size));
    }
    return GuestProgram.read(source, binary);
  }

  /**
   * Assembles a multiboot kernel of flat 32-bit code for 1 MiB, from a file of the test resources;
   * skips the test, with the reason, where there are no tools for it.
   *
   * @param options of the compiler
   */
  public static Path flat(String source, Path work, List<String> options)
      throws IOException, InterruptedException {
    Path file =
        Path.of(System.getProperty("isola.root", ".."), "qa/src/test/resources").resolve(source);
    Path object = work.resolve("flat.o");
    Path binary = work.resolve("flat.bin");
    List<String> compile =
        new ArrayList<>(List.of("gcc", "-c", "-m32", "-x", "assembler-with-cpp"));
    compile.addAll(options);
    compile.addAll(List.of("-o", object.toString(), file.toString()));
    run(compile);
    run(
        List.of(
            "ld",
            "-m",
            "elf_i386",
            "-Ttext=0x100000",
            "-e",
            "0x100000",
            "--oformat",
            "binary",
            "-o",
            binary.toString(),
            object.toString()));
    return binary;
  }

  private static void run(List<String> command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      Assumptions.abort("no guest programs without " + command.getFirst() + ": " + e.getMessage());
      return;
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException(command.getFirst() + " did not end");
    }
    if (process.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + " failed:\n" + output);
    }
  }
}
