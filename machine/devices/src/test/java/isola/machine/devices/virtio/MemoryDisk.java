package isola.machine.devices.virtio;

import isola.core.backend.BlockBackend;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A disk in memory that can be told to fail. */
final class MemoryDisk implements BlockBackend {
  final byte[] bytes = new byte[64 * 1024];
  final boolean readOnly;
  boolean failing;
  int flushes;

  MemoryDisk(boolean readOnly) {
    this.readOnly = readOnly;
  }

  @Override
  public long size() {
    return bytes.length;
  }

  @Override
  public boolean readOnly() {
    return readOnly;
  }

  private void check() throws IOException {
    if (failing) {
      throw new IOException("medium error");
    }
  }

  @Override
  public void read(long offset, MemorySegment target) throws IOException {
    check();
    MemorySegment.copy(MemorySegment.ofArray(bytes), offset, target, 0, target.byteSize());
  }

  @Override
  public void write(long offset, MemorySegment source) throws IOException {
    check();
    MemorySegment.copy(source, 0, MemorySegment.ofArray(bytes), offset, source.byteSize());
  }

  @Override
  public void flush() throws IOException {
    check();
    flushes++;
  }

  @Override
  public void discard(long offset, long length) throws IOException {
    check();
    java.util.Arrays.fill(bytes, (int) offset, (int) (offset + length), (byte) 0);
  }

  @Override
  public void close() {}
}
