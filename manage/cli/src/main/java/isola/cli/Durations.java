package isola.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/**
 * Durations as people write them: {@code 90}, {@code 1.5s}, {@code 500ms}, {@code 2m}, {@code 1h}.
 */
final class Durations {
  private static final Pattern DURATION =
      Pattern.compile("(\\d{1,9}(?:\\.\\d{1,6})?)\\s*(ms|s|m|h)?", Pattern.CASE_INSENSITIVE);

  private Durations() {}

  /** A duration; without a unit, of seconds. */
  static Duration parse(String text) {
    Matcher match = DURATION.matcher(text.strip());
    if (!match.matches()) {
      throw new TypeConversionException(
          "'%s' is not a duration; write it like 30s or 5m".formatted(text));
    }
    double number = Double.parseDouble(match.group(1));
    String unit = match.group(2) == null ? "s" : match.group(2).toLowerCase(Locale.ROOT);
    double millis =
        switch (unit) {
          case "ms" -> number;
          case "m" -> number * 60_000;
          case "h" -> number * 3_600_000;
          default -> number * 1000;
        };
    Duration duration = Duration.ofMillis(Math.round(millis));
    if (duration.isZero()) {
      throw new TypeConversionException("a duration must be above zero");
    }
    return duration;
  }

  /** A duration for people: {@code 0.8 s}, {@code 1 min 12 s}. */
  static String show(Duration duration) {
    if (duration.compareTo(Duration.ofMinutes(2)) < 0) {
      return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1000.0);
    }
    return "%d min %d s".formatted(duration.toMinutes(), duration.toSecondsPart());
  }
}
