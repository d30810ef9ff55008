package isola.core.memory;

/**
 * Told before memory with page flags set is written, so that code derived from it can be dropped.
 * Called on the writing thread.
 */
@FunctionalInterface
public interface WriteObserver {
  /**
   * {@code length} bytes (1 or more, inside one page) at a guest physical address are about to
   * change.
   */
  void beforeWrite(long guestAddress, int length);
}
