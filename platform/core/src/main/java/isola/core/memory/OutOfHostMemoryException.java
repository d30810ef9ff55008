package isola.core.memory;

/** The host refused memory for a guest; the message is one sentence for the user. */
public final class OutOfHostMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With one sentence that says how much was wanted and what to do. */
  public OutOfHostMemoryException(String message) {
    super(message);
  }
}
