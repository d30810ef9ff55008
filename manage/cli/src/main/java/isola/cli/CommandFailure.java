package isola.cli;

import org.jspecify.annotations.Nullable;

/** A command cannot go on; the message is one sentence for the user. */
final class CommandFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CommandFailure(String sentence) {
    super(sentence);
  }

  CommandFailure(String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
  }
}
