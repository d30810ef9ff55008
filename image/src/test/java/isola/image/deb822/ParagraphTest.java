package isola.image.deb822;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class ParagraphTest {
  @Test
  void readsFieldsCommentsAndContinuations() {
    List<Paragraph> all =
        Paragraph.parse(
            "# first\nTypes: deb\nURIs:  a\n b\n# between\n\tc\nEmpty:\n\n \n\nPackage: x\nthis is nothing\nPackage: y");
    assertThat(all).hasSize(2);
    assertThat(all.getFirst().words("uris")).containsExactly("a", "b", "c");
    assertThat(all.getFirst().field("EMPTY")).isEmpty();
    assertThat(all.getFirst().field("Missing")).isNull();
    assertThat(all.get(1).field("Package")).isEqualTo("x");
  }

  @Test
  void keepsTheLinesOfALongField() {
    Paragraph paragraph = Paragraph.parse("SHA256:\n aa 1 x\n bb 2 y\nOrigin: Debian\n").getFirst();
    assertThat(paragraph.words("SHA256")).containsExactly("aa", "1", "x", "bb", "2", "y");
    assertThat(paragraph.field("Origin")).isEqualTo("Debian");
  }

  @Test
  void findsNothingInNothing() {
    assertThat(Paragraph.parse("")).isEmpty();
    assertThat(Paragraph.parse("\n\n# only\n \n: x\n")).isEmpty();
  }
}
