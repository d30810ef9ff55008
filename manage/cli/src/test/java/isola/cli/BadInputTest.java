package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import isola.machine.board.Machine;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that no machine can use, given to a real one: one sentence each, and status 1. */
final class BadInputTest {
  @TempDir private Path folder = Path.of("");
  private final Bench bench = new Bench(_ -> {});
  private Path good = Path.of("");

  @BeforeEach
  void useRealMachines() throws IOException {
    bench.machines = Machine::create;
    good = Files.write(folder.resolve("good"), WarmUp.kernel());
  }

  private void assertRefused(String part, String... arguments) {
    bench.err.reset();
    assertThat(bench.run(arguments)).as("status; it said %s", bench.err()).isEqualTo(1);
    assertThat(bench.err()).startsWith("isola: ").contains(part).doesNotContain("\tat ");
    assertThat(bench.err().lines()).hasSize(1);
    assertThat(bench.out()).isEmpty();
  }

  private void assertKernelRefused(String part, byte[] content) throws IOException {
    Path kernel = Files.write(folder.resolve("kernel"), content);
    assertRefused(part, "boot", "--kernel", kernel.toString(), "--memory", "64M");
  }

  /** The first 64 bytes of a 64-bit ELF file, with one program header right behind. */
  private static byte[] elf(int machine) {
    return ByteBuffer.allocate(64)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1})
        .position(16)
        .putShort((short) 2)
        .putShort((short) machine)
        .putInt(1)
        .putLong(0x100000)
        .putLong(64)
        .putLong(0)
        .putInt(0)
        .putShort((short) 64)
        .putShort((short) 56)
        .putShort((short) 1)
        .array();
  }

  @Test
  void aGoodKernelRuns() {
    assertThat(bench.run("boot", "--kernel", good.toString(), "--memory", "32M", "--debug-exit"))
        .as("status; it said %s", bench.err())
        .isEqualTo(33);
    assertThat(bench.out()).isEqualTo("ok");
  }

  @Test
  void kernelsThatAreNone() throws IOException {
    assertRefused("no such file", "boot", "--kernel", folder.resolve("missing").toString());
    assertRefused("is a directory", "boot", "--kernel", folder.toString());
    assertKernelRefused("kernel", new byte[0]);
    assertKernelRefused(
        "kernel", "#!/bin/sh\necho no kernel\n".getBytes(StandardCharsets.US_ASCII));
    assertKernelRefused("kernel", new byte[1 << 20]);
  }

  @Test
  void aKernelForAnotherArchitecture() throws IOException {
    int aarch64 = 183;
    assertKernelRefused("kernel", elf(aarch64));
  }

  @Test
  void aTruncatedKernel() throws IOException {
    int x86 = 62;
    assertKernelRefused("kernel", elf(x86));
    byte[] half = ByteBuffer.allocate(20).put(WarmUp.kernel(), 0, 20).array();
    assertKernelRefused("kernel", half);
  }

  @Test
  void tooLittleMemoryForTheKernel() throws IOException {
    byte[] large = WarmUp.kernel();
    // Multiboot's bss_end_addr.
    ByteBuffer.wrap(large).order(ByteOrder.LITTLE_ENDIAN).putInt(24, 200 << 20);
    assertKernelRefused("memory", large);
  }

  @Test
  void memoryThatNoMachineHas() {
    assertRefused("Guest memory", "boot", "--kernel", good.toString(), "--memory", "1M");
    assertRefused("Guest memory", "boot", "--kernel", good.toString(), "--memory", "100T");
  }

  @Test
  void anInitrdThatDoesNotFit() throws IOException {
    Path initrd = folder.resolve("initrd");
    try (RandomAccessFile file = new RandomAccessFile(initrd.toFile(), "rw")) {
      file.setLength(100L << 20);
    }
    String[] boot = {"boot", "--kernel", good.toString(), "--memory", "32M", "--initrd"};
    assertRefused("memory", with(boot, initrd.toString()));
    assertRefused("no such file", with(boot, folder.resolve("none").toString()));
    assertRefused("is a directory", with(boot, folder.toString()));
  }

  private static String[] with(String[] some, String more) {
    String[] all = java.util.Arrays.copyOf(some, some.length + 1);
    all[some.length] = more;
    return all;
  }

  @Test
  void disksThatAreNone() throws IOException {
    String[] boot = {"boot", "--kernel", good.toString(), "--memory", "32M", "--disk"};
    assertRefused("is a directory", with(boot, folder.toString()));
    assertRefused("There is no disk image", with(boot, folder.resolve("none").toString()));
    Path odd = Files.write(folder.resolve("odd"), new byte[513]);
    assertRefused("513 bytes", with(boot, odd.toString()));
    assertRefused("513 bytes", with(boot, odd + ",ro"));
  }

  @Test
  void aDiskThatMayNotBeWritten() throws IOException {
    Path disk = Files.write(folder.resolve("disk"), new byte[4096]);
    assertThat(disk.toFile().setWritable(false)).isTrue();
    assumeFalse(Files.isWritable(disk), "root may write to every file");
    assertRefused(
        "attach it read-only", "boot", "--kernel", good.toString(), "--disk", disk.toString());
  }

  @Test
  void oneDiskTwice() throws IOException {
    Path disk = Files.write(folder.resolve("disk"), new byte[4096]);
    assertRefused(
        "in use", "boot", "--kernel", good.toString(), "--disk", disk + "", "--disk", disk + "");
  }

  @Test
  void aCommandLineThatNoKernelTakes() {
    assertRefused(
        "command line", "boot", "--kernel", good.toString(), "--append", "x".repeat(100_000));
  }
}
