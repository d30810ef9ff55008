package isola.core.backend;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The blocks behind a disk. Any thread; calls may overlap. */
public interface BlockBackend extends AutoCloseable {
  /** Size in bytes, a multiple of 512. */
  long size();

  /** Whether writes are refused. */
  boolean readOnly();

  /** Fills {@code target} from byte {@code offset}; the range lies inside {@link #size}. */
  void read(long offset, MemorySegment target) throws IOException;

  /** Writes {@code source} at byte {@code offset}; the range lies inside {@link #size}. */
  void write(long offset, MemorySegment source) throws IOException;

  /** Makes all writes that have returned durable. */
  void flush() throws IOException;

  /** Makes a range read as zero and, where the host can, gives its space back. */
  void discard(long offset, long length) throws IOException;

  @Override
  void close() throws IOException;
}
