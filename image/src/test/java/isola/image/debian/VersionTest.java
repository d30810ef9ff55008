package isola.image.debian;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The order of versions, as {@code dpkg --compare-versions} has it. */
final class VersionTest {
  @ParameterizedTest
  @CsvSource({
    "1.0, 1.0, 0",
    "1.0, 1.1, -1",
    "1.9, 1.10, -1",
    "1.0~rc1, 1.0, -1",
    "1.0~~, 1.0~, -1",
    "1.0~rc1-1, 1.0-1, -1",
    "1.0, 1.0-0, 0",
    "1.0-1, 1.0-1+b1, -1",
    "1:0.1, 2.0, 1",
    "0:1.0, 1.0, 0",
    "1.0a, 1.0+, -1",
    "1.0.a, 1.0.0, 1",
    "1.01, 1.1, 0",
    "1.0-2-1, 1.0-1-9, 1",
    "6.12.107-1, 6.12.57-1, 1",
    "1:1.3.dfsg+really1.3.1-1+b1, 1:1.3.dfsg-1, 1",
    "20240203, 20240203+deb12u1, -1",
    "10000000000000000000000000, 9999999999999999999999999, 1",
    "2.41-12+deb13u1, 2.41-12, 1"
  })
  void ordersAsDpkgDoes(String a, String b, int order) {
    assertThat(Integer.signum(Version.parse(a).compareTo(Version.parse(b)))).isEqualTo(order);
    assertThat(Integer.signum(Version.parse(b).compareTo(Version.parse(a)))).isEqualTo(-order);
  }

  @ParameterizedTest
  @CsvSource({"1:2.3-4", "2.3", "2.3-4-5", "0.1~rc2+git"})
  void isWrittenAsItWasRead(String text) {
    assertThat(Version.parse(text)).hasToString(text);
  }
}
