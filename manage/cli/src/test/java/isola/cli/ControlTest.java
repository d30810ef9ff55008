package isola.cli;

import static org.assertj.core.api.Assertions.assertThat;

import isola.machine.board.Outcome;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Running machines under the hands of other processes: list, pause, resume, save. */
@Timeout(60)
final class ControlTest {
  private final Bench bench = new Bench(machine -> Thread.sleep(30_000));

  /** Another process of the same user. */
  private final Bench other = bench.neighbour();

  private CompletableFuture<Integer> boot(String name) throws InterruptedException {
    CompletableFuture<Integer> status = bench.start("boot", "--kernel", "k", "--name", name);
    FakeMachine _ = bench.awaitMachine();
    while (!Files.exists(bench.control.resolve(name + ".sock")) && !status.isDone()) {
      Thread.sleep(5);
    }
    return status;
  }

  private String list() {
    other.out.reset();
    assertThat(other.run("list")).isZero();
    return other.out();
  }

  @Test
  void aMachineIsListedPausedAndResumed() throws Exception {
    assertThat(list().lines()).hasSize(1);
    CompletableFuture<Integer> boot = boot("web");
    assertThat(list()).containsPattern("web +[0-9]+ +interpreter +1 +1024M +running +20");
    assertThat(other.run("pause", "web")).isZero();
    assertThat(bench.awaitMachine().paused).isTrue();
    assertThat(list()).contains("paused");
    assertThat(other.run("resume", "web")).isZero();
    assertThat(list()).contains("running");
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(list().lines()).hasSize(1);
    assertThat(bench.control.resolve("web.sock")).doesNotExist();
  }

  @Test
  void aSavedMachineEndsAndSaysSo() throws Exception {
    CompletableFuture<Integer> boot = boot("web");
    assertThat(other.run("save", "web", "/somewhere/file")).isZero();
    assertThat(bench.awaitMachine().saved).containsExactly("web to /somewhere/file");
    // The answer comes when the machine is gone.
    assertThat(bench.awaitMachine().closed).isTrue();
    assertThat(boot.get(10, TimeUnit.SECONDS)).isEqualTo(3);
    assertThat(bench.err()).isEqualTo("isola: The machine was saved to /somewhere/file.\n");
  }

  @Test
  void aMachineThatIsKeptGoesOn() throws Exception {
    CompletableFuture<Integer> boot = boot("web");
    assertThat(other.run("save", "--keep-running", "--force", "web", "file")).isZero();
    assertThat(bench.awaitMachine().saved)
        .containsExactly("web to " + Path.of("file").toAbsolutePath() + ", replacing");
    assertThat(bench.awaitMachine().paused).isFalse();
    assertThat(other.run("pause", "web")).isZero();
    assertThat(other.run("save", "--keep-running", "web", "file")).isZero();
    assertThat(bench.awaitMachine().paused).isTrue();
    assertThat(boot).isNotDone();
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void aRefusalIsTheClientsAndTheMachineGoesOn() throws Exception {
    CompletableFuture<Integer> boot = boot("web");
    bench.awaitMachine().saveRefusal = "The disk is full.";
    assertThat(other.run("save", "web", "file")).isEqualTo(1);
    assertThat(other.err()).isEqualTo("isola: The disk is full.\n");
    assertThat(boot).isNotDone();
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(bench.err()).isEmpty();
  }

  @Test
  void aNameBelongsToOneMachine() throws Exception {
    CompletableFuture<Integer> boot = boot("web");
    assertThat(other.run("boot", "--kernel", "k", "--name", "web")).isEqualTo(1);
    assertThat(other.err())
        .isEqualTo("isola: A machine called 'web' runs already; give this one another --name.\n");
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(other.run("save", "web", "file")).isEqualTo(1);
    assertThat(other.err()).endsWith("No machine 'web' runs; isola list shows those that do.\n");
  }

  @Test
  void namesThatAreNoneAreRefused() {
    for (String name : new String[] {"", "../x", "a/b", ".a", "a b", "x".repeat(64), "ü"}) {
      other.err.reset();
      assertThat(other.run("boot", "--kernel", "k", "--name=" + name)).as(name).isEqualTo(2);
      assertThat(other.err()).as(name).startsWith("isola: ").contains("name");
      assertThat(other.run("pause", "--", name)).as(name).isEqualTo(1);
    }
  }

  @Test
  void whatADeadProcessLeftIsCleanedUp() throws Exception {
    Files.createDirectory(
        bench.control,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path left = bench.control.resolve("web.sock");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(left));
    }
    assertThat(left).exists();
    CompletableFuture<Integer> boot = bench.start("boot", "--kernel", "k", "--name", "web");
    FakeMachine machine = bench.awaitMachine();
    while (!list().contains("web") && !boot.isDone()) {
      Thread.sleep(5);
    }
    machine.end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
    Files.writeString(left, "");
    assertThat(list().lines()).hasSize(1);
    assertThat(left).doesNotExist();
  }

  @Test
  void aFolderOfOthersIsNotUsed() throws IOException {
    Files.createDirectory(
        bench.control,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    assertThat(other.run("boot", "--kernel", "k", "--name", "web")).isEqualTo(1);
    assertThat(other.err()).contains("is not a folder of this user alone");
  }

  @Test
  void nonsenseOnTheSocketHurtsNobody() throws Exception {
    CompletableFuture<Integer> boot = boot("web");
    for (String said :
        new String[] {
          "\n", "[]\n", "{}\n", "{\"request\":1}\n", "{\"request\":\"save\"}\n", "x".repeat(200_000)
        }) {
      try (SocketChannel channel =
          SocketChannel.open(UnixDomainSocketAddress.of(bench.control.resolve("web.sock")))) {
        ByteBuffer bytes = ByteBuffer.wrap(said.getBytes(StandardCharsets.UTF_8));
        try {
          while (bytes.hasRemaining()) {
            int _ = channel.write(bytes);
          }
          int _ = channel.read(ByteBuffer.allocate(1000));
        } catch (IOException e) {
          // It hangs up on whoever says too much.
        }
      }
    }
    assertThat(list()).contains("web");
    bench.awaitMachine().end(new Outcome.PoweredOff());
    assertThat(boot.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(bench.awaitMachine().saved).isEmpty();
  }

  @Test
  void theEscapeKeySavesHere() {
    Bench typing = new Bench(machine -> Thread.sleep(30_000)).typing("\u001ds");
    typing.onTerminal = true;
    assertThat(typing.run("boot", "--kernel", "k", "--name", "web")).isEqualTo(3);
    assertThat(typing.awaitMachine().saved).containsExactly("web to web.isola");
  }

  @Test
  void savedMachinesThatAreNoneAreRefused(@TempDir Path folder) throws IOException {
    assertThat(other.run("restore", folder.resolve("no").toString())).isEqualTo(1);
    assertThat(other.err()).matches("isola: There is no saved machine .*\n");
    other.err.reset();
    Path text = Files.writeString(folder.resolve("text"), "hello");
    assertThat(other.run("restore", text.toString())).isEqualTo(1);
    assertThat(other.err()).isEqualTo("isola: %s is not a saved machine.\n".formatted(text));
    other.err.reset();
    assertThat(other.run("restore", folder.toString())).isEqualTo(1);
    assertThat(other.err()).matches("isola: .* is a directory, not a saved machine.\n");
    other.err.reset();
    assertThat(other.run("restore")).isEqualTo(2);
    assertThat(other.run("save", "a")).isEqualTo(2);
  }
}
