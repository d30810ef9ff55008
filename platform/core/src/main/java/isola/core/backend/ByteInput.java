package isola.core.backend;

/**
 * Where the host puts bytes for a device: a serial line's receiver, a console's input. Any thread,
 * one caller at a time. A device takes what it has room for and says when it has room again, so a
 * guest that does not read stops its sender and costs no memory.
 */
public interface ByteInput {
  /** Offers {@code length} bytes; returns how many, from the first on, the device took. */
  int offer(byte[] bytes, int offset, int length);

  /**
   * Sets what is run when the device may have room again after an {@link #offer} that it did not
   * take whole. Any thread may run it; it must be short and must not call back.
   */
  void onRoom(Runnable action);
}
