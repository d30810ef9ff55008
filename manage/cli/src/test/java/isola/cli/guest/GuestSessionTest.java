package isola.cli.guest;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.backend.ByteInput;
import isola.image.guest.GuestEvent;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The host's side of the agent's protocol, as a guest's port sees it. */
final class GuestSessionTest {
  private final List<GuestEvent> heard = new ArrayList<>();
  private final GuestSession session =
      new GuestSession("arg true\nrun\n".getBytes(StandardCharsets.US_ASCII), heard::add);
  private final SlowPort port = new SlowPort();

  /** A port that has room for 3 bytes at a time. */
  private static final class SlowPort implements ByteInput {
    private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    private int room = 3;
    private @Nullable Runnable onRoom;

    @Override
    public synchronized int offer(byte[] bytes, int offset, int length) {
      int count = Math.min(room, length);
      taken.write(bytes, offset, count);
      room -= count;
      notifyAll();
      return count;
    }

    @Override
    public synchronized void onRoom(Runnable action) {
      onRoom = action;
    }

    synchronized void awaitText(String text) throws InterruptedException {
      for (int i = 0; i < 500 && !taken.toString(StandardCharsets.US_ASCII).equals(text); i++) {
        wait(20);
        room = 3;
        Runnable told = onRoom;
        if (told != null) {
          told.run();
        }
      }
      assertThat(taken.toString(StandardCharsets.US_ASCII)).isEqualTo(text);
    }

    synchronized int size() {
      return taken.size();
    }
  }

  private void guest(String text) {
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      session.output().accept(new byte[] {0, b, 0}, 1, 1);
    }
  }

  @AfterEach
  void close() {
    session.close();
  }

  @Test
  void theRequestFollowsTheGreetingHoweverSlowlyTheGuestReads() throws InterruptedException {
    session.connect(port);
    assertThat(port.size()).isZero();
    guest("hello 1\n");
    port.awaitText("arg true\nrun\n");
    guest("started\nexit 42\n");
    assertThat(heard)
        .containsExactly(
            new GuestEvent.Hello(1), new GuestEvent.Started(), new GuestEvent.Exited(42));
  }

  @Test
  void signalsAndSizesReachOnlyACommandThatRuns() throws InterruptedException {
    session.connect(port);
    session.signal(2);
    session.resize(1, 2);
    guest("hello 1\n");
    session.signal(2);
    guest("started\n");
    session.signal(15);
    session.resize(24, 80);
    port.awaitText("arg true\nrun\nsignal 15\nresize 24 80\n");
  }

  @Test
  void whatComesAfterTheEndIsNotHeard() {
    session.connect(port);
    guest("hello 1\nstarted\nexit 1\nexit 2\nfailed too late\nhello 1\n");
    assertThat(heard).hasSize(3).endsWith(new GuestEvent.Exited(1));
  }

  @Test
  void aStatusThatNobodyAskedForIsNotHeard() {
    session.connect(port);
    guest("exit 0\nstarted\n");
    assertThat(heard).isEmpty();
  }

  @Test
  void aLineLongerThanAnyOfTheAgentsIsDropped() {
    session.connect(port);
    guest("exit 1".repeat(100_000) + "\nhello 1\n");
    assertThat(heard).containsExactly(new GuestEvent.Hello(1));
  }

  @Test
  void anAgentOfAnotherVersionIsAFailure() {
    session.connect(port);
    guest("hello 2\nexit 0\n");
    assertThat(heard).hasSize(2);
    assertThat(heard.getLast()).isInstanceOf(GuestEvent.Failed.class);
    assertThat(port.size()).isZero();
  }

  @Test
  void aGuestThatReadsNothingHoldsNobodyUp() {
    session.connect(port);
    guest("hello 1\nstarted\n");
    for (int i = 0; i < 10_000; i++) {
      session.signal(1);
    }
    assertThat(port.size()).isLessThanOrEqualTo(3);
  }
}
