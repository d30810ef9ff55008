package isola.image.debian;

import isola.image.ImageException;
import isola.image.deb822.Paragraph;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What an archive's {@code InRelease} file says, once its signature was found good.
 *
 * <p>Source: Debian's repository format, "Release" files.
 */
public final class ReleaseFile {
  private final Paragraph fields;
  private final Map<String, Item> items = new HashMap<>();

  /**
   * A file that the release vouches for.
   *
   * @param sha256 in hexadecimal
   * @param size in bytes
   */
  public record Item(String sha256, long size) {}

  private ReleaseFile(Paragraph fields) {
    this.fields = fields;
  }

  /** Reads the signed text. */
  public static ReleaseFile parse(String text, String uri) throws ImageException {
    List<Paragraph> paragraphs = Paragraph.parse(text);
    if (paragraphs.size() != 1) {
      throw new ImageException("The release file of " + uri + " is not one; use another mirror.");
    }
    ReleaseFile release = new ReleaseFile(paragraphs.getFirst());
    List<String> words = release.fields.words("SHA256");
    for (int i = 0; i + 2 < words.size(); i += 3) {
      long size = PackageEntry.number(words.get(i + 1));
      if (words.get(i).matches("[0-9a-f]{64}") && size >= 0) {
        release.items.put(words.get(i + 2), new Item(words.get(i), size));
      }
    }
    return release;
  }

  /**
   * Checks that this is what was asked for and that it is of today.
   *
   * @param suite the suite asked for, such as {@code trixie-updates}
   * @param now the time, or null not to look at dates, as apt's settings may demand
   * @throws ImageException if it is another release, has expired, or is from the future
   */
  public void check(String uri, String suite, @Nullable Instant now) throws ImageException {
    if (!fields.field("Origin", "").equals("Debian")) {
      throw new ImageException(
          "The archive "
              + uri
              + " calls itself '"
              + fields.field("Origin", "")
              + "' and not Debian; use another mirror.");
    }
    if (!fields.field("Codename", "").equals(suite) && !fields.field("Suite", "").equals(suite)) {
      throw new ImageException(
          "The mirror "
              + uri
              + " was asked for "
              + suite
              + " and answered with '"
              + fields.field("Codename", "")
              + "'; use another mirror.");
    }
    if (now == null) {
      return;
    }
    Optional<Instant> end = date("Valid-Until");
    if (end.isPresent() && end.get().isBefore(now)) {
      throw new ImageException(
          "The package lists of "
              + uri
              + " for "
              + suite
              + " expired on "
              + fields.field("Valid-Until", "")
              + "; the mirror is out of date or this machine's clock is wrong.");
    }
    Optional<Instant> date = date("Date");
    if (date.isPresent() && date.get().isAfter(now.plusSeconds(60))) {
      throw new ImageException(
          "The package lists of "
              + uri
              + " for "
              + suite
              + " are from the future ("
              + fields.field("Date", "")
              + "); this machine's clock is wrong.");
    }
  }

  /**
   * The file's hash and size, if the release vouches for it; names are relative to the suite's
   * directory.
   */
  public Optional<Item> item(String name) {
    return Optional.ofNullable(items.get(name));
  }

  /**
   * Whether files can be had under their hash as well, so that they stay consistent while the
   * mirror changes.
   */
  public boolean byHash() {
    return fields.field("Acquire-By-Hash", "no").equals("yes");
  }

  /** The archive's own word for its version, such as 13.7; empty if it has none. */
  public String version() {
    return fields.field("Version", "");
  }

  /** When the archive was changed last. */
  public Instant date() throws ImageException {
    return date("Date").orElse(Instant.EPOCH);
  }

  private Optional<Instant> date(String field) throws ImageException {
    String text = fields.field(field);
    if (text == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          ZonedDateTime.parse(text.replace("UTC", "GMT"), DateTimeFormatter.RFC_1123_DATE_TIME)
              .toInstant());
    } catch (DateTimeParseException e) {
      throw new ImageException(
          "The release file's " + field + " '" + text + "' is not a date; use another mirror.", e);
    }
  }
}
