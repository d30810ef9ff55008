package isola.image.erofs;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Reads a stored content back: a piece of the image, then the tail that is still in memory. */
final class StoredStream extends InputStream {
  private final FileChannel image;
  private final byte[] tail;
  private long position;
  private long left;
  private int tailAt;

  StoredStream(FileChannel image, long position, long length, byte[] tail) {
    this.image = image;
    this.position = position;
    this.left = length;
    this.tail = tail;
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
    if (left > 0) {
      int count = image.read(ByteBuffer.wrap(into, offset, (int) Math.min(length, left)), position);
      if (count < 0) {
        throw new EOFException("the image is shorter than what was written to it");
      }
      position += count;
      left -= count;
      return count;
    }
    if (tailAt == tail.length) {
      return -1;
    }
    int count = Math.min(length, tail.length - tailAt);
    System.arraycopy(tail, tailAt, into, offset, count);
    tailAt += count;
    return count;
  }
}
