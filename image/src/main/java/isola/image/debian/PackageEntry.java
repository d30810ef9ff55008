package isola.image.debian;

import isola.image.deb822.Paragraph;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A package as an archive offers it.
 *
 * @param name such as {@code libc6}
 * @param version its version
 * @param architecture such as {@code amd64} or {@code all}
 * @param essential whether every installation has it
 * @param priority how soon to prefer it among packages that provide the same, 0 (required) to 4
 * @param depends what it needs to work or to be set up: each group needs one of its alternatives
 * @param provides what it stands for, one to a group
 * @param conflicts what must not be installed with it, one to a group
 * @param filename where the archive has it, relative to the archive's address
 * @param size bytes of the {@code .deb}
 * @param sha256 its SHA-256 in hexadecimal
 * @param installedSize bytes it takes when unpacked, as its maintainer estimates
 */
public record PackageEntry(
    String name,
    Version version,
    String architecture,
    boolean essential,
    int priority,
    List<List<Relation>> depends,
    List<List<Relation>> provides,
    List<List<Relation>> conflicts,
    String filename,
    long size,
    String sha256,
    long installedSize) {
  private static final List<String> PRIORITIES =
      List.of("required", "important", "standard", "optional", "extra");

  /**
   * Reads an entry of a package list, or tells null if it lacks what an entry needs or is for
   * another architecture.
   */
  static @Nullable PackageEntry of(Paragraph paragraph) {
    String name = paragraph.field("Package");
    String version = paragraph.field("Version");
    String filename = paragraph.field("Filename");
    String sha256 = paragraph.field("SHA256");
    String architecture = paragraph.field("Architecture", "");
    long size = number(paragraph.field("Size", ""));
    boolean fits = architecture.equals("amd64") || architecture.equals("all");
    if (name == null
        || version == null
        || filename == null
        || sha256 == null
        || size < 0
        || !fits) {
      return null;
    }
    List<List<Relation>> depends =
        new ArrayList<>(Relation.parse(paragraph.field("Pre-Depends", "")));
    depends.addAll(Relation.parse(paragraph.field("Depends", "")));
    List<List<Relation>> conflicts =
        new ArrayList<>(Relation.parse(paragraph.field("Conflicts", "")));
    conflicts.addAll(Relation.parse(paragraph.field("Breaks", "")));
    int priority = PRIORITIES.indexOf(paragraph.field("Priority", "optional"));
    return new PackageEntry(
        name,
        Version.parse(version),
        architecture,
        paragraph.field("Essential", "no").equals("yes"),
        priority < 0 ? PRIORITIES.size() : priority,
        List.copyOf(depends),
        List.copyOf(Relation.parse(paragraph.field("Provides", ""))),
        List.copyOf(conflicts),
        filename,
        size,
        sha256,
        Math.max(0, number(paragraph.field("Installed-Size", "0"))) * 1024);
  }

  /** Reads a decimal number, or tells -1. Numbers over 2^53 are nobody's size. */
  static long number(String text) {
    return text.matches("[0-9]{1,15}") ? Long.parseLong(text) : -1;
  }
}
