package isola.machine.devices.virtio;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import isola.core.memory.GuestMemory;
import isola.machine.devices.virtio.Driver.Buffer;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VirtioConsoleTest {
  private static final long OUT = 0x1000;
  private static final long CONTROL = 0x2000;
  private static final long IN = 0x4000;

  private final GuestMemory memory = Driver.memory();
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private final ConsolePort terminal = new ConsolePort("tty", true, (b, o, n) -> {});
  private final ConsolePort port = new ConsolePort("isola.stdout", false, output::write);
  private final Driver driver =
      new Driver(
          memory,
          VirtioPci.console(memory, List.of(terminal, port), Runnable::run, (address, data) -> {}));

  private boolean listening;

  @AfterEach
  void close() {
    memory.close();
  }

  private void say(int number, int event, int value) {
    memory.put(OUT, 4, number);
    memory.put(OUT + 4, 2, event);
    memory.put(OUT + 6, 2, value);
    driver.offer(3, new Buffer(OUT, 8, false));
    driver.notifyQueue(3);
  }

  /** All control messages that the device has for the driver, as "port event value". */
  private List<String> heard() {
    List<String> heard = new ArrayList<>();
    while (true) {
      if (!listening) {
        driver.offer(2, new Buffer(CONTROL, 64, true));
        driver.notifyQueue(2);
        listening = true;
      }
      int[] used = driver.used(2);
      if (used.length == 0) {
        return heard;
      }
      listening = false;
      String more = driver.text(CONTROL + 8, used[1] - 8);
      heard.add(
          "%d %d %d%s"
              .formatted(
                  memory.get(CONTROL, 4),
                  memory.get(CONTROL + 4, 2),
                  memory.get(CONTROL + 6, 2),
                  memory.get(CONTROL + 4, 2) == 7 ? " " + more : ""));
      if (heard.size() > 20) {
        return heard;
      }
    }
  }

  private void start() {
    driver.initialise(driver.offered() & ~VirtioSpec.F_RING_EVENT_IDX);
    say(0, 0, 1);
    assertThat(heard()).containsExactly("0 1 1", "1 1 1");
  }

  @Test
  void portsAreAddedNamedAndOpened() {
    assertThat(driver.device.read(0x2004, 4)).isEqualTo(2);
    start();
    say(1, 3, 1);
    assertThat(heard()).containsExactly("1 7 1 isola.stdout", "1 6 1");
    assertThat(port.guestOpen()).isFalse();
    say(1, 6, 1);
    assertThat(port.guestOpen()).isTrue();
  }

  @Test
  void aTerminalGetsItsSizeAndEveryChangeOfIt() {
    terminal.resize(132, 50);
    start();
    say(0, 3, 1);
    assertThat(heard()).contains("0 4 1", "0 7 1 tty", "0 6 1", "0 5 0");
    terminal.resize(80, 24);
    assertThat(heard()).contains("0 5 0");
    assertThat(memory.get(CONTROL + 8, 4)).isEqualTo(24 | 80 << 16);
  }

  @Test
  void outputReachesTheHostWhole() {
    start();
    driver.bytes(IN, "hello, " + "w".repeat(5000));
    driver.offer(5, new Buffer(IN, 7, false), new Buffer(IN + 7, 5000, false));
    driver.notifyQueue(5);
    assertThat(output.toString(US_ASCII)).isEqualTo("hello, " + "w".repeat(5000));
    assertThat(driver.used(5)).hasSize(2);
  }

  @Test
  void inputWaitsForTheGuestToOpenThenEndsAfterTheLastByte() throws Exception {
    start();
    say(1, 3, 1);
    assertThat(heard()).contains("1 7 1 isola.stdout", "1 6 1");
    byte[] input = "abc".getBytes(US_ASCII);
    assertThat(port.write(input, 0, 3)).isTrue();
    port.end();
    driver.offer(4, new Buffer(IN, 2, true));
    driver.notifyQueue(4);
    assertThat(driver.used(4)).isEmpty();
    say(1, 6, 1);
    assertThat(driver.used(4)).containsExactly(0, 2);
    assertThat(driver.text(IN, 2)).isEqualTo("ab");
    driver.offer(4, new Buffer(IN, 2, true));
    driver.notifyQueue(4);
    assertThat(driver.used(4)).containsExactly(1, 1);
    assertThat(driver.text(IN, 1)).isEqualTo("c");
    assertThat(heard()).contains("1 6 0");
    assertThat(port.write(input, 0, 3)).isFalse();
  }

  @Test
  void aWriterThatIsTooFastWaitsAndLosesNothing() throws Exception {
    start();
    say(1, 3, 1);
    say(1, 6, 1);
    byte[] input = new byte[200_000];
    for (int i = 0; i < input.length; i++) {
      input[i] = (byte) (i * 31);
    }
    CompletableFuture<Boolean> writer =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return port.write(input, 0, input.length);
              } catch (InterruptedException e) {
                return false;
              }
            });
    int got = 0;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (got < input.length && System.nanoTime() < deadline) {
      driver.offer(4, new Buffer(IN, 4096, true));
      driver.notifyQueue(4);
      int[] used = driver.used(4);
      while (used.length == 0 && System.nanoTime() < deadline) {
        Thread.sleep(1);
        used = driver.used(4);
      }
      for (int i = 0; i < used[1]; i++, got++) {
        assertThat(memory.get(IN + i, 1)).isEqualTo(input[got] & 0xff);
      }
    }
    assertThat(got).isEqualTo(input.length);
    assertThat(writer.get(5, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void closingReleasesABlockedWriter() throws Exception {
    CompletableFuture<Boolean> writer =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return port.write(new byte[100_000], 0, 100_000);
              } catch (InterruptedException e) {
                return true;
              }
            });
    Thread.sleep(50);
    assertThat(writer).isNotDone();
    port.close();
    assertThat(writer.get(5, TimeUnit.SECONDS)).isFalse();
  }

  @Test
  void aFloodOfControlMessagesIsBounded() {
    start();
    for (int i = 0; i < 100_000; i++) {
      say(i % 5 - 1, i % 9, i % 3);
      driver.used(3);
    }
    assertThat(heard().size()).isLessThanOrEqualTo(60);
  }
}
