package isola.machine.board.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.memory.GuestMemory;
import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.boot.BootException.Problem;
import isola.machine.board.layout.MemoryMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels of each kind, whole and broken. */
final class BootProtocolTest {
  private static final int BODY = 0x3000;

  private final GuestMemory memory = new GuestMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  private BootTarget target(byte[] kernel, int megabytes, String line, byte[]... initrds) {
    memory.addRam(0, 0xa0000);
    memory.addRam(0x100000, ((long) megabytes << 20) - 0x100000);
    List<BootFile> files = Arrays.stream(initrds).map(b -> BootFile.of("initrd", b)).toList();
    return new BootTarget(
        memory,
        new MemoryMap((long) megabytes << 20),
        BootFile.of("dir/kernel", kernel),
        files,
        line,
        0xf0000);
  }

  private static byte[] pattern(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private static byte[] bytes(ByteBuffer image) {
    byte[] bytes = new byte[image.limit()];
    image.get(0, bytes);
    return bytes;
  }

  /** A bzImage as Debian's: protocol 2.15, 64-bit entry, relocatable. */
  private static ByteBuffer bzImage() {
    ByteBuffer image = ByteBuffer.allocate(5 * 512 + BODY).order(ByteOrder.LITTLE_ENDIAN);
    image.put(5 * 512, pattern(BODY));
    image.put(0x1f1, (byte) 4);
    image.putInt(0x1f4, BODY / 16);
    image.putShort(0x1fe, (short) 0xaa55);
    image.put(0x200, (byte) 0xeb).put(0x201, (byte) 0x6a);
    image.putInt(0x202, 0x53726448).putShort(0x206, (short) 0x20f);
    image.put(0x211, (byte) 1);
    image.putInt(0x22c, 0x7fffffff);
    image.putInt(0x230, 0x200000).put(0x234, (byte) 1);
    image.putShort(0x236, (short) 0x7f);
    image.putInt(0x238, 2047);
    image.putLong(0x258, 0x1000000).putInt(0x260, 0x3000000);
    return image;
  }

  private CpuEntry load(BootTarget target) {
    return BootProtocol.detect(target.kernel()).load(target);
  }

  private byte[] guest(long address, int size) {
    byte[] bytes = new byte[size];
    assertThat(memory.read(address, bytes, 0, size)).isTrue();
    return bytes;
  }

  @Test
  void bzImageGoesWhereItPrefersAndItsParametersSayEverything() {
    byte[] first = pattern(5001);
    byte[] second = pattern(300);
    BootTarget target = target(bytes(bzImage()), 128, "console=ttyS0 quiet", first, second);
    CpuEntry entry = load(target);
    assertThat(entry.mode()).isEqualTo(CpuEntry.Mode.LONG_64);
    assertThat(entry.rip()).isEqualTo(0x1000200);
    assertThat(guest(0x1000000, BODY)).isEqualTo(pattern(BODY));
    ByteBuffer zero = ByteBuffer.wrap(guest(entry.rsi(), 4096)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(zero.getInt(0x202)).isEqualTo(0x53726448);
    assertThat(zero.get(0x210) & 0xff).isEqualTo(0xff);
    assertThat(zero.getLong(0x70)).isEqualTo(0xf0000);
    int ramdisk = zero.getInt(0x218);
    assertThat(zero.getInt(0x21c)).isEqualTo(5004 + 300);
    assertThat(guest(ramdisk, 5001)).isEqualTo(first);
    assertThat(guest(ramdisk + 5004L, 300)).isEqualTo(second);
    assertThat(ramdisk).isGreaterThan(0x4000000);
    String line = new String(guest(zero.getInt(0x228), 20), StandardCharsets.UTF_8);
    assertThat(line).isEqualTo("console=ttyS0 quiet\0");
    assertThat(zero.get(0x1e8)).isEqualTo((byte) 5);
    assertThat(zero.getLong(0x2d0)).isZero();
    assertThat(zero.getLong(0x2d0 + 8)).isEqualTo(0x9fc00);
    assertThat(zero.getInt(0x2d0 + 16)).isEqualTo(1);
    assertThat(zero.getLong(0x2d0 + 3 * 20)).isEqualTo(0x100000);
    assertThat(zero.getLong(0x2d0 + 3 * 20 + 8)).isEqualTo((128 << 20) - 0x100000);
  }

  @Test
  void relocatableKernelMovesDownWhereMemoryIsSmall() {
    ByteBuffer image = bzImage();
    image.putInt(0x260, 0x400000);
    assertThat(load(target(bytes(image), 16, "")).rip()).isEqualTo(0x200200);
  }

  @Test
  void kernelWithout64BitEntryStartsInProtectedMode() {
    ByteBuffer image = bzImage();
    image.putShort(0x236, (short) 0);
    CpuEntry entry = load(target(bytes(image), 128, ""));
    assertThat(entry.mode()).isEqualTo(CpuEntry.Mode.PROTECTED_32);
    assertThat(entry.rip()).isEqualTo(0x1000000);
  }

  @Test
  void entryStateIs64BitModeWithTheFirstGigabytesMappedOneToOne() {
    CpuEntry entry = load(target(bytes(bzImage()), 128, ""));
    long state = HostMemory.installed().reserve(4096, "test");
    entry.apply(memory, state);
    long cr3 = RawMemory.getLong(state + CpuState.CR3);
    for (long address : new long[] {0, 0x1000200, 0xfee00000L, 0xffe00000L}) {
      long l4 = memory.get(cr3 + (address >>> 39 & 511) * 8, 8);
      long l3 = memory.get((l4 & ~0xfffL) + (address >>> 30 & 511) * 8, 8);
      long l2 = memory.get((l3 & ~0xfffL) + (address >>> 21 & 511) * 8, 8);
      assertThat(l2 & ~0x1fffffL).isEqualTo(address & ~0x1fffffL);
      assertThat(l4 & l3 & l2 & 3).isEqualTo(3);
      assertThat(l2 & 0x80).isEqualTo(0x80);
    }
    assertThat(RawMemory.getLong(state + CpuState.CR0)).isEqualTo(0x80000011L);
    assertThat(RawMemory.getLong(state + CpuState.CR4)).isEqualTo(0x20);
    assertThat(RawMemory.getLong(state + CpuState.EFER)).isEqualTo(0x500);
    assertThat(RawMemory.getLong(state + CpuState.RFLAGS)).isEqualTo(2);
    // __BOOT_CS is selector 0x10: 64-bit code, present, at level 0.
    long gdt = RawMemory.getLong(state + CpuState.GDTR_BASE);
    assertThat(memory.get(gdt + 0x10, 8)).isEqualTo(0x00af9b000000ffffL);
    assertThat(memory.get(gdt + 0x18, 8)).isEqualTo(0x00cf93000000ffffL);
    HostMemory.installed().release(state, 4096);
  }

  private void refused(byte[] kernel, int megabytes, Problem problem, String... words) {
    BootTarget target = target(kernel, megabytes, "", pattern(1 << 20));
    assertThatThrownBy(() -> load(target))
        .isInstanceOfSatisfying(
            BootException.class,
            e -> {
              assertThat(e.problem()).isEqualTo(problem);
              assertThat(e.getMessage()).contains(words).endsWith(".").doesNotContain("\n");
            });
  }

  @Test
  void truncatedBzImage() {
    refused(Arrays.copyOf(bytes(bzImage()), 3000), 128, Problem.TRUNCATED, "cut off");
  }

  @Test
  void bzImageCutOffInItsHeader() {
    refused(Arrays.copyOf(bytes(bzImage()), 0x240), 128, Problem.TRUNCATED, "cut off");
  }

  @Test
  void tooLittleMemory() {
    refused(bytes(bzImage()), 32, Problem.TOO_LITTLE_MEMORY, "64 MiB", "32 MiB");
  }

  @Test
  void initrdThatDoesNotFit() {
    refused(bytes(bzImage()), 64, Problem.INITRD_DOES_NOT_FIT, "1 MiB", "64 MiB");
  }

  @Test
  void commandLineThatIsTooLong() {
    BootTarget target = target(bytes(bzImage()), 128, "x".repeat(3000));
    assertThatThrownBy(() -> load(target))
        .hasMessageContaining("3000")
        .hasMessageContaining("2047");
  }

  @Test
  void loadAddressThatIsNonsense() {
    ByteBuffer image = bzImage();
    image.put(0x234, (byte) 0).putLong(0x258, -4096L);
    refused(bytes(image), 128, Problem.MALFORMED, "broken header");
  }

  @Test
  void arm64Image() {
    ByteBuffer image = ByteBuffer.allocate(8192).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0x38, 0x644d5241);
    refused(bytes(image), 64, Problem.OTHER_ARCHITECTURE, "64-bit ARM");
  }

  @Test
  void elfOfAnotherArchitecture() {
    ByteBuffer image = elf64(183);
    refused(bytes(image), 64, Problem.OTHER_ARCHITECTURE, "64-bit ARM");
  }

  @Test
  void ordinaryElfProgram() {
    ByteBuffer image = elf64(62);
    image.putInt(0x78, 9);
    refused(bytes(image), 64, Problem.NOT_A_KERNEL, "PVH");
  }

  @Test
  void filesThatAreNoKernels() {
    refused(new byte[0], 64, Problem.TRUNCATED, "empty");
  }

  @Test
  void textFile() {
    refused("hello, world".getBytes(StandardCharsets.US_ASCII), 64, Problem.NOT_A_KERNEL, "not");
  }

  @Test
  void compressedFile() {
    refused(new byte[] {0x1f, (byte) 0x8b, 8, 0}, 64, Problem.NOT_A_KERNEL, "gzip");
  }

  @Test
  void missingFile() {
    BootFile missing = BootFile.of(Path.of("no", "such", "kernel"));
    assertThatThrownBy(() -> BootProtocol.detect(missing))
        .hasMessage("Cannot read no/such/kernel: there is no such file.");
  }

  @Test
  void directory() {
    assertThatThrownBy(() -> BootProtocol.detect(BootFile.of(Path.of("src"))))
        .hasMessage("src is a directory.");
  }

  /** An ELF64 with a PVH note at 0x1000 and 0x100 bytes for 1 MiB. */
  private static ByteBuffer elf64(int machine) {
    ByteBuffer elf = ByteBuffer.allocate(0x2000).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0, 0x464c457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
    elf.putShort(16, (short) 2).putShort(18, (short) machine);
    elf.putLong(24, 0xffffffff81000000L).putLong(32, 64);
    elf.putShort(54, (short) 56).putShort(56, (short) 2);
    elf.putInt(64, 1).putLong(72, 0x1100).putLong(88, 0x100000);
    elf.putLong(96, 0x100).putLong(104, 0x10000);
    elf.putInt(120, 4).putLong(128, 0x1000).putLong(144, 0);
    elf.putLong(152, 24).putLong(160, 24);
    elf.putInt(0x1000, 4).putInt(0x1004, 8).putInt(0x1008, 18).putInt(0x100c, 0x6e6558);
    elf.putLong(0x1010, 0x100040);
    elf.put(0x1100, pattern(0x100));
    return elf;
  }

  @Test
  void pvhKernelFindsItsStartInfo() {
    byte[] initrd = pattern(777);
    BootTarget target = target(bytes(elf64(62)), 64, "root=/dev/vda", initrd);
    CpuEntry entry = load(target);
    assertThat(entry.mode()).isEqualTo(CpuEntry.Mode.PROTECTED_32);
    assertThat(entry.rip()).isEqualTo(0x100040);
    assertThat(guest(0x100000, 0x100)).isEqualTo(pattern(0x100));
    long info = entry.rbx();
    assertThat(memory.get(info, 4)).isEqualTo(0x336ec578);
    assertThat(memory.get(info + 12, 4)).isEqualTo(1);
    long module = memory.get(info + 16, 8);
    assertThat(memory.get(module + 8, 8)).isEqualTo(777);
    assertThat(guest(memory.get(module, 8), 777)).isEqualTo(initrd);
    assertThat(guest(memory.get(info + 24, 8), 14))
        .isEqualTo("root=/dev/vda\0".getBytes(StandardCharsets.US_ASCII));
    assertThat(memory.get(info + 32, 8)).isEqualTo(0xf0000);
    assertThat(memory.get(info + 48, 4)).isEqualTo(5);
    long map = memory.get(info + 40, 8);
    assertThat(memory.get(map + 3 * 24, 8)).isEqualTo(0x100000);
    assertThat(memory.get(map + 3 * 24 + 16, 4)).isEqualTo(1);
  }

  @Test
  void elfSegmentPastItsEnd() {
    ByteBuffer elf = elf64(62);
    elf.putLong(96, 0x10000);
    refused(bytes(elf), 64, Problem.TRUNCATED, "cut off");
  }

  @Test
  void elfSegmentOutsideMemory() {
    ByteBuffer elf = elf64(62);
    elf.putLong(88, 0x8000000);
    refused(bytes(elf), 64, Problem.TOO_LITTLE_MEMORY, "64 MiB");
  }

  private static ByteBuffer multiboot(int flags) {
    ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0x100, pattern(0xf00));
    image.putInt(0x40, 0x1badb002).putInt(0x44, flags).putInt(0x48, -(0x1badb002 + flags));
    return image;
  }

