package isola.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class EscapeKeyTest {
  private final List<EscapeKey.Action> actions = new ArrayList<>();

  private static InputStream bytes(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private String sent(InputStream typed) throws IOException {
    EscapeKey key = new EscapeKey(typed, EscapeKey.DEFAULT, actions::add);
    return new String(key.readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @CsvSource({
    "abc,abc,[]",
    "a^qb,ab,[QUIT]",
    "^^,^,[]",
    "^x,^x,[]",
    "^?^p,'',[HELP POWER]",
    "a^,a,[]",
    "^^q,^q,[]"
  })
  void keys(String typed, String sent, String told) throws IOException {
    String escape = "\u001d";
    assertThat(sent(bytes(typed.replace("^", escape)))).isEqualTo(sent.replace("^", escape));
    assertThat(actions.toString().replace(",", "")).isEqualTo(told);
  }

  @Test
  void aKeyAndItsCommandMayArriveApart() throws IOException {
    InputStream typed =
        new SequenceInputStream(
            Collections.enumeration(List.of(bytes("a\u001d"), bytes("q"), bytes("b"))));
    assertThat(sent(typed)).isEqualTo("ab");
    assertThat(actions).containsExactly(EscapeKey.Action.QUIT);
  }

  @Test
  void singleBytesComeWhole() throws IOException {
    EscapeKey key = new EscapeKey(bytes("\u001dxy"), EscapeKey.DEFAULT, actions::add);
    assertThat(List.of(key.read(), key.read(), key.read(), key.read()))
        .containsExactly(0x1d, (int) 'x', (int) 'y', -1);
  }

  @ParameterizedTest
  @CsvSource({"ctrl-],29", "Ctrl-P,16", "^a,1", "ctrl-@,0", "none,-1"})
  void names(String name, int key) {
    assertThat(EscapeKey.parse(name)).isEqualTo(key);
    if (key >= 0) {
      assertThat(EscapeKey.parse(EscapeKey.show(key))).isEqualTo(key);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "ctrl-", "ctrl-1", "f1", "ctrl-ab"})
  void noNames(String name) {
    assertThatThrownBy(() -> EscapeKey.parse(name)).isInstanceOf(IllegalArgumentException.class);
  }
}
