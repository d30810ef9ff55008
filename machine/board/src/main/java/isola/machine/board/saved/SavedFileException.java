package isola.machine.board.saved;

import java.io.IOException;

/** A saved machine's file is not one, or damaged; the message is one sentence for the user. */
public final class SavedFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** With one sentence that says what is wrong. */
  public SavedFileException(String sentence) {
    super(sentence);
  }

  /** With one sentence, and the failure behind it. */
  public SavedFileException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
