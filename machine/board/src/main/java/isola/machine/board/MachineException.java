package isola.machine.board;

/** A machine cannot be built or started; the message is one sentence for the user. */
public class MachineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With one sentence that says what is wrong and what to do. */
  public MachineException(String sentence) {
    super(sentence);
  }

  /** With one sentence, and the failure behind it. */
  public MachineException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