  @Test
  void multibootImageWithAddressesInItsHeader() {
    ByteBuffer image = multiboot(0x10000);
    image.putInt(0x4c, 0x200040).putInt(0x50, 0x200000).putInt(0x54, 0x201000);
    image.putInt(0x58, 0x202000).putInt(0x5c, 0x200100);
    byte[] module = "KEY=value\n".getBytes(StandardCharsets.US_ASCII);
    CpuEntry entry = load(target(bytes(image), 64, "a b", module));
    assertThat(entry.rip()).isEqualTo(0x200100);
    assertThat(entry.rax()).isEqualTo(0x2badb002);
    assertThat(guest(0x200100, 0xf00)).isEqualTo(pattern(0xf00));
    long info = entry.rbx();
    assertThat(guest(memory.get(info + 16, 4), 11))
        .isEqualTo("kernel a b\0".getBytes(StandardCharsets.US_ASCII));
    assertThat(memory.get(info + 20, 4)).isEqualTo(1);
    long modules = memory.get(info + 24, 4);
    long start = memory.get(modules, 4);
    assertThat(start).isEqualTo(0x202000);
    assertThat(guest(start, module.length)).isEqualTo(module);
    assertThat(memory.get(modules + 4, 4)).isEqualTo(start + module.length);
    long map = memory.get(info + 48, 4);
    assertThat(memory.get(map, 4)).isEqualTo(20);
    assertThat(memory.get(info + 44, 4)).isEqualTo(5 * 24);
    assertThat(memory.get(info + 8, 4)).isEqualTo((64 << 10) - 1024);
  }

