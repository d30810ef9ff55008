package isola.cli;

import isola.core.backend.ByteSink;
import java.io.IOException;
import java.io.OutputStream;
import java.util.function.Consumer;

/**
 * Writes what a guest says to a stream of this process, on the device's own thread: a reader that
 * is slow slows the guest's output down, and nothing is buffered. After a failure, which is
 * reported once, it swallows everything.
 */
final class StreamSink extends OutputStream implements ByteSink {
  private final OutputStream stream;
  private final Consumer<IOException> onFailure;
  private boolean failed;

  StreamSink(OutputStream stream, Consumer<IOException> onFailure) {
    this.stream = stream;
    this.onFailure = onFailure;
  }

  @Override
  public void accept(byte[] bytes, int offset, int length) {
    write(bytes, offset, length);
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    if (failed) {
      return;
    }
    try {
      stream.write(bytes, offset, length);
      stream.flush();
    } catch (IOException e) {
      failed = true;
      onFailure.accept(e);
    }
  }
}
