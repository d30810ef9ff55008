package isola.image.packed;

import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks the blocks of a Zstandard frame: of one that is in memory as a whole, whatever its
 * window, or of one that comes block by block, of which only a window is kept. A checksum is not
 * looked at: what is unpacked here comes out of a package whose hash was checked. Source: RFC 8878,
 * section 3.1.1.
 */
public final class ZstdFrame {
  private static final byte[] NOTHING = {};

  /** Room beside the window, so that what is kept is moved for every eighth block at most. */
  private static final int WINDOW_SLACK = 8 * ZstdSpec.BLOCK_MAX;

  private byte[] in = NOTHING;
  private int to;
  private int at;
  private byte[] out = NOTHING;
  private int have;

  private final byte[] literals = new byte[ZstdSpec.BLOCK_MAX];
  private int literalCount;
  private @Nullable HuffmanTable huffman;
  private @Nullable FseTable literalLengths;
  private @Nullable FseTable offsets;
  private @Nullable FseTable matchLengths;
  private int repeat1 = 1;
  private int repeat2 = 4;
  private int repeat3 = 8;

  /** A frame whose blocks come one by one. */
  ZstdFrame() {}

  /** The frame stands from {@code from} to {@code to} at most. */
  public ZstdFrame(byte[] in, int from, int to) {
    this.in = in;
    this.at = from;
    this.to = to;
  }

  // Block by block.

  /** A new frame begins. */
  void begin() {
    have = 0;
    huffman = null;
    literalLengths = null;
    offsets = null;
    matchLengths = null;
    repeat1 = 1;
    repeat2 = 4;
    repeat3 = 8;
  }

  /** Bytes of the frame that are unpacked and kept. */
  int have() {
    return have;
  }

  /** Copies what is unpacked from {@code from} on; returns how much it was. */
  int copy(int from, byte[] into, int offset, int length) {
    int count = Math.min(length, have - from);
    System.arraycopy(out, from, into, offset, count);
    return count;
  }

  /**
   * Makes room for a block.
   *
   * @param window how much of what is unpacked blocks may refer to
   * @return how many of the oldest bytes were given up
   */
  int makeRoom(int window) {
    if (out.length - have >= ZstdSpec.BLOCK_MAX) {
      return 0;
    }
    int most = window + WINDOW_SLACK;
    if (out.length < most) {
      out = Arrays.copyOf(out, (int) Math.min(most, Math.max(2L * out.length, WINDOW_SLACK)));
    }
    if (out.length - have >= ZstdSpec.BLOCK_MAX) {
      return 0;
    }
    int kept = Math.min(window, have);
    int gone = have - kept;
    System.arraycopy(out, gone, out, 0, kept);
    have = kept;
    return gone;
  }

  /** Unpacks the block that stands in {@code bytes}, of {@code stored} bytes. */
  void block(int type, int size, byte[] bytes, int stored) throws IOException {
    in = bytes;
    at = 0;
    to = stored;
    try {
      block(type, size);
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      throw new IOException("a damaged frame", e);
    }
  }

  /**
   * Unpacks the frame, which has exactly this many bytes in it.
   *
   * @throws IOException if it is damaged, or has another number
   */
  public byte[] unpack(int size) throws IOException {
    out = new byte[size];
    try {
      header();
      boolean last = false;
      while (!last) {
        int block = little(3);
        last = (block & 1) != 0;
        block(block >> 1 & 3, block >>> 3);
      }
    } catch (IndexOutOfBoundsException e) {
      throw new IOException("a damaged frame", e);
    }
    if (have != size) {
      throw new IOException("a frame of " + have + " bytes instead of " + size);
    }
    return out;
  }

  private int little(int count) throws IOException {
    if (at + count > to) {
      throw new IOException("a frame that breaks off");
    }
    int value = 0;
    for (int i = 0; i < count; i++) {
      value |= (in[at++] & 0xff) << (8 * i);
    }
    return value;
  }

