package isola.image.apt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ArchivesTest {
  @TempDir Path machine;

  private void sources(String text) throws IOException {
    Files.createDirectories(machine.resolve("etc/apt"));
    Files.writeString(machine.resolve("etc/apt/sources.list"), text);
  }

  @Test
  void usesTheMachinesMirrorsForAnotherRelease() throws Exception {
    sources(
        """
        deb http://m.example/debian bookworm main
        deb http://m.example/debian bookworm-updates main
        deb http://s.example/debian-security bookworm-security main
        deb http://m.example/debian bookworm-backports main
        deb http://docker.example/linux/debian bookworm stable
        deb http://ubuntu.example/ubuntu noble main
        """);
    Archives archives = Archives.find(machine, "", "trixie");
    assertThat(archives.base()).extracting(Source::uri).containsExactly("http://m.example/debian/");
    assertThat(archives.base()).extracting(Source::suite).containsExactly("trixie");
    assertThat(archives.updates()).extracting(Source::suite).containsExactly("trixie-updates");
    assertThat(archives.security())
        .extracting(Source::uri)
        .containsExactly("http://s.example/debian-security/");
  }

  @Test
  void prefersASourceOfTheWantedRelease() throws Exception {
    sources("deb http://a.example/debian bookworm main\ndeb http://b.example/debian trixie main\n");
    assertThat(Archives.find(machine, "", "trixie").base())
        .extracting(Source::uri)
        .containsExactly("http://b.example/debian/", "http://a.example/debian/");
  }

  @Test
  void anOverrideCounts() throws Exception {
    sources("deb http://a.example/debian bookworm main\n");
    Archives one = Archives.find(machine, "http://x.example/debian", "bookworm");
    assertThat(one.base()).extracting(Source::uri).containsExactly("http://x.example/debian/");
    assertThat(one.security())
        .extracting(Source::uri)
        .containsExactly("http://x.example/debian-security/");
    Archives two = Archives.find(machine, " http://x.example/d  http://y.example/s ", "bookworm");
    assertThat(two.security()).extracting(Source::uri).containsExactly("http://y.example/s/");
    assertThat(Archives.find(machine, "file:/srv/mirror", "bookworm").security()).isEmpty();
  }

  @Test
  void saysWhatToDoWithoutAMirror() {
    assertThatThrownBy(() -> Archives.find(machine, "", "trixie"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("ISOLA_DEBIAN_MIRROR");
    assertThatThrownBy(() -> Archives.find(machine, "ftp.example", "trixie"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("'ftp.example'");
  }
}
