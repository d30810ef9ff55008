package isola.machine.board.saved;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.memory.GuestMemory;
import isola.machine.board.saved.Description.DiskImage;
import isola.machine.board.saved.Description.Extent;
import isola.machine.board.saved.Description.Hardware;
import isola.machine.board.saved.Description.Part;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A saved machine's file: what was written comes back, and nothing else is taken for it. */
final class SavedFileTest {
  private static final long MEMORY = 8 << 20;

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("machine");
  }

  private static Description description(List<Extent> extents) {
    return new Description(
        "box",
        "2026-01-02T03:04:05Z",
        "interpreter",
        new Hardware(
            1,
            MEMORY,
            "v2",
            1_000_000_000,
            List.of(-1, 7),
            1,
            true,
            false,
            "vmlinuz",
            List.of(new DiskImage("/disk", true, 512, "2026-01-01T00:00:00Z"))),
        123_456_789,
        List.of(new Part("port-92", 1, Map.of("value", 2L))),
        extents);
  }

  private static byte[] processor() {
    byte[] image = new byte[4096];
    Arrays.fill(image, (byte) 0x5a);
    return image;
  }

  /** Writes a machine with a word at some pages; the file's bytes. */
  private byte[] write(long... places) throws IOException {
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, MEMORY);
      for (long place : places) {
        memory.put(place, 8, ~place);
      }
      new SavedWriter(memory, List.of(processor()), () -> false)
          .write(file(), true, SavedFileTest::description);
    }
    return Files.readAllBytes(file());
  }

  private SavedFile read(byte[] bytes) throws IOException {
    Files.write(file(), bytes);
    return SavedFile.open(file());
  }

  /** A file whose header and description were changed, with a checksum that is right. */
  private byte[] forged(UnaryOperator<String> change) throws IOException {
    byte[] bytes = write(0x1000);
    ByteBuffer old = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) old.getLong(SavedFormat.HEADER_DESCRIPTION_BYTES);
    byte[] text =
        change
            .apply(new String(bytes, 4096, length, StandardCharsets.UTF_8))
            .getBytes(StandardCharsets.UTF_8);
    int rest = 4096 + (int) SavedFormat.padded(length);
    int from = 4096 + (int) SavedFormat.padded(text.length);
    byte[] made = Arrays.copyOf(bytes, from + bytes.length - rest);
    Arrays.fill(made, 4096, made.length, (byte) 0);
    System.arraycopy(text, 0, made, 4096, text.length);
    System.arraycopy(bytes, rest, made, from, bytes.length - rest);
    ByteBuffer header = ByteBuffer.wrap(made).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(SavedFormat.HEADER_DESCRIPTION_BYTES, text.length);
    return signed(made, text);
  }

  private static byte[] signed(byte[] bytes, byte[] text) {
    Arrays.fill(bytes, SavedFormat.HEADER_DIGEST, SavedFormat.HEADER_DIGEST + 32, (byte) 0);
    byte[] digest = SavedWriter.digest(Arrays.copyOf(bytes, 4096), text, List.of(processor()));
    System.arraycopy(digest, 0, bytes, SavedFormat.HEADER_DIGEST, digest.length);
    return bytes;
  }

  @Test
  void whatWasWrittenComesBack() throws IOException {
    byte[] bytes = write(0, 0x1008, 0x40_0ff8, 0x7f_fff0);
    // The second mebibyte and the like cost nothing.
    assertThat(bytes.length).isLessThan(1 << 20);
    SavedFile file = SavedFile.open(file());
    assertThat(file.description()).isEqualTo(description(file.description().memory()));
    assertThat(file.processors()).hasSize(1);
    assertThat(file.processors().getFirst()).isEqualTo(processor());
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, MEMORY);
      file.mapInto(memory);
      for (long place : new long[] {0, 0x1008, 0x40_0ff8, 0x7f_fff0}) {
        assertThat(memory.get(place, 8)).as("at %x", place).isEqualTo(~place);
      }
      assertThat(memory.get(0x20_0000, 8)).isZero();
      memory.put(0x1008, 8, 1);
    }
    // What a restored machine writes stays its own.
    assertThat(Files.readAllBytes(file())).isEqualTo(bytes);
  }

  @Test
  void theFileIsItsOwnersAndIsReplacedOnlyWhenAsked() throws IOException {
    byte[] _ = write(0x1000);
    assertThat(Files.getPosixFilePermissions(file())).hasSize(2);
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, MEMORY);
      SavedWriter writer = new SavedWriter(memory, List.of(processor()), () -> false);
      assertThatThrownBy(() -> writer.write(file(), false, SavedFileTest::description))
          .isInstanceOf(FileAlreadyExistsException.class);
    }
  }

  @Test
  void nothingIsLeftOfAFileThatFails() throws IOException {
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, MEMORY);
      memory.put(0x1000, 8, 1);
      SavedWriter writer = new SavedWriter(memory, List.of(processor()), () -> true);
      assertThatThrownBy(() -> writer.write(file(), false, SavedFileTest::description))
          .isInstanceOf(IOException.class);
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void aFileThatEndsEarlyIsIncomplete() throws IOException {
    byte[] bytes = write(0x1000, 0x40_0000);
    for (int length = 0; length < bytes.length; length += 509) {
      byte[] piece = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> read(piece))
          .as("%d of %d bytes", length, bytes.length)
          .isInstanceOf(SavedFileException.class);
    }
  }

  @Test
  void aFlippedBitOutsideTheMemoryIsFound() throws IOException {
    byte[] bytes = write(0x1000);
    int checked = bytes.length - 4096;
    int length =
        (int)
            ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong(SavedFormat.HEADER_DESCRIPTION_BYTES);
    Random random = new Random(3);
    for (int i = 0; i < 300; i++) {
      byte[] flipped = bytes.clone();
      // Not in the padding between the parts, which nobody reads.
      int at = random.nextInt(4096 + length);
      if (i % 3 == 0) {
        at = checked - 4096 + random.nextInt(4096);
      }
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      int place = at;
      assertThatThrownBy(() -> read(flipped))
          .as("byte %d", place)
          .isInstanceOf(SavedFileException.class);
    }
  }

  @Test
  void anotherVersionIsNamed() throws IOException {
    byte[] bytes = write(0x1000);
    bytes[SavedFormat.HEADER_VERSION] = 2;
    assertThatThrownBy(() -> read(bytes))
        .hasMessage(
            "The saved machine %s is of version 2, and this Isola reads version 1."
                .formatted(file()));
  }

  @Test
  void countsThatMakeNoSenseAreRefusedBeforeAnythingIsReserved() throws IOException {
    long[][] fields = {
      {SavedFormat.HEADER_PROCESSORS, 4, 0},
      {SavedFormat.HEADER_PROCESSORS, 4, 0x7fff_ffff},
      {SavedFormat.HEADER_PROCESSORS, 4, -1},
      {SavedFormat.HEADER_DESCRIPTION_BYTES, 8, Long.MAX_VALUE},
      {SavedFormat.HEADER_DESCRIPTION_BYTES, 8, -1},
      {SavedFormat.HEADER_DESCRIPTION_BYTES, 8, 4 << 20},
      {SavedFormat.HEADER_MEMORY_BYTES, 8, Long.MAX_VALUE & -4096},
      {SavedFormat.HEADER_MEMORY_BYTES, 8, -4096}
    };
    for (long[] field : fields) {
      byte[] bytes = write(0x1000);
      ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      if (field[1] == 4) {
        header.putInt((int) field[0], (int) field[2]);
      } else {
        header.putLong((int) field[0], field[2]);
      }
      assertThatThrownBy(() -> read(bytes))
          .as("%s", Arrays.toString(field))
          .isInstanceOf(SavedFileException.class);
    }
  }

  @Test
  void aDescriptionThatIsNoneIsRefused() throws IOException {
    List<UnaryOperator<String>> changes =
        List.of(
            text -> "",
            text -> "[]",
            text -> "null",
            text -> text + "{}",
            text -> text.substring(1),
            text -> "[".repeat(100_000),
            text -> text.replace("\"nanos\":123456789", "\"nanos\":1e300"),
            text -> text.replace("\"nanos\":123456789", "\"nanos\":" + "9".repeat(300)),
            text -> text.replace("\"nanos\":123456789", "\"nanos\":\"1\""),
            text -> text.replace("\"nanos\":123456789", "\"nanos\":null"),
            text -> text.replace("\"cpus\":1", "\"cpus\":4294967297"),
            text -> text.replace("\"nanos\"", "\"name\""),
            text -> text.replace("\"nanos\"", "\"other\""),
            text -> text.replace("\"guest\":4096", "\"guest\":4097"),
            text -> text.replace("\"guest\":4096", "\"guest\":-4096"),
            text -> text.replace("\"bytes\":4096", "\"bytes\":8192"),
            text -> text.replace("\"bytes\":4096", "\"bytes\":0"),
            text -> text.replace("\"offset\":0", "\"offset\":9223372036854771712"));
    for (int i = 0; i < changes.size(); i++) {
      byte[] bytes = forged(changes.get(i));
      assertThatThrownBy(() -> read(bytes))
          .as("change %d", i)
          .isInstanceOf(SavedFileException.class)
          .hasMessageStartingWith("The saved machine ")
          .hasMessageEndingWith(".");
    }
  }

  @Test
  void memoryThatTheMachineDoesNotHaveIsRefused() throws IOException {
    byte[] bytes = forged(text -> text.replace("\"guest\":4096", "\"guest\":8388608"));
    SavedFile file = read(bytes);
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, MEMORY);
      assertThatThrownBy(() -> file.mapInto(memory))
          .isInstanceOf(SavedFileException.class)
          .hasMessageContaining("more than the machine has");
    }
  }

  @Test
  void otherThingsAreNotSavedMachines() throws IOException {
    assertThatThrownBy(() -> read("#!/bin/sh\n".getBytes(StandardCharsets.UTF_8)))
        .hasMessage("%s is not a saved machine.".formatted(file()));
    assertThatThrownBy(() -> SavedFile.open(folder))
        .hasMessage("%s is a directory, not a saved machine.".formatted(folder));
    assertThatThrownBy(() -> SavedFile.open(Path.of("/dev/zero")))
        .hasMessage("/dev/zero is not a file.");
  }
}
