package isola.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/** Sizes as people write them: {@code 512M}, {@code 1G}, {@code 1.5GiB}, {@code 65536}. */
final class Sizes {
  private static final Pattern SIZE =
      Pattern.compile(
          "(\\d{1,15})(?:\\.(\\d{1,6}))?\\s*([kmgt]?)(?:i?b)?", Pattern.CASE_INSENSITIVE);

  private Sizes() {}

  /** Bytes; K, M, G and T are powers of 1024, and no letter means bytes. */
  static long parse(String text) {
    Matcher match = SIZE.matcher(text.strip());
    if (!match.matches()) {
      throw wrong(text);
    }
    int shift =
        switch (match.group(3).toLowerCase(Locale.ROOT)) {
          case "k" -> 10;
          case "m" -> 20;
          case "g" -> 30;
          case "t" -> 40;
          default -> 0;
        };
    String fraction = match.group(2);
    if (fraction != null && shift == 0) {
      throw wrong(text);
    }
    try {
      long bytes = Math.multiplyExact(Long.parseLong(match.group(1)), 1L << shift);
      if (fraction != null) {
        double part = Double.parseDouble("0." + fraction) * (1L << shift);
        bytes = Math.addExact(bytes, (long) part);
      }
      return bytes;
    } catch (ArithmeticException e) {
      throw new TypeConversionException("'%s' is more than any machine has".formatted(text));
    }
  }

  private static TypeConversionException wrong(String text) {
    return new TypeConversionException(
        "'%s' is not a size; write it like 512M or 2G".formatted(text));
  }

  /** A size for people: {@code 31.4 MB}. */
  static String show(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    double value = bytes;
    int unit = -1;
    while (value >= 999.5 && unit < 3) {
      value /= 1000;
      unit++;
    }
    return String.format(
        Locale.ROOT, value < 99.5 ? "%.1f %cB" : "%.0f %cB", value, "kMGT".charAt(unit));
  }
}
