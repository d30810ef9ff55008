package isola.core.bus;

/**
 * Registers of a device that only announce that there is work: what is written to them, with which
 * size, and on which thread soon afterwards, does not matter. An engine may let a guest's write of
 * one go on at once and pass it to the device from a thread of its own, several as one.
 *
 * @param first offset of the first, in bytes
 * @param stride from one to the next, in bytes
 * @param count how many, 0 or more
 */
public record Doorbells(long first, int stride, int count) {
  /** A device without any. */
  public static final Doorbells NONE = new Doorbells(0, 0, 0);
}
