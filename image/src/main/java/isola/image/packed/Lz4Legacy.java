package isola.image.packed;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * LZ4's legacy frame, which {@code lz4 -l} writes for kernels. Source: LZ4 frame format, "Legacy
 * frame"; LZ4 block format.
 */
public final class Lz4Legacy {
  /** A frame's first four bytes, little-endian. */
  public static final int MAGIC = 0x184C2102;

  private Lz4Legacy() {}

  /**
   * Unpacks a frame that stands from {@code from} to {@code to} and has this many bytes in it.
   *
   * @throws IOException if it is damaged
   */
  public static byte[] unpack(byte[] in, int from, int to, int size) throws IOException {
    byte[] out = new byte[size];
    ByteBuffer sizes = ByteBuffer.wrap(in, 0, to).order(ByteOrder.LITTLE_ENDIAN);
    int at = from + 4;
    int have = 0;
    try {
      while (have < size) {
        int length = sizes.getInt(at);
        at += 4;
        if (length < 0 || length > to - at) {
          throw new IOException("a block longer than its frame");
        }
        have = block(in, at, at + length, out, have);
        at += length;
      }
    } catch (IndexOutOfBoundsException e) {
      throw new IOException("a damaged block", e);
    }
    return out;
  }

  private static int block(byte[] in, int from, int to, byte[] out, int start) throws IOException {
    int at = from;
    int have = start;
    while (at < to) {
      int token = in[at++] & 0xff;
      int literals = token >>> 4;
      if (literals == 15) {
        int more;
        do {
          more = in[at++] & 0xff;
          literals += more;
        } while (more == 255);
      }
      System.arraycopy(in, at, out, have, literals);
      at += literals;
      have += literals;
      if (at >= to) {
        return have;
      }
      int distance = (in[at] & 0xff) | (in[at + 1] & 0xff) << 8;
      at += 2;
      int length = token & 15;
      if (length == 15) {
        int more;
        do {
          more = in[at++] & 0xff;
          length += more;
        } while (more == 255);
      }
      have = copy(out, have, distance, length + 4);
    }
    return have;
  }

  /** Repeats what stands so far back; the two may overlap. */
  static int copy(byte[] out, int have, int distance, int length) throws IOException {
    if (distance <= 0 || distance > have || length < 0 || length > out.length - have) {
      throw new IOException("a match outside of what there is");
    }
    if (distance >= length) {
      System.arraycopy(out, have - distance, out, have, length);
    } else {
      for (int i = 0; i < length; i++) {
        out[have + i] = out[have + i - distance];
      }
    }
    return have + length;
  }
}
