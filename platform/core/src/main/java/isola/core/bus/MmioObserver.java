package isola.core.bus;

/** Told of every device that comes and goes on an {@link MmioBus}. Any thread, in order. */
public interface MmioObserver {
  /** A device answers from a guest physical address on. */
  void attached(long base, MmioDevice device);

  /** It does so no more. */
  void detached(long base, MmioDevice device);
}
