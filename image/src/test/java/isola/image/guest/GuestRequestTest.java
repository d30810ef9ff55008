package isola.image.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.guest.GuestRequest.Terminal;
import isola.image.guest.GuestRequest.Volume;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GuestRequestTest {
  private static GuestRequest request(Map<String, String> environment, String... arguments) {
    return new GuestRequest(List.of(arguments), environment, "/", "h", null, List.of());
  }

  @Test
  void saysEveryByteInPlainCharacters() throws Exception {
    GuestRequest request =
        new GuestRequest(
            List.of("sh", "-c", "a 'b'\n\\ é", ""),
            Map.of("A_1", "x y"),
            "/my dir",
            "box",
            new Terminal("hvc0", 24, 80),
            List.of(new Volume("vdb", Volume.Kind.COPY, "/data")));
    assertThat(new String(request.lines(), StandardCharsets.US_ASCII))
        .isEqualTo(
            """
            hostname box
            terminal hvc0
            size 24 80
            env A_1=x\\040y
            workdir /my\\040dir
            volume vdb rw /data
            arg sh
            arg -c
            arg a\\040\\047b\\047\\012\\134\\040\\303\\251
            arg\s
            run
            """);
  }

  @Test
  void refusesWhatCannotBeSaid() {
    assertThatThrownBy(() -> request(Map.of()).lines()).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> request(Map.of(), "a\0b").lines()).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> request(Map.of("A;B", "x"), "a").lines())
        .isInstanceOf(ImageException.class);
  }

  @Test
  void readsEvents() {
    assertThat(GuestEvent.parse("hello 1")).isEqualTo(new GuestEvent.Hello(1));
    assertThat(GuestEvent.parse("started")).isEqualTo(new GuestEvent.Started());
    assertThat(GuestEvent.parse("exit 137")).isEqualTo(new GuestEvent.Exited(137));
    assertThat(GuestEvent.parse("failed the guest has no \u001b[2J"))
        .isEqualTo(new GuestEvent.Failed("the guest has no ?[2J"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "exit",
        "exit 256",
        "exit -1",
        "exit 99999999999",
        "hello x",
        "HELLO 1",
        "\0\0",
        "  exit 1"
      })
  void garbageIsNoEvent(String line) {
    assertThat(GuestEvent.parse(line)).isInstanceOf(GuestEvent.Unknown.class);
  }
}
