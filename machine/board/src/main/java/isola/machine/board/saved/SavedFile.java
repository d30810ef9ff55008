package isola.machine.board.saved;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.host.MappedFile;
import isola.machine.board.saved.Description.Extent;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A saved machine's file that was read and checked, but for its memory, which is mapped and not
 * looked at.
 */
public final class SavedFile {
  private final Path path;
  private final Description description;
  private final List<byte[]> processors;
  private final long memoryOffset;

  private SavedFile(
      Path path, Description description, List<byte[]> processors, long memoryOffset) {
    this.path = path;
    this.description = description;
    this.processors = processors;
    this.memoryOffset = memoryOffset;
  }

  /**
   * Reads a file, whatever is in it.
   *
   * @throws SavedFileException if it is no saved machine, or damaged, with one sentence
   * @throws IOException if it cannot be read
   */
  public static SavedFile open(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw new SavedFileException("%s is a directory, not a saved machine.".formatted(path));
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new SavedFileException("%s is not a file.".formatted(path));
    }
    try (FileChannel channel = FileChannel.open(path)) {
      return new Reader(path, channel).read();
    } catch (EOFException e) {
      throw new SavedFileException(
          "The saved machine %s is incomplete: the file is shorter than it should be."
              .formatted(path),
          e);
    }
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** What it says of the machine; checked for form, not for sense. */
  public Description description() {
    return description;
  }

  /** An image of each processor's state, a page each. */
  public List<byte[]> processors() {
    return processors;
  }

  /**
   * Puts the saved contents in place of memory that nobody has touched yet.
   *
   * @throws SavedFileException if they do not fit into this memory
   * @throws IOException if the host refuses
   */
  public void mapInto(GuestMemory memory) throws IOException {
    // Pieces that overlap hurt the guest alone.
    try (MappedFile file = MappedFile.open(path)) {
      for (Extent extent : description.memory()) {
        MemorySlot slot = memory.slotAt(extent.guest());
        if (slot == null || !memory.contains(extent.guest(), extent.bytes())) {
          throw new SavedFileException(
              "The saved machine %s is damaged: memory at 0x%x is more than the machine has."
                  .formatted(path, extent.guest()));
        }
        file.map(slot.host(extent.guest()), extent.bytes(), memoryOffset + extent.offset());
      }
    }
  }

  /** Reads one file. */
  private static final class Reader {
    private final Path path;
    private final FileChannel channel;

    Reader(Path path, FileChannel channel) {
      this.path = path;
      this.channel = channel;
    }

    private SavedFileException damaged(String what) {
      return new SavedFileException("The saved machine %s is damaged: %s.".formatted(path, what));
    }

    private byte[] bytes(long at, int length) throws IOException {
      ByteBuffer buffer = ByteBuffer.allocate(length);
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, at + buffer.position()) < 0) {
          throw new EOFException();
        }
      }
      return buffer.array();
    }

    SavedFile read() throws IOException {
      if (channel.size() < SavedFormat.MAGIC.length
          || !Arrays.equals(bytes(0, SavedFormat.MAGIC.length), SavedFormat.MAGIC)) {
        throw new SavedFileException("%s is not a saved machine.".formatted(path));
      }
      byte[] page = bytes(0, SavedFormat.PAGE);
      ByteBuffer header = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
      int version = header.getInt(SavedFormat.HEADER_VERSION);
      if (version != SavedFormat.VERSION) {
        throw new SavedFileException(
            "The saved machine %s is of version %s, and this Isola reads version %d."
                .formatted(path, Integer.toUnsignedString(version), SavedFormat.VERSION));
      }
      int count = header.getInt(SavedFormat.HEADER_PROCESSORS);
      long length = header.getLong(SavedFormat.HEADER_DESCRIPTION_BYTES);
      long memory = header.getLong(SavedFormat.HEADER_MEMORY_BYTES);
      if (count < 1
          || count > SavedFormat.MOST_PROCESSORS
          || length < 0
          || length > SavedFormat.LONGEST_DESCRIPTION
          || memory < 0
          || memory % SavedFormat.PAGE != 0) {
        throw damaged("its header makes no sense");
      }
      byte[] text = bytes(SavedFormat.PAGE, (int) length);
      List<byte[]> processors = new ArrayList<>();
      long at = SavedFormat.PAGE + SavedFormat.padded(length);
      for (int i = 0; i < count; i++) {
        processors.add(bytes(at, SavedFormat.PAGE));
        at += SavedFormat.PAGE;
      }
      checkDigest(page, text, processors);
      if (memory > channel.size() - at) {
        throw new EOFException();
      }
      Description description = description(text);
      checkMemory(description.memory(), memory);
      return new SavedFile(path, description, List.copyOf(processors), at);
    }

    private void checkDigest(byte[] page, byte[] text, List<byte[]> processors)
        throws SavedFileException {
      int from = SavedFormat.HEADER_DIGEST;
      int end = from + SavedFormat.DIGEST_BYTES;
      byte[] said = Arrays.copyOfRange(page, from, end);
      Arrays.fill(page, from, end, (byte) 0);
      if (!Arrays.equals(said, SavedWriter.digest(page, text, processors))) {
        throw damaged("its checksum is wrong");
      }
    }

    private Description description(byte[] text) throws SavedFileException {
      try {
        return RecordCodec.record(Description.class, JsonTree.read(text));
      } catch (IOException | IllegalArgumentException e) {
        throw new SavedFileException(
            "The saved machine %s is damaged: its description is not as it should be (%s)."
                .formatted(path, firstLine(e)),
            e);
      }
    }

    private static String firstLine(Exception e) {
      return String.valueOf(e.getMessage()).lines().findFirst().orElse("").replaceFirst("\\.$", "");
    }

    private void checkMemory(List<Extent> extents, long bytes) throws SavedFileException {
      boolean right = extents.size() <= SavedFormat.MOST_EXTENTS;
      for (Extent extent : extents) {
        right &=
            ((extent.guest() | extent.offset() | extent.bytes()) & (SavedFormat.PAGE - 1)) == 0
                && extent.guest() >= 0
                && extent.offset() >= 0
                && extent.bytes() > 0
                && extent.offset() <= bytes - extent.bytes();
      }
      if (!right) {
        throw damaged("its pieces of memory make no sense");
      }
    }
  }
}
