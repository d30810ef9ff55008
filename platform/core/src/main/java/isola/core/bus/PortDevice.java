package isola.core.bus;

/**
 * A device on the port bus. Offsets are local to the range it was attached at.
 *
 * <p>Called by any vCPU thread. A device answers nonsense as hardware does and never throws.
 */
public interface PortDevice {
  /**
   * Reads {@code size} bytes (1, 2 or 4), zero-extended, at a local offset; all ones where nothing
   * answers.
   */
  int in(int offset, int size);

  /** Writes the low {@code size} bytes (1, 2 or 4) of {@code value} at a local offset. */
  void out(int offset, int size, int value);
}
