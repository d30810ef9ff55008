package isola.machine.board.boot;

/** A kernel or ramdisk cannot be started; the message is one sentence for the user. */
public final class BootException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of thing is wrong. */
  public enum Problem {
    /** The host cannot read the file. */
    UNREADABLE,
    /** The content is no kernel of a kind that is known here. */
    NOT_A_KERNEL,
    /** The file ends before what its header announces. */
    TRUNCATED,
    /** A kernel for another processor architecture. */
    OTHER_ARCHITECTURE,
    /** A header field contradicts another, or the format does not allow it. */
    MALFORMED,
    /** The kernel does not fit into the guest's memory. */
    TOO_LITTLE_MEMORY,
    /** The initial ramdisk does not fit beside the kernel. */
    INITRD_DOES_NOT_FIT,
    /** The command line is longer than the kernel takes. */
    COMMAND_LINE_TOO_LONG
  }

  private final Problem problem;

  /** With one sentence that says what is wrong and what to do. */
  public BootException(Problem problem, String sentence) {
    super(sentence);
    this.problem = problem;
  }

  /** With one sentence, and the failure behind it. */
  public BootException(Problem problem, String sentence, Throwable cause) {
    super(sentence, cause);
    this.problem = problem;
  }

  /** What kind of thing is wrong. */
  public Problem problem() {
    return problem;
  }
}