  private void header() throws IOException {
    int magic = little(4);
    int descriptor = little(1);
    boolean single = (descriptor & 0x20) != 0;
    int dictionary = new int[] {0, 1, 2, 4}[descriptor & 3];
    int contentSize = new int[] {single ? 1 : 0, 2, 4, 8}[descriptor >> 6];
    if (magic != ZstdSpec.MAGIC || (descriptor & 8) != 0) {
      throw new IOException("no frame");
    }
    at += (single ? 0 : 1) + dictionary + contentSize;
  }

  private void block(int type, int size) throws IOException {
    if (type != ZstdSpec.BLOCK_RLE && size > to - at) {
      throw new IOException("a block beyond its frame");
    }
    switch (type) {
      case ZstdSpec.BLOCK_RAW -> {
        System.arraycopy(in, at, out, have, size);
        have += size;
        at += size;
      }
      case ZstdSpec.BLOCK_RLE -> {
        Arrays.fill(out, have, Math.addExact(have, size), in[at++]);
        have += size;
      }
      case ZstdSpec.BLOCK_COMPRESSED -> {
        int end = at + size;
        literals(end);
        sequences(end);
        at = end;
      }
      default -> throw new IOException("a block of a kind that does not exist");
    }
  }

  private void literals(int end) throws IOException {
    int first = in[at] & 0xff;
    int type = first & 3;
    int format = first >> 2 & 3;
    if (type == ZstdSpec.LITERALS_RAW || type == ZstdSpec.LITERALS_RLE) {
      int width = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
      literalCount = little(width) >>> (width == 1 ? 3 : 4);
      if (type == ZstdSpec.LITERALS_RAW) {
        System.arraycopy(in, at, literals, 0, literalCount);
        at += literalCount;
      } else {
        Arrays.fill(literals, 0, literalCount, in[at++]);
      }
      return;
    }
    int width = format < 2 ? 10 : format == 2 ? 14 : 18;
    long header = Integer.toUnsignedLong(little(format < 2 ? 3 : 4));
    if (format == 3) {
      header |= (long) little(1) << 32;
    }
    literalCount = (int) (header >>> 4) & (1 << width) - 1;
    int packed = (int) (header >>> (4 + width)) & (1 << width) - 1;
    int stop = at + packed;
    if (stop > end || literalCount > literals.length) {
      throw new IOException("literals beyond their block");
    }
    HuffmanTable table = huffman;
    if (type == ZstdSpec.LITERALS_COMPRESSED) {
      table = new HuffmanTable(in, at, stop);
      at = table.end();
    }
    if (table == null) {
      throw new IOException("literals without a tree");
    }
    huffman = table;
    if (format == 0) {
      table.decode(in, at, stop, literals, 0, literalCount);
    } else {
      fourStreams(table, stop);
    }
    at = stop;
  }

  private void fourStreams(HuffmanTable table, int stop) throws IOException {
    int[] ends = new int[4];
    int from = at + 6;
    int end = from;
    for (int i = 0; i < 3; i++) {
      end += little(2);
      ends[i] = end;
    }
    ends[3] = stop;
    int share = (literalCount + 3) / 4;
    for (int i = 0; i < 4; i++) {
      if (ends[i] > stop) {
        throw new IOException("literals beyond their block");
      }
      int begin = i * share;
      table.decode(in, from, ends[i], literals, begin, i == 3 ? literalCount : begin + share);
      from = ends[i];
    }
  }

  private void sequences(int end) throws IOException {
    int count = little(1);
    if (count == 255) {
      count = little(2) + 0x7F00;
    } else if (count >= 128) {
      count = ((count - 128) << 8) + little(1);
    }
    int taken = 0;
    if (count > 0) {
      taken = execute(count, end);
    }
    int rest = literalCount - taken;
    System.arraycopy(literals, taken, out, have, rest);
    have += rest;
  }

