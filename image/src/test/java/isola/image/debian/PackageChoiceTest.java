package isola.image.debian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PackageChoiceTest {
  @TempDir Path folder;

  private static String entry(String name, String version, String more) {
    return "Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/%s.deb\nSize: 10\nSHA256: %s\n%s\n"
        .formatted(name, version, name, "0".repeat(64), more);
  }

  private PackageIndex index(String... entries) throws IOException {
    Path file = Files.createTempFile(folder, "Packages", "");
    Files.writeString(file, String.join("\n", entries));
    return PackageIndex.open(file);
  }

  private static List<String> choose(PackageIndex index, String... names) throws ImageException {
    PackageChoice choice = new PackageChoice(List.of(index));
    List<PackageEntry> wanted = new ArrayList<>(choice.essential());
    for (String name : names) {
      wanted.add(choice.newest(name).orElseThrow());
    }
    return choice.withDependencies(wanted).stream().map(PackageEntry::name).sorted().toList();
  }

  @Test
  void followsDependencies() throws Exception {
    PackageIndex index =
        index(
            entry("base", "1", "Essential: yes\nPre-Depends: libc6 (>= 2.0)\nDepends: tool:any"),
            entry("libc6", "2.41-1", "Depends: base (>= 1)"),
            entry("tool", "1", ""),
            entry("other", "1", ""));
    assertThat(choose(index)).containsExactly("base", "libc6", "tool");
  }

  @Test
  void takesTheFirstAlternativeThatCanBeHadUnlessAnotherIsThere() throws Exception {
    PackageIndex index =
        index(
            entry("a", "1", "Depends: gone | heavy | light"),
            entry("heavy", "1", ""),
            entry("light", "1", ""),
            entry("old", "1", "Depends: heavy (>= 2) | light"));
    assertThat(choose(index, "a")).containsExactly("a", "heavy");
    assertThat(choose(index, "a", "light")).containsExactly("a", "light");
    assertThat(choose(index, "old")).containsExactly("light", "old");
  }

  @Test
  void takesProvidersByPriority() throws Exception {
    PackageIndex index =
        index(
            entry("a", "1", "Depends: awk, api (>= 2)"),
            entry("gawk", "1", "Provides: awk\nPriority: optional"),
            entry("mawk", "1", "Provides: awk\nPriority: required"),
            entry("lib1", "1", "Provides: api (= 1)"),
            entry("lib2", "1", "Provides: api (= 2.1), other"));
    assertThat(choose(index, "a")).containsExactly("a", "lib2", "mawk");
  }

  @Test
  void anUnversionedProvisionDoesNotMeetAVersionedNeed() throws Exception {
    PackageIndex index =
        index(entry("a", "1", "Depends: api (>= 2)"), entry("lib", "1", "Provides: api"));
    assertThatThrownBy(() -> choose(index, "a"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("api (>= 2)")
        .hasMessageContaining("its package a needs");
  }

  @Test
  void takesTheNewestOverAllLists() throws Exception {
    PackageIndex base = index(entry("a", "1.9", ""), entry("a", "1.2", ""));
    PackageIndex security = index(entry("a", "1.10", ""));
    PackageChoice choice = new PackageChoice(List.of(base, security));
    assertThat(choice.newest("a").orElseThrow().version()).hasToString("1.10");
    assertThat(choice.newest("nothing")).isEmpty();
  }

  @Test
  void refusesPackagesThatExcludeEachOther() throws Exception {
    PackageIndex index =
        index(
            entry("a", "1", "Depends: b"),
            entry("b", "1", "Conflicts: virtual"),
            entry("c", "1", "Provides: virtual"));
    assertThatThrownBy(() -> choose(index, "a", "c"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("exclude");
  }

  @Test
  void findsEveryEntryOfALongListAndSkipsWhatIsNone() throws Exception {
    String[] entries = new String[5000];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = entry("package" + i, "" + i, i % 2 == 0 ? "Provides: even, v" + i : "");
    }
    PackageIndex index = index(entries);
    assertThat(index.named("package4321").getFirst().version()).hasToString("4321");
    assertThat(index.providing("v4000"))
        .extracting(PackageEntry::name)
        .containsExactly("package4000");
    assertThat(index.providing("even")).hasSize(2500);
    PackageIndex odd = index("Package: x\nVersion: 1\n\nPackage: y\nArchitecture: arm64\n\n\n\n");
    assertThat(odd.named("x")).isEmpty();
    assertThat(odd.named("y")).isEmpty();
  }
}
