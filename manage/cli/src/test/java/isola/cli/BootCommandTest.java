package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import isola.machine.board.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code isola boot}: what each end of a machine becomes, and where its console goes. */
final class BootCommandTest {

  static Stream<Arguments> ends() {
    return Stream.of(
        Arguments.of(new Outcome.PoweredOff(), 0, ""),
        Arguments.of(new Outcome.Reset("Processor 0 reset the machine at 0x1."), 1, "at 0x1"),
        Arguments.of(new Outcome.TripleFault("Processor 1 shut down at 0x2."), 1, "at 0x2"),
        Arguments.of(new Outcome.Failed("The engine gave up at 0x3."), 1, "at 0x3"),
        Arguments.of(new Outcome.TestExit(33), 33, ""));
  }

  @ParameterizedTest
  @MethodSource("ends")
  void theEndOfTheMachineIsTheStatus(Outcome end, int status, String said) {
    Bench bench =
        new Bench(
            machine -> {
              machine.writeSerial("console\r\n");
              machine.end(end);
            });
    assertThat(bench.run("boot", "--kernel", "k", "--debug-exit")).isEqualTo(status);
    assertThat(bench.out()).isEqualTo("console\r\n");
    assertThat(bench.err()).isEqualTo(said.isEmpty() ? "" : "isola: " + end.sentence() + "\n");
    assertThat(bench.awaitMachine().config.testDevices()).isTrue();
  }

  @Test
  void optionsReachTheMachine() {
    Bench bench = new Bench(machine -> machine.end(new Outcome.PoweredOff()));
    assertThat(
            bench.run(
                "boot",
                "-k",
                "vmlinuz",
                "--initrd",
                "a",
                "--initrd",
                "b",
                "--append",
                "console=x y",
                "--cpus",
                "2",
                "--memory",
                "96M",
                "--disk",
                "d.img,ro,format=raw",
                "--disk",
                "e.img"))
        .isZero();
    var config = bench.awaitMachine().config;
    assertThat(config.kernel().name()).isEqualTo("vmlinuz");
    assertThat(config.initrds()).extracting(file -> file.name()).containsExactly("a", "b");
    assertThat(config.commandLine()).isEqualTo("console=x y");
    assertThat(config.cpus()).isEqualTo(2);
    assertThat(config.memory()).isEqualTo(96L << 20);
    assertThat(config.disks())
        .extracting(disk -> disk.file() + " " + disk.readOnly())
        .containsExactly("d.img true", "e.img false");
    assertThat(config.testDevices()).isFalse();
  }

  @Test
  void theEndOfOurInputIsNotTheEndOfTheGuest() throws Exception {
    Bench bench = new Bench(machine -> machine.serial().await("typed\n")).typing("typed\n");
    CompletableFuture<Integer> status = bench.start("boot", "--kernel", "k");
    String _ = bench.awaitMachine().serial().await("typed\n");
    Thread.sleep(100);
    assertThat(status).isNotDone();
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(status.get(10, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void allThatTheGuestSaidIsWrittenBeforeTheEnd() {
    String much = "0123456789abcde\n".repeat(100_000);
    Bench bench =
        new Bench(
            machine -> {
              machine.writeSerial(much);
              machine.end(new Outcome.PoweredOff());
            });
    assertThat(bench.run("boot", "--kernel", "k")).isZero();
    assertThat(bench.out()).isEqualTo(much);
  }

  @Test
  void theConsoleGoesIntoAFileOrNowhere(@TempDir Path folder) {
    Path file = folder.resolve("console.log");
    Bench bench =
        new Bench(
            machine -> {
              machine.writeSerial("hello\n");
              machine.end(new Outcome.PoweredOff());
            });
    assertThat(bench.run("boot", "--kernel", "k", "--serial", "file:" + file)).isZero();
    assertThat(file).hasContent("hello\n");
    assertThat(bench.run("boot", "--kernel", "k", "--serial", "none")).isZero();
    assertThat(bench.out()).isEmpty();
  }

  @Test
  void aConsoleThatCannotBeIsSaid(@TempDir Path folder) {
    Bench bench = new Bench(_ -> {});
    assertThat(bench.run("boot", "--kernel", "k", "--serial", "file:" + folder)).isEqualTo(1);
    assertThat(bench.run("boot", "--kernel", "k", "--serial", "file:/no/such/x")).isEqualTo(1);
    assertThat(bench.run("boot", "--kernel", "k", "--serial", "tcp:1")).isEqualTo(2);
    assertThat(bench.err().lines()).hasSize(3);
    assertThat(bench.err())
        .contains("it is a directory", "there is no", "stdio, file:PATH or none");
  }

  @Test
  void aFullDiskUnderTheConsoleStopsTheMachine() {
    Bench bench =
        new Bench(
            machine -> {
              for (int i = 0; i < 100; i++) {
                machine.writeSerial("line\n");
              }
            });
    bench.stdout = Bench.failing("No space left on device", 20);
    assertThat(bench.run("boot", "--kernel", "k")).isEqualTo(1);
    assertThat(bench.err())
        .isEqualTo(
            "isola: Cannot write the guest's output: No space left on device; the machine was"
                + " stopped.\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM", "HUP"})
  void aSignalStopsTheMachineAtOnce(String signal) throws Exception {
    Bench bench = new Bench(_ -> {});
    CompletableFuture<Integer> status = bench.start("boot", "--kernel", "k");
    FakeMachine machine = bench.awaitMachine();
    bench.signal(signal);
    int number = signal.equals("INT") ? 2 : signal.equals("TERM") ? 15 : 1;
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(128 + number);
    assertThat(machine.closed).isTrue();
  }

  @Test
  void theEscapeKeyPressesThePowerButton() throws Exception {
    Bench bench = new Bench(machine -> {}).typing("x\u001dpy\u001d\u001d");
    bench.onTerminal = true;
    CompletableFuture<Integer> status = bench.start("boot", "--kernel", "k");
    FakeMachine machine = bench.awaitMachine();
    assertThat(machine.serial().await("xy\u001d")).isEqualTo("xy\u001d");
    for (int i = 0; i < 1000 && machine.powerButtons.get() == 0; i++) {
      Thread.sleep(5);
    }
    assertThat(machine.powerButtons).hasValue(1);
    machine.end(new Outcome.PoweredOff());
    assertThat(status.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(bench.tty.raw).isFalse();
  }

  @Test
  void figuresOfABoot(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("s");
    Bench bench = new Bench(machine -> machine.end(new Outcome.PoweredOff()));
    assertThat(bench.run("boot", "--kernel", "k", "--stats", file.toString())).isZero();
    assertThat(Files.readString(file)).contains("\"command\" : \"boot\"");
  }

  @Test
  void namesOfGeneratedCodeForPerf() throws IOException {
    Path file = Path.of("/tmp/perf-%d.map".formatted(ProcessHandle.current().pid()));
    Bench bench = new Bench(machine -> machine.end(new Outcome.PoweredOff()));
    try {
      assertThat(bench.run("boot", "--kernel", "k", "--perf-map")).isZero();
      assertThat(file).hasContent("7f001000 40 guest:kernel:ffffffff81000000\n");
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
