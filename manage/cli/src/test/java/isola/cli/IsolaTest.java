package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import isola.cli.terminal.Messages;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line as a whole: wrong use, help, engines, images. */
final class IsolaTest {
  private final Bench bench = new Bench(_ -> {});

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          rnu debian ls                    | isola has no command 'rnu'; did you mean run?
          run --cpu 2 debian ls            | isola run has no option '--cpu'; did you mean --cpus or --cpu-model?
          run --memroy=2G debian ls        | isola run has no option '--memroy'; did you mean --memory?
          boot --kernle x                  | isola boot has no option '--kernle'; did you mean --kernel?
          boot -Z                          | isola boot has no option '-Z'.
          boot --kernel k extra            | isola boot has no argument 'extra'.
          boot                             | Say which kernel to boot: isola boot --kernel FILE
          run                              | Say what to run: isola run debian -- uname -a, for instance.
          run debian                       | Say what to run in debian, such as: isola run debian -- uname -a
          run debian --                    | Say what to run in debian, such as: isola run debian -- uname -a
          run ubuntu ls                    | There is no image 'ubuntu'; there are debian, debian:12 and debian:13.
          run --memory 1X debian ls        | '1X' is not a size; write it like 512M or 2G.
          run --cpus two debian ls         | 'two' is not a
          run --timeout soon debian ls     | 'soon' is not a duration; write it like 30s or 5m.
          run -v x debian ls               | a volume is HOST:GUEST or HOST:GUEST:ro.
          run -v x:y debian ls             | 'y' is not a place for a volume; write an absolute path in the guest.
          run -v x:/y:rx debian ls         | a volume is ro or rw, not 'rx'.
          run -e 1=2 debian ls             | '1' is not the name of an environment variable.
          run --escape F1 debian ls        | 'F1' is not a key; write it like ctrl-] or ctrl-p, or none.
          boot --kernel k --disk d,x=1     | a disk has no property 'x=1'; write FILE[,ro][,format=raw].
          boot --kernel k --disk d,format=qcow2 | disk format 'qcow2' is not supported; only raw is.
          boot --kernel                    | Missing required parameter for option '--kernel' (FILE).
          image                            | Say what to do with images
          image pul debian                 | isola image has no command 'pul'; did you mean pull?
          help rnu                         | There is no command 'rnu'; did you mean run?
          completion fish                  | expected one of [bash, zsh]
          """)
  void wrongUseIsOneSentenceAndStatus2(String line, String sentence) {
    assertThat(bench.run(line.split(" "))).isEqualTo(2);
    assertThat(bench.err()).contains(sentence).doesNotContain("\tat ").startsWith("isola: ");
    assertThat(bench.err().lines().count()).isLessThanOrEqualTo(2);
    assertThat(bench.out()).isEmpty();
  }

  @Test
  void noCommandAtAll() {
    assertThat(bench.run()).isEqualTo(2);
    assertThat(bench.err()).contains("isola run debian -- uname -a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"help", "--help", "help run", "run --help", "image pull -h", "help image pull"})
  void helpIsOutputAndStatus0(String line) {
    assertThat(bench.run(line.split(" "))).isZero();
    assertThat(bench.out()).startsWith("Usage: isola");
    assertThat(bench.err()).isEmpty();
  }

  @Test
  void version() {
    assertThat(bench.run("--version")).isZero();
    assertThat(bench.out()).startsWith("isola ");
  }

  @Test
  void anEngineThatThereIsNot() {
    bench.engines.add(Bench.engine("kvm", "/dev/kvm is missing."));
    assertThat(bench.run("boot", "--kernel", "k", "--engine", "foo")).isEqualTo(2);
    assertThat(bench.err())
        .isEqualTo(
            "isola: There is no engine 'foo'; there are: kvm (cannot run here: /dev/kvm is missing),"
                + " interpreter.\n");
  }

  @Test
  void anEngineThatCannotRunHere() {
    bench.engines.add(Bench.engine("kvm", "/dev/kvm is missing"));
    assertThat(bench.run("run", "--engine", "kvm", "debian", "ls")).isEqualTo(2);
    assertThat(bench.err())
        .startsWith("isola: The engine kvm cannot run here: /dev/kvm is missing. There are: ");
  }

  @Test
  void theFirstChoiceThatCanRunIsTaken() {
    bench.engines.add(Bench.engine("kvm", "no"));
    bench.engines.add(Bench.engine("translator", null));
    bench.engines.add(Bench.engine("unheard-of", null));
    Messages messages = new Messages(new PrintStream(bench.err, true, StandardCharsets.UTF_8));
    assertThat(Engines.choose("auto", bench.engines, messages, false)).isEqualTo("translator");
    assertThat(bench.err()).isEmpty();
    assertThat(Engines.choose("auto", bench.engines, messages, true)).isEqualTo("translator");
    assertThat(bench.err()).isEqualTo("isola: The engine is translator, not the engine kvm: no.\n");
    assertThat(Engines.choose("interpreter", bench.engines, messages, true))
        .isEqualTo("interpreter");
  }

  @Test
  void oneLineSaysThatOnlyTheSlowestIsLeft() {
    bench.engines.add(Bench.engine("kvm", "no"));
    bench.engines.add(Bench.engine("translator", "neither"));
    Messages messages = new Messages(new PrintStream(bench.err, true, StandardCharsets.UTF_8));
    assertThat(Engines.choose("auto", bench.engines, messages, false)).isEqualTo("interpreter");
    assertThat(bench.err())
        .isEqualTo("isola: The engine is interpreter, not the engine kvm: no.\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "65", "-3"})
  void numbersOutOfRangeAreUsedWrongly(String cpus) {
    assertThat(bench.run("boot", "--kernel", "k", "--cpus", cpus)).isEqualTo(2);
    assertThat(bench.err())
        .isEqualTo("isola: A machine has 1 to 64 processors; %s were asked for.\n".formatted(cpus));
  }

  @Test
  void imagesAreListedShownAndRemoved() {
    assertThat(bench.run("image", "ls")).isZero();
    assertThat(bench.out()).contains("NAME", "debian:13", "0123456789ab ", "81.2 MB");
    assertThat(bench.run("image", "inspect", "debian")).isZero();
    assertThat(bench.out()).contains("\"name\" : \"libc6\"");
    assertThat(bench.run("image", "rm", "debian")).isZero();
    assertThat(bench.run("image", "rm", "debian")).isEqualTo(1);
    assertThat(bench.run("image", "inspect", "debian")).isEqualTo(1);
    assertThat(bench.err())
        .isEqualTo(
            "isola: There is no image debian:13 here; fetch it with: isola image pull debian:13\n"
                .repeat(2));
  }

  @Test
  void completionNamesCommandsAndOptions() {
    assertThat(bench.run("completion", "bash")).isZero();
    assertThat(bench.out()).contains("--kernel", "inspect", "complete -F");
  }
}
