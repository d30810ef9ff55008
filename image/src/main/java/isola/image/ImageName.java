package isola.image;

/**
 * The name of an image: a distribution and its release, such as {@code debian:13}.
 *
 * @param distribution only {@code debian} so far
 * @param release the release's number, such as {@code 13}
 * @param codename the release's name in the archive, such as {@code trixie}
 */
public record ImageName(String distribution, String release, String codename) {
  /** The names that {@link #parse} knows, for help texts and completion. */
  public static final String KNOWN = "debian, debian:12 and debian:13";

  /**
   * Reads a name as a person writes it: {@code debian}, {@code debian:13} or {@code debian:trixie}.
   *
   * @throws ImageException if no such image can be made
   */
  public static ImageName parse(String text) throws ImageException {
    return switch (text) {
      case "debian", "debian:13", "debian:trixie", "debian:latest" ->
          new ImageName("debian", "13", "trixie");
      case "debian:12", "debian:bookworm" -> new ImageName("debian", "12", "bookworm");
      default ->
          throw new ImageException("There is no image '" + text + "'; there are " + KNOWN + ".");
    };
  }

  /** The full name, such as {@code debian:13}. */
  @Override
  public String toString() {
    return distribution + ":" + release;
  }
}
