package isola.cli;

/** The command line asks for what there is not; the message is one sentence for the user. */
final class UsageFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageFailure(String sentence) {
    super(sentence);
  }
}
