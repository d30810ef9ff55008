package isola.image.apt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SourceTest {
  private static final Path ROOT = Path.of("/machine");

  @Test
  void readsLines() {
    List<Source> all =
        Source.lines(
            ROOT,
            """
            # deb http://old.example/ bookworm main
            deb http://a.example/debian bookworm main contrib # all of it
            deb-src http://a.example/debian bookworm main
            deb [ arch=amd64,arm64 signed-by=/usr/share/keyrings/k.gpg trusted=yes ] https://b.example/ bookworm-security main
            deb[arch=i386] http://c.example/x trixie main
            deb [broken http://d.example/ trixie main
            deb cdrom:[Debian]/ trixie main
            deb http://e.example/
            """);
    assertThat(all).hasSize(3);
    assertThat(all.get(0))
        .isEqualTo(
            new Source(
                "http://a.example/debian/",
                "bookworm",
                List.of("main", "contrib"),
                List.of(),
                List.of(),
                null));
    assertThat(all.get(1).architectures()).containsExactly("amd64", "arm64");
    assertThat(all.get(1).signedBy()).containsExactly(Path.of("/machine/usr/share/keyrings/k.gpg"));
    assertThat(all.get(2).architectures()).containsExactly("i386");
  }

  @Test
  void readsParagraphs() {
    List<Source> all =
        Source.paragraphs(
            ROOT,
            """
            # a comment
            Types: deb deb-src
            URIs: http://a.example/debian http://b.example/debian
            Suites: trixie trixie-updates
            Components: main
            Signed-By: /usr/share/keyrings/k.gpg 0123456789ABCDEF0123456789ABCDEF01234567

            Types: deb
            Enabled: no
            URIs: http://c.example/
            Suites: trixie
            Components: main

            Types: deb
            URIs: http://d.example/
            Suites: trixie-security
            Components: main
            Signed-By:
             -----BEGIN PGP PUBLIC KEY BLOCK-----
             .
             abc
             -----END PGP PUBLIC KEY BLOCK-----
            """);
    assertThat(all).extracting(Source::uri).hasSize(5).doesNotContain("http://c.example/");
    assertThat(all.getFirst().signedBy())
        .containsExactly(Path.of("/machine/usr/share/keyrings/k.gpg"));
    assertThat(all.getLast().key())
        .isEqualTo(
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----");
  }

  @Test
  void readsAFileOfMirrorsAndAllFilesOfTheMachine(@TempDir Path machine) throws IOException {
    Path apt = Files.createDirectories(machine.resolve("etc/apt/sources.list.d"));
    Files.createDirectories(machine.resolve("etc/apt/mirrors"));
    Files.writeString(
        machine.resolve("etc/apt/mirrors/list"),
        "# m\nhttp://a.example/debian\tpriority:1\n\nhttps://b.example/debian\n");
    Files.writeString(
        machine.resolve("etc/apt/sources.list"),
        "deb mirror+file:/etc/apt/mirrors/list trixie main\n");
    Files.writeString(
        apt.resolve("x.sources"),
        "Types: deb\nURIs: http://c.example\nSuites: trixie\nComponents: main\n");
    Files.writeString(
        apt.resolve("y.sources.disabled"),
        "Types: deb\nURIs: http://d.example\nSuites: trixie\nComponents: main\n");
    assertThat(Source.all(machine))
        .extracting(Source::uri)
        .containsExactly(
            "http://a.example/debian/", "https://b.example/debian/", "http://c.example/");
  }
}
