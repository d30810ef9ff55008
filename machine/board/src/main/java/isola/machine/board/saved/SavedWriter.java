package isola.machine.board.saved;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.machine.board.saved.Description.Extent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Writes a saved machine: into a file beside the one that was asked for, readable by its owner
 * alone, which takes its place when it is complete and on the disk. Nothing is left of one that
 * fails.
 */
public final class SavedWriter {
  private static final int PIECE = 1 << 20;

  private final GuestMemory memory;
  private final List<byte[]> processors;
  private final BooleanSupplier cancelled;

  /**
   * A writer of a machine that stands still.
   *
   * @param processors an image of each processor's state, a page each
   * @param cancelled asked now and then; if it says so, writing fails
   */
  public SavedWriter(GuestMemory memory, List<byte[]> processors, BooleanSupplier cancelled) {
    this.memory = memory;
    this.processors = List.copyOf(processors);
    this.cancelled = cancelled;
  }

  /**
   * Writes the file.
   *
   * @param replace whether a file that is there gives way
   * @param describe makes the description when it is known where the memory's pieces are
   * @throws FileAlreadyExistsException if there is a file and it is not to be replaced
   * @throws IOException if it cannot be written, with the reason
   */
  public void write(Path file, boolean replace, Function<List<Extent>, Description> describe)
      throws IOException {
    Path target = file.toAbsolutePath();
    if (!replace && Files.exists(target)) {
      throw new FileAlreadyExistsException(file.toString());
    }
    Path part = Files.createTempFile(target.getParent(), "." + target.getFileName() + ".", ".part");
    try {
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
        write(channel, describe);
        channel.force(true);
      }
      move(part, target, replace);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static void move(Path part, Path target, boolean replace) throws IOException {
    if (!replace) {
      Files.move(part, target);
      return;
    }
    try {
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private void write(FileChannel channel, Function<List<Extent>, Description> describe)
      throws IOException {
    MemoryPieces pieces = new MemoryPieces(memory);
    Description made = describe.apply(List.copyOf(pieces.extents));
    byte[] description = JsonTree.write(RecordCodec.tree(made));
    if (description.length > SavedFormat.LONGEST_DESCRIPTION) {
      throw new IOException("the description is too long");
    }
    ByteBuffer header = ByteBuffer.allocate(SavedFormat.PAGE).order(ByteOrder.LITTLE_ENDIAN);
    header
        .put(0, SavedFormat.MAGIC)
        .putInt(SavedFormat.HEADER_VERSION, SavedFormat.VERSION)
        .putInt(SavedFormat.HEADER_PROCESSORS, processors.size())
        .putLong(SavedFormat.HEADER_DESCRIPTION_BYTES, description.length)
        .putLong(SavedFormat.HEADER_MEMORY_BYTES, pieces.bytes);
    header.put(SavedFormat.HEADER_DIGEST, digest(header.array(), description, processors));
    put(channel, header, 0);
    put(channel, ByteBuffer.wrap(description), SavedFormat.PAGE);
    long at = SavedFormat.PAGE + SavedFormat.padded(description.length);
    for (byte[] processor : processors) {
      put(channel, ByteBuffer.wrap(processor), at);
      at += SavedFormat.PAGE;
    }
    writeMemory(channel, pieces, at);
    // The last page of a piece is never zero, so the file has its full length.
  }

  /** SHA-256 over all but the memory; the header's own place for it must be zero. */
  static byte[] digest(byte[] header, byte[] description, List<byte[]> processors) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(header);
      digest.update(description);
      processors.forEach(digest::update);
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private void writeMemory(FileChannel channel, MemoryPieces pieces, long from) throws IOException {
    for (MemoryPieces.Used used : pieces.used) {
      BitSet pages = used.pages();
      for (int page = pages.nextSetBit(0); page >= 0; ) {
        int end = pages.nextClearBit(page);
        long guest = used.slot().guestBase() + (long) page * SavedFormat.PAGE;
        long bytes = (long) (end - page) * SavedFormat.PAGE;
        writeRun(channel, used.slot().host(guest), bytes, from + place(pieces.extents, guest));
        page = pages.nextSetBit(end);
      }
    }
  }

  /** Where a page is in the memory part: extents are in order of guest address. */
  private static long place(List<Extent> extents, long guest) {
    int low = 0;
    int high = extents.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) / 2;
      if (extents.get(middle).guest() <= guest) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    Extent extent = extents.get(low);
    return extent.offset() + guest - extent.guest();
  }

  private void writeRun(FileChannel channel, long host, long bytes, long at) throws IOException {
    for (long done = 0; done < bytes; ) {
      if (cancelled.getAsBoolean()) {
        throw new IOException("the machine was ended");
      }
      long piece = Math.min(PIECE, bytes - done);
      put(channel, RawMemory.view(host + done, piece).asByteBuffer(), at + done);
      done += piece;
    }
  }

  private static void put(FileChannel channel, ByteBuffer bytes, long at) throws IOException {
    ByteBuffer source = bytes.duplicate();
    source.clear();
    long place = at;
    while (source.hasRemaining()) {
      place += channel.write(source, place);
    }
  }
}