  @Test
  void multibootAddressesThatContradictEachOther() {
    ByteBuffer image = multiboot(0x10000);
    image.putInt(0x4c, 0x200040).putInt(0x50, 0x300000).putInt(0x54, 0x201000);
    refused(bytes(image), 64, Problem.MALFORMED, "contradictory");
  }

  @Test
  void multibootWithoutAddressesThatIsNoElf() {
    refused(bytes(multiboot(0)), 64, Problem.MALFORMED, "without addresses");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void anyBytesInAHeaderEndInASentenceOrAnEntry(int kind) {
    Random random = new Random(kind);
    for (int round = 0; round < 3000; round++) {
      ByteBuffer image =
          switch (kind) {
            case 0 -> bzImage();
            case 1 -> elf64(62);
            default -> multiboot(0x10000);
          };
      for (int i = 0; i < 1 + round % 8; i++) {
        image.put(random.nextInt(image.limit()), (byte) random.nextInt());
        int from = kind == 0 ? 0x1f0 : 0;
        image.put(from + random.nextInt(0x180), (byte) (random.nextInt(4) - 2));
      }
      byte[] kernel = Arrays.copyOf(bytes(image), image.limit() - random.nextInt(64));
      try (GuestMemory small = new GuestMemory()) {
        small.addRam(0, 0xa0000);
        small.addRam(0x100000, 0x1f00000);
        BootTarget target =
            new BootTarget(
                small,
                new MemoryMap(32 << 20),
                BootFile.of("kernel", kernel),
                List.of(BootFile.of("initrd", new byte[100])),
                "quiet",
                0xf0000);
        load(target);
      } catch (BootException e) {
        assertThat(e.getMessage()).endsWith(".");
      }
    }
  }
}
