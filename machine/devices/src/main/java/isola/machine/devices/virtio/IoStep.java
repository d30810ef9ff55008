package isola.machine.devices.virtio;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Carries a backend's {@link IOException} out of a walk over a request's pieces. */
final class IoStep implements DescriptorChain.Piece {
  /** What the backend does with one piece. */
  @FunctionalInterface
  interface Transfer {
    void accept(long done, MemorySegment segment) throws IOException;
  }

  private final Transfer transfer;
  private @Nullable IOException failure;

  IoStep(Transfer transfer) {
    this.transfer = transfer;
  }

  @Override
  public boolean accept(MemorySegment segment, long done) {
    try {
      transfer.accept(done, segment);
      return true;
    } catch (IOException e) {
      failure = e;
      return false;
    }
  }

  /** Whether the walk went well, given what it returned; a failure of the backend is thrown. */
  boolean finished(boolean complete) throws IOException {
    if (failure != null) {
      throw failure;
    }
    return complete;
  }
}
