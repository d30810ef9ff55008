package isola.image.apt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AptConfigurationTest {
  @Test
  void readsNestedAndFlatSettings() {
    AptConfiguration read =
        AptConfiguration.parse(
            """
            // a comment
            Acquire::http::Proxy "http://p.example:3128/"; # and another
            /* Acquire::Check-Date "false"; */
            ACQUIRE { Check-Valid-Until "false"; https { Proxy "DIRECT"; }; };
            APT::Get::Assume-Yes yes;
            DPkg::Post-Invoke { "rm -f /x; true"; };
            Acquire::Languages:: "none";
            Empty "";
            """);
    assertThat(read.value("acquire::HTTP::proxy")).isEqualTo("http://p.example:3128/");
    assertThat(read.flag("Acquire::Check-Date", true)).isTrue();
    assertThat(read.flag("Acquire::Check-Valid-Until", true)).isFalse();
    assertThat(read.value("Acquire::https::Proxy")).isEqualTo("DIRECT");
    assertThat(read.flag("APT::Get::Assume-Yes", false)).isTrue();
    assertThat(read.value("Empty")).isNull();
    assertThat(read.value("Acquire::Languages")).isNull();
  }

  @Test
  void laterFilesCount(@TempDir Path machine) throws IOException {
    Path folder = Files.createDirectories(machine.resolve("etc/apt/apt.conf.d"));
    Files.writeString(folder.resolve("10first"), "A \"1\"; B \"1\"; C \"1\";");
    Files.writeString(folder.resolve("20second.conf"), "B \"2\";");
    Files.writeString(folder.resolve("30third.bak"), "C \"3\";");
    Files.writeString(machine.resolve("etc/apt/apt.conf"), "A \"4\";");
    AptConfiguration read = AptConfiguration.read(machine);
    assertThat(read.value("A") + read.value("B") + read.value("C")).isEqualTo("421");
  }

  @Test
  void anUnfinishedFileIsReadAsFarAsItGoes() {
    assertThat(AptConfiguration.parse("A \"1\"; B { C \"2\"; } } D \"3").value("B::C"))
        .isEqualTo("2");
  }

  @Test
  void choosesTheProxy() {
    AptConfiguration apt =
        AptConfiguration.parse(
            "Acquire::http::Proxy \"http://p.example:3128\"; Acquire::http::Proxy::near.example \"DIRECT\";");
    Proxies set = new Proxies(apt, Map.of("http_proxy", "http://ignored.example:1"));
    assertThat(select(set, "http://far.example/x")).isEqualTo("p.example:3128");
    assertThat(select(set, "https://far.example/x")).isEqualTo("p.example:3128");
    assertThat(select(set, "http://near.example/x")).isEqualTo("none");
    Proxies unset =
        new Proxies(
            AptConfiguration.parse(""),
            Map.of("http_proxy", "q.example:8080", "no_proxy", "localhost,.in.example"));
    assertThat(select(unset, "http://far.example/x")).isEqualTo("q.example:8080");
    assertThat(select(unset, "http://a.in.example/x")).isEqualTo("none");
    assertThat(select(unset, "https://far.example/x")).isEqualTo("none");
  }

  private static String select(Proxies proxies, String uri) {
    Proxy proxy = proxies.select(URI.create(uri)).getFirst();
    if (proxy.type() == Proxy.Type.DIRECT) {
      return "none";
    }
    InetSocketAddress address = (InetSocketAddress) proxy.address();
    return address.getHostString() + ":" + address.getPort();
  }
}
