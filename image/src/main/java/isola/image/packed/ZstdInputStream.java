package isola.image.packed;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/**
 * Unpacks Zstandard frames one after the other, keeping no more of them than their window.
 * Checksums are not looked at: what is unpacked here came with a hash of its own. Source: RFC 8878,
 * section 3.
 */
public final class ZstdInputStream extends InputStream {
  private final InputStream in;
  private final int largestWindow;
  private final byte[] block = new byte[ZstdSpec.BLOCK_MAX];
  private final ZstdFrame frame = new ZstdFrame();

  // Of the frame that is being read.
  private boolean within;
  private boolean checksum;
  private int window;
  private int given;

  /**
   * Reads frames until {@code in} ends.
   *
   * @param largestWindow the most bytes that a frame may want to be kept, 1 KiB to 1 GiB
   */
  public ZstdInputStream(InputStream in, int largestWindow) {
    this.in = in;
    this.largestWindow = largestWindow;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (given == frame.have()) {
      if (!within && !begin()) {
        return -1;
      }
      more();
    }
    int count = frame.copy(given, into, offset, length);
    given += count;
    return count;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  private int fill(int count) throws IOException {
    if (in.readNBytes(block, 0, count) < count) {
      throw new EOFException("a frame that breaks off");
    }
    return count;
  }

  private long little(int count) throws IOException {
    fill(count);
    long value = 0;
    for (int i = 0; i < count; i++) {
      value |= (block[i] & 0xffL) << (8 * i);
    }
    return value;
  }

  /** Reads the next frame's header (3.1.1.1); false at the end. */
  private boolean begin() throws IOException {
    while (true) {
      int first = in.read();
      if (first < 0) {
        return false;
      }
      long magic = first | little(3) << 8;
      if (magic == (ZstdSpec.MAGIC & 0xffff_ffffL)) {
        break;
      }
      if ((magic & ZstdSpec.SKIPPABLE_MASK) != ZstdSpec.SKIPPABLE) {
        throw new IOException("no frame");
      }
      in.skipNBytes(little(4));
    }
    int descriptor = (int) little(1);
    boolean single = (descriptor & ZstdSpec.SINGLE_SEGMENT) != 0;
    checksum = (descriptor & ZstdSpec.CHECKSUM) != 0;
    if ((descriptor & ZstdSpec.RESERVED) != 0) {
      throw new IOException("a frame of a kind that does not exist");
    }
    long size = 0;
    if (!single) {
      int code = (int) little(1);
      long base = 1L << 10 + (code >>> 3);
      size = base + base / 8 * (code & 7);
    }
    // No dictionary is known, so whatever is named here must be none: its matches would fail.
    little(ZstdSpec.DICTIONARY_BYTES[descriptor & 3]);
    int bytes = descriptor >>> 6 == 0 && !single ? 0 : 1 << (descriptor >>> 6);
    long content = little(bytes) + (bytes == 2 ? 256 : 0);
    size = single ? content : size;
    if (size < 0 || size > largestWindow) {
      throw new IOException("a window of more than " + largestWindow + " bytes");
    }
    window = (int) size;
    given = 0;
    frame.begin();
    within = true;
    return true;
  }

  /** Reads and unpacks one block (3.1.1.2). */
  private void more() throws IOException {
    int header = (int) little(3);
    int type = header >> 1 & 3;
    int size = header >>> 3;
    if (size > ZstdSpec.BLOCK_MAX) {
      throw new IOException("a block that is too long");
    }
    int stored = fill(type == ZstdSpec.BLOCK_RLE ? 1 : size);
    given -= frame.makeRoom(window);
    frame.block(type, size, block, stored);
    if ((header & 1) != 0) {
      within = false;
      little(checksum ? 4 : 0);
    }
  }
}
