package isola.image;

import org.jspecify.annotations.Nullable;

/**
 * An image could not be made, found, read or removed. The message is one whole sentence for the
 * person at the command line; it says what is wrong and, where there is something to do, what.
 */
public final class ImageException extends Exception {
  private static final long serialVersionUID = 1;

  /** The sentence is shown as it is. */
  public ImageException(String sentence) {
    super(sentence);
  }

  /** As above, with what led to it for {@code --debug}. */
  public ImageException(String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
  }
}
