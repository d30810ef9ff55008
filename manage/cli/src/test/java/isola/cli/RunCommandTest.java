package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import isola.image.ImageException;
import isola.machine.board.MachineException;
import isola.machine.board.Outcome;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code isola run} against a guest that speaks the agent's protocol. */
final class RunCommandTest {

  private static Bench exiting(int status) {
    return Bench.running(machine -> machine.write("isola.control", "exit " + status + "\n"));
  }

  @Test
  void outputsAndStatusAreTheCommandsOwn() {
    Bench bench =
        Bench.running(
            machine -> {
              machine.write("isola.stdout", "to out\n");
              machine.write("isola.stderr", "to err\n");
              machine.write("isola.control", "exit 7\n");
            });
    assertThat(bench.run("run", "debian", "--", "sh", "-c", "whatever")).isEqualTo(7);
    assertThat(bench.out()).isEqualTo("to out\n");
    assertThat(bench.err()).isEqualTo("to err\n");
    assertThat(bench.awaitMachine().closed).isTrue();
  }

  @Test
  void theRequestHoldsEveryWordAsItIs() {
    Bench bench =
        Bench.running(
            machine -> {
              machine.write("isola.stdout", machine.input("isola.control").text());
              machine.write("isola.control", "exit 0\n");
            });
    assertThat(
            bench.run(
                "run",
                "-e",
                "A=b c",
                "-w",
                "/srv",
                "--hostname",
                "box",
                "debian:12",
                "printf",
                "%s",
                "it's",
                "--cpus"))
        .isZero();
    assertThat(bench.out())
        .contains("hostname box\n", "env A=b\\040c\n", "workdir /srv\n")
        .contains("arg printf\narg %s\narg it\\047s\narg --cpus\nrun\n");
  }

  @Test
  void aKernelThatCannotReachTheRootDiskIsRefused(@TempDir Path folder) throws IOException {
    Path own = Files.writeString(folder.resolve("own"), "Linux version 5.4.9-own (a@b) virtio-pci");
    Bench bench = new Bench(_ -> {});
    assertThat(bench.run("run", "--kernel", own.toString(), "debian", "true")).isEqualTo(125);
    assertThat(bench.err())
        .contains("(5.4.9-own) lacks virtio_blk, virtio_console, erofs, overlay, ")
        .contains("the image's modules are for 6.12.1+deb13-cloud-amd64")
        .hasLineCount(1);
    // Of the image's version, the modules fit.
    Path same =
        Files.writeString(folder.resolve("same"), "Linux version 6.12.1+deb13-cloud-amd64 (a@b)");
    Bench fits = Bench.running(machine -> machine.write("isola.control", "exit 0\n"));
    assertThat(fits.run("run", "--kernel", same.toString(), "debian", "true")).isZero();
    assertThat(fits.awaitMachine().phases).contains("user space");
  }

  @Test
  void withoutInteractiveTheInputEndsAtOnce() {
    Bench bench =
        Bench.running(
                machine -> {
                  machine.write(
                      "isola.stdout", "[" + machine.input("isola.stdin").awaitEnd() + "]");
                  machine.write("isola.control", "exit 0\n");
                })
            .typing("not for the guest");
    assertThat(bench.run("run", "debian", "cat")).isZero();
    assertThat(bench.out()).isEqualTo("[]");
  }

  @Test
  void interactivePassesInputAndItsEnd() {
    Bench bench =
        Bench.running(
                machine -> {
                  machine.write(
                      "isola.stdout", "[" + machine.input("isola.stdin").awaitEnd() + "]");
                  machine.write("isola.control", "exit 0\n");
                })
            .typing("three\nlines\n!");
    assertThat(bench.run("run", "-i", "debian", "cat")).isZero();
    assertThat(bench.out()).isEqualTo("[three\nlines\n!]");
  }

