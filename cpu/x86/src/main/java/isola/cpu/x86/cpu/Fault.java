package isola.cpu.x86.cpu;

/**
 * An architectural exception on its way to the interpreter's loop. One per processor, made in
 * advance, without a stack trace; thrown with the guest's state as it was before the instruction
 * (faults), and caught in one place.
 */
public final class Fault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** {@link #errorCode} of an exception that pushes none. */
  public static final int NO_ERROR_CODE = -1;

  private int vector;
  private int errorCode;

  Fault() {
    super(null, null, false, false);
  }

  /** Exception vector, see {@link isola.cpu.x86.spec.Vector}. */
  public int vector() {
    return vector;
  }

  /** What is pushed as error code, or {@link #NO_ERROR_CODE}. */
  public int errorCode() {
    return errorCode;
  }

  Fault with(int newVector, int newErrorCode) {
    vector = newVector;
    errorCode = newErrorCode;
    return this;
  }
}
