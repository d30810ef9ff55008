package isola.core.backend;

/**
 * Where a device puts bytes for the host: a serial line's transmitter, a console's output. Called
 * by any thread, one call at a time.
 */
@FunctionalInterface
public interface ByteSink {
  /** Takes {@code length} bytes. May block the caller for flow control; must not throw. */
  void accept(byte[] bytes, int offset, int length);
}