  @Test
  void interruptGoesToTheCommandAndItsStatusComesBack() throws Exception {
    Bench bench =
        Bench.running(
            machine -> {
              String _ = machine.input("isola.control").await("signal 2\n");
              machine.write("isola.control", "exit 130\n");
            });
    CompletableFuture<Integer> status = bench.start("run", "debian", "sleep", "100");
    String _ = bench.awaitMachine().input("isola.control").await("run\n");
    awaitPhase(bench, "command started");
    bench.signal("INT");
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(130);
  }

  private static void awaitPhase(Bench bench, String phase) throws InterruptedException {
    for (int i = 0; i < 1000 && !bench.awaitMachine().phases.contains(phase); i++) {
      Thread.sleep(5);
    }
    assertThat(bench.awaitMachine().phases).contains(phase);
  }

  @Test
  void aSecondInterruptStopsAMachineWhoseCommandDoesNotListen() throws Exception {
    Bench bench = Bench.running(_ -> {});
    CompletableFuture<Integer> status = bench.start("run", "debian", "sleep", "100");
    awaitPhase(bench, "command started");
    bench.signal("INT");
    String _ = bench.awaitMachine().input("isola.control").await("signal 2\n");
    assertThat(status).isNotDone();
    bench.signal("INT");
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(130);
    assertThat(bench.awaitMachine().closed).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"INT,130", "TERM,143", "HUP,129"})
  void aSignalBeforeTheCommandRunsStopsTheMachine(String signal, int expected) throws Exception {
    Bench bench = new Bench(_ -> {});
    CompletableFuture<Integer> status = bench.start("run", "debian", "sleep", "100");
    awaitPhase(bench, "machine built");
    bench.signal(signal);
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(expected);
  }

  @Test
  void aTerminalThatGoesAwayStopsTheMachineAtOnce() throws Exception {
    Bench bench = Bench.running(_ -> {});
    CompletableFuture<Integer> status = bench.start("run", "debian", "sleep", "100");
    awaitPhase(bench, "command started");
    bench.signal("HUP");
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(129);
  }

  @Test
  void timeIsOver() {
    Bench bench = Bench.running(_ -> {});
    assertThat(bench.run("run", "--timeout", "100ms", "debian", "sleep", "100")).isEqualTo(124);
    assertThat(bench.err())
        .isEqualTo("isola: The command did not end within 0.1 s; the machine was stopped.\n");
  }

  @Test
  void aGuestThatGivesUpIsIsolasFailure() {
    Bench bench =
        new Bench(
            machine -> machine.write("isola.control", "failed the guest found no root disk vda\n"));
    assertThat(bench.run("run", "debian", "true")).isEqualTo(125);
    assertThat(bench.err()).isEqualTo("isola: The guest found no root disk vda.\n");
  }

  @Test
  void aGuestThatDiesShowsTheEndOfItsConsole() {
    Bench bench =
        new Bench(
            machine -> {
              machine.writeSerial("[    1.0] Kernel panic - not syncing: \u001b[31mno init\r\n");
              machine.end(new Outcome.Reset("Processor 0 reset the machine at 0x1234."));
            });
    assertThat(bench.run("run", "debian", "true")).isEqualTo(125);
    assertThat(bench.err())
        .contains("isola: The guest ended before its command did. Processor 0 reset")
        .contains("  [    1.0] Kernel panic - not syncing: [31mno init\n")
        .doesNotContain("\u001b")
        .doesNotContain("\tat ");
  }

  @ParameterizedTest
  @CsvSource({
    "Broken pipe,141,''",
    "Input/output error,129,''",
    "No space left on device,125,No space"
  })
  void outputThatNobodyTakesStopsTheMachine(String reason, int expected, String said) {
    Bench bench =
        Bench.running(
            machine -> {
              for (int i = 0; i < 1000; i++) {
                machine.write("isola.stdout", "y\n");
              }
            });
    bench.stdout = Bench.failing(reason, 10);
    assertThat(bench.run("run", "debian", "yes")).isEqualTo(expected);
    assertThat(bench.err()).contains(said).doesNotContain("\tat ");
    if (said.isEmpty()) {
      assertThat(bench.err()).isEmpty();
    }
  }

  @Test
  void aTerminalIsRawWhileTheCommandRunsAndNoLonger() throws Exception {
    CompletableFuture<Boolean> rawThen = new CompletableFuture<>();
    Bench bench = new Bench(_ -> {});
    PipedOutputStream keyboard = new PipedOutputStream();
    bench.in = new PipedInputStream(keyboard);
    bench.onTerminal = true;
    FakeMachine.Guest guest =
        machine -> {
          String request = machine.greet();
          machine.write("isola.control", "started\n");
          assertThat(request).contains("terminal hvc0\nsize 30 100\n").contains("env TERM=");
          String _ = machine.input("isola.terminal").await("ls\r\u0003");
          rawThen.complete(bench.tty.raw);
          String _ = machine.input("isola.control").await("resize 40 120\n");
          machine.write("isola.terminal", "bye\r\n");
          machine.write("isola.control", "exit 3\n");
        };
    bench.machines =
        config -> {
          FakeMachine made = new FakeMachine(config, guest);
          bench.machine.complete(made);
          return made;
        };
    CompletableFuture<Integer> status = bench.start("run", "-t", "debian", "bash");
    keyboard.write("ls\r\u0003".getBytes(StandardCharsets.UTF_8));
    keyboard.flush();
    assertThat(rawThen.get(10, TimeUnit.SECONDS)).isTrue();
    var watcher = bench.tty.watcher;
    assertThat(watcher).isNotNull();
    if (watcher != null) {
      watcher.accept(new isola.host.Terminal.Size(120, 40));
    }
    assertThat(status.get(10, TimeUnit.SECONDS)).isEqualTo(3);
    assertThat(bench.out()).isEqualTo("bye\r\n");
    assertThat(bench.tty.raw).isFalse();
    assertThat(bench.tty.rawTimes).hasValue(1);
  }

  @Test
  void theEscapeKeyStopsAMachineThatHangs() {
    Bench bench = new Bench(_ -> {}).typing("abc\u001dq");
    bench.onTerminal = true;
    assertThat(bench.run("run", "-it", "debian", "bash")).isEqualTo(125);
    assertThat(bench.err()).contains("The machine was stopped.");
    assertThat(bench.tty.raw).isFalse();
  }

  @Test
  void inputThatIsNoTerminalEndsATerminalAsItsKeyDoes() {
    Bench bench =
        Bench.running(
                machine -> {
                  String _ = machine.input("isola.terminal").await("exit\n\u0004");
                  machine.write("isola.control", "exit 0\n");
                })
            .typing("exit\n");
    assertThat(bench.run("run", "-it", "debian", "bash")).isZero();
    assertThat(bench.tty.rawTimes).hasValue(0);
  }

  @Test
  void theTerminalComesBackWhenTheMachineCannotBeBuilt() {
    Bench bench = new Bench(_ -> {}).typing("");
    bench.onTerminal = true;
    bench.machines =
        _ -> {
          throw new MachineException("The host refuses 1 GiB of memory.");
        };
    assertThat(bench.run("run", "-it", "debian", "bash")).isEqualTo(125);
    assertThat(bench.err()).isEqualTo("isola: The host refuses 1 GiB of memory.\n");
    assertThat(bench.tty.raw).isFalse();
  }

  @Test
  void volumesBecomeDisksInOrder(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a file"), "x");
    Bench bench =
        Bench.running(
            machine -> {
              machine.write("isola.stdout", machine.input("isola.control").text());
              machine.write("isola.control", "exit 0\n");
            });
    assertThat(
            bench.run(
                "run",
                "-v",
                folder + ":/data:ro",
                "-v",
                folder + ":/job/",
                "-v",
                file + ":/etc/x",
                "debian",
                "ls"))
        .isZero();
    assertThat(bench.out())
        .contains("volume vdb ro /data\nvolume vdc rw /job\nvolume vdd file /etc/x\n");
    assertThat(bench.awaitMachine().config.disks()).hasSize(4).allMatch(disk -> disk.readOnly());
    assertThat(bench.err()).contains("stays in the guest");
  }

  @Test
  void aVolumeThatIsNotThereIsSaidBeforeAnythingStarts() {
    Bench bench = new Bench(_ -> {});
    assertThat(bench.run("run", "-v", "/no/such/thing:/x", "debian", "ls")).isEqualTo(125);
    assertThat(bench.err()).isEqualTo("isola: There is no /no/such/thing to give to the guest.\n");
    assertThat(bench.machine).isNotDone();
  }

  @Test
  void figuresAreWrittenAsAWhole(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("stats.json");
    Bench bench = exiting(4);
    assertThat(bench.run("run", "--stats", file.toString(), "debian", "true")).isEqualTo(4);
    try (JsonParser json = new JsonFactory().createParser(file.toFile())) {
      while (json.nextToken() != null) {
        // Well-formed to its end.
      }
    }
    assertThat(file)
        .content()
        .contains("\"status\" : 4", "\"instructions\" : 123456789", "\"tlbMisses\" : 40")
        .contains("\"port_in\" : 12", "\"name\" : \"machine built\"", "\"peakMemoryBytes\" : ");
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void figuresThatCannotBeWrittenAreSaidBeforeTheGuestRuns(@TempDir Path folder) {
    Bench bench = exiting(0);
    assertThat(bench.run("run", "--stats", folder.toString(), "debian", "true")).isEqualTo(125);
    assertThat(bench.run("run", "--stats", "/no/such/x", "debian", "true")).isEqualTo(125);
    assertThat(bench.err()).contains("it is a directory", "there is no directory /no/such");
    assertThat(bench.machine).isNotDone();
  }

  @Test
  void anImageThatIsNotHereIsFetchedWithItsProgressSaid() {
    Bench bench = exiting(0);
    bench.cached = false;
    assertThat(bench.run("run", "debian", "true")).isZero();
    assertThat(bench.out()).isEmpty();
    assertThat(bench.err())
        .contains("isola: fetching packages (2.0 MB)\n")
        .doesNotContain("\u001b");
  }

  @Test
  void anImageThatCannotBeMadeIsOneSentence() {
    Bench bench = exiting(0);
    bench.cached = false;
    bench.pullFailure = new ImageException("The mirror did not answer.", new IOException("why"));
    assertThat(bench.run("run", "debian", "true")).isEqualTo(125);
    assertThat(bench.err()).endsWith("isola: The mirror did not answer.\n").doesNotContain("\tat ");
  }

  @Test
  void onlyDebugShowsWhereAFailureHappened() {
    Bench bench = exiting(0);
    bench.machines =
        _ -> {
          throw new IllegalStateException("a bug");
        };
    assertThat(bench.run("run", "debian", "true")).isEqualTo(125);
    assertThat(bench.err()).contains("This is a bug").doesNotContain("\tat ");
    assertThat(bench.run("--debug", "run", "debian", "true")).isEqualTo(125);
    assertThat(bench.err()).contains("\tat ");
  }

  @Test
  void aFloodOfNonsenseFromTheAgentHarmsNobody() {
    Bench bench =
        new Bench(
            machine -> {
              String nonsense = "\u0000\u0007nonsense".repeat(1000);
              for (int i = 0; i < 200; i++) {
                machine.write("isola.control", nonsense + (i % 3 == 0 ? "\n" : ""));
              }
              machine.write("isola.control", "\nexit 9\n");
              String _ = machine.greet();
              machine.write("isola.control", "started\nexit 300\nexit -1\nexit 5\nexit 6\n");
            });
    assertThat(bench.run("run", "debian", "true")).isEqualTo(5);
  }
}
