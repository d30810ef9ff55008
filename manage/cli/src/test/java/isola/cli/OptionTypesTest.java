package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

/** What people write for sizes, durations, disks and volumes. */
final class OptionTypesTest {

  @ParameterizedTest
  @CsvSource({
    "65536,65536",
    "1k,1024",
    "512M,536870912",
    "512MiB,536870912",
    "1G,1073741824",
    "2gb,2147483648",
    "1.5G,1610612736",
    "1T,1099511627776"
  })
  void sizes(String text, long bytes) {
    assertThat(Sizes.parse(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "M", "-1", "1X", "1.5", "0x10", "1 2", "99999999999999999999", "9999999T"})
  void noSizes(String text) {
    assertThatThrownBy(() -> Sizes.parse(text)).isInstanceOf(TypeConversionException.class);
  }

  @ParameterizedTest
  @CsvSource({"10,10000", "10s,10000", "500ms,500", "1.5s,1500", "2m,120000", "1h,3600000"})
  void durations(String text, long millis) {
    assertThat(Durations.parse(text)).isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "s", "-1", "0", "0.0001ms", "1d", "ten"})
  void noDurations(String text) {
    assertThatThrownBy(() -> Durations.parse(text)).isInstanceOf(TypeConversionException.class);
  }

  @Test
  void shownToPeople() {
    assertThat(Sizes.show(999)).isEqualTo("999 B");
    assertThat(Sizes.show(31_400_000)).isEqualTo("31.4 MB");
    assertThat(Sizes.show(999_960_000)).isEqualTo("1.0 GB");
    assertThat(Durations.show(Duration.ofMillis(830))).isEqualTo("0.8 s");
    assertThat(Durations.show(Duration.ofSeconds(192))).isEqualTo("3 min 12 s");
  }

  @Test
  void volumes() {
    assertThat(VolumeOption.parse("a:/b//c/").guest()).isEqualTo("/b/c");
    assertThat(VolumeOption.parse("a:/b").readOnly()).isFalse();
    assertThat(VolumeOption.parse("a:/b:ro").readOnly()).isTrue();
    assertThat(VolumeOption.parse("a:/b:rw").readOnly()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", ":/b", "a:", "a:b", "a:/", "a:/b:", "a:/b:ro:x", "a:/x/../y"})
  void noVolumes(String text) {
    assertThatThrownBy(() -> VolumeOption.parse(text)).isInstanceOf(TypeConversionException.class);
  }

  @Test
  void suggestions() {
    assertThat(Suggestions.distance("rnu", "run")).isEqualTo(1);
    assertThat(Suggestions.distance("", "run")).isEqualTo(3);
    assertThat(Suggestions.distance("--kernle", "--kernel")).isEqualTo(1);
    assertThat(Suggestions.distance("boot", "boot")).isZero();
  }
}