  private int execute(int count, int end) throws IOException {
    int modes = little(1);
    FseTable lengths =
        table(
            modes >> 6,
            literalLengths,
            ZstdSpec.LITERAL_LENGTH_DISTRIBUTION,
            ZstdSpec.LITERAL_LENGTH_ACCURACY,
            ZstdSpec.LITERAL_LENGTH_MAX_ACCURACY,
            ZstdSpec.LITERAL_LENGTH_BASE.length,
            end);
    literalLengths = lengths;
    FseTable distances =
        table(
            modes >> 4 & 3,
            offsets,
            ZstdSpec.OFFSET_DISTRIBUTION,
            ZstdSpec.OFFSET_ACCURACY,
            ZstdSpec.OFFSET_MAX_ACCURACY,
            ZstdSpec.LONGEST_OFFSET_CODE + 1,
            end);
    offsets = distances;
    FseTable matches =
        table(
            modes >> 2 & 3,
            matchLengths,
            ZstdSpec.MATCH_LENGTH_DISTRIBUTION,
            ZstdSpec.MATCH_LENGTH_ACCURACY,
            ZstdSpec.MATCH_LENGTH_MAX_ACCURACY,
            ZstdSpec.MATCH_LENGTH_BASE.length,
            end);
    matchLengths = matches;

    BackwardBits stream = new BackwardBits(in, at, end);
    int lengthState = lengths.start(stream);
    int distanceState = distances.start(stream);
    int matchState = matches.start(stream);
    int taken = 0;
    for (int i = 0; i < count; i++) {
      int offsetCode = distances.symbol(distanceState);
      int matchCode = matches.symbol(matchState);
      int lengthCode = lengths.symbol(lengthState);
      if (offsetCode >= ZstdSpec.LONGEST_OFFSET_CODE) {
        throw new IOException("an offset beyond all windows");
      }
      int offsetValue = (1 << offsetCode) + stream.read(offsetCode);
      int match =
          ZstdSpec.MATCH_LENGTH_BASE[matchCode]
              + stream.read(ZstdSpec.MATCH_LENGTH_BITS[matchCode]);
      int length =
          ZstdSpec.LITERAL_LENGTH_BASE[lengthCode]
              + stream.read(ZstdSpec.LITERAL_LENGTH_BITS[lengthCode]);
      if (i + 1 < count) {
        lengthState = lengths.next(lengthState, stream);
        matchState = matches.next(matchState, stream);
        distanceState = distances.next(distanceState, stream);
      }
      if (stream.overrun() || length > literalCount - taken) {
        throw new IOException("a sequence beyond its block");
      }
      System.arraycopy(literals, taken, out, have, length);
      taken += length;
      have = Lz4Legacy.copy(out, have + length, distance(offsetValue, length), match);
    }
    if (!stream.finished()) {
      throw new IOException("sequences that do not end where they should");
    }
    return taken;
  }

  /** Tells the distance of a match, and remembers it. */
  private int distance(int value, int literalLength) {
    int distance;
    int which = value > 3 ? 4 : value + (literalLength == 0 ? 1 : 0);
    switch (which) {
      case 1 -> {
        return repeat1;
      }
      case 2 -> {
        distance = repeat2;
        repeat2 = repeat1;
        repeat1 = distance;
        return distance;
      }
      case 3 -> distance = repeat3;
      default -> distance = value > 3 ? value - 3 : repeat1 - 1;
    }
    repeat3 = repeat2;
    repeat2 = repeat1;
    repeat1 = distance;
    return distance;
  }

  private FseTable table(
      int mode,
      @Nullable FseTable before,
      int[] distribution,
      int accuracy,
      int maxAccuracy,
      int symbols,
      int end)
      throws IOException {
    switch (mode) {
      case ZstdSpec.MODE_PREDEFINED -> {
        return FseTable.of(distribution, accuracy);
      }
      case ZstdSpec.MODE_RLE -> {
        int symbol = little(1);
        if (symbol >= symbols) {
          throw new IOException("a code that does not exist");
        }
        return FseTable.constant(symbol);
      }
      case ZstdSpec.MODE_COMPRESSED -> {
        FseTable.Description description =
            new FseTable.Description(in, at, end, maxAccuracy, symbols);
        at = description.end();
        return description.table();
      }
      default -> {
        if (before == null) {
          throw new IOException("a table that was never given");
        }
        return before;
      }
    }
  }
}
