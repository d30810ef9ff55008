package isola.core.bus;

/**
 * A device on the memory bus. Offsets are local to the range it was attached at.
 *
 * <p>Called by any vCPU thread. A device answers nonsense as hardware does and never throws. An
 * access never crosses the end of the range.
 */
public interface MmioDevice {
  /**
   * Reads {@code size} bytes (1, 2, 4 or 8), zero-extended, at a local offset; all ones where
   * nothing answers.
   */
  long read(long offset, int size);

  /** Writes the low {@code size} bytes (1, 2, 4 or 8) of {@code value} at a local offset. */
  void write(long offset, int size, long value);

  /** Which of its registers are mere doorbells; none unless it says so. Constant. */
  default Doorbells doorbells() {
    return Doorbells.NONE;
  }
}
