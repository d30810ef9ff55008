package isola.core.device;

/**
 * Something whose volatile state can be reset, saved and restored. Configuration and wiring are not
 * part of the state.
 *
 * @param <S> the state: one record whose components are primitives, strings, records, enums and
 *     arrays or lists of these
 */
public interface Stateful<S extends Record> {
  /** Back to the state after power-on. */
  void reset();

  /**
   * The version of the state's form: one more whenever an older form would be read wrongly. A state
   * of another version is refused.
   */
  default int version() {
    return 1;
  }

  /** A snapshot of the volatile state that shares nothing with the device. */
  S save();

  /**
   * Takes over a saved state; timers and interrupt lines are driven to match.
   *
   * @throws IllegalArgumentException if the state cannot be this device's; the device is unchanged
   */
  void restore(S state);
}
