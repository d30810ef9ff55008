package isola.core.irq;

/**
 * One interrupt wire from a device to a controller's input. May be driven by any thread; never
 * blocks on the device.
 */
@FunctionalInterface
public interface InterruptLine {
  /** Asserts or deasserts the wire. Repeating a level has no effect. */
  void set(boolean asserted);

  /** A low-high-low pulse, one edge. */
  default void pulse() {
    set(true);
    set(false);
  }

  /** A wire that leads nowhere. */
  static InterruptLine unconnected() {
    return asserted -> {};
  }
}
