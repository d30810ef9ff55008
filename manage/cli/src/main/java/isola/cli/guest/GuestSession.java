package isola.cli.guest;

import isola.core.backend.ByteInput;
import isola.core.backend.ByteSink;
import isola.image.guest.GuestEvent;
import isola.image.guest.GuestRequest;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;

/**
 * One command in a guest, from the greeting of the guest's agent to the end of the command, over
 * the control port. Made before the machine; {@link #output} goes into the machine's configuration
 * and {@link #connect} joins the other direction. Any thread.
 *
 * <p>The listener hears {@link GuestEvent.Started} at most once, and after {@link
 * GuestEvent.Exited} or {@link GuestEvent.Failed} nothing more. It is called on the device's thread
 * and must not block.
 */
public final class GuestSession implements AutoCloseable {
  private static final int AGENT_VERSION = 1;

  /** Messages that wait for the guest to take them; a guest that takes none loses the rest. */
  private static final int BACKLOG = 64;

  private enum State {
    WAITING,
    ASKED,
    STARTED,
    ENDED
  }

  private final byte[] request;
  private final Consumer<GuestEvent> listener;
  private final BlockingQueue<byte[]> outgoing = new ArrayBlockingQueue<>(BACKLOG);
  private final Semaphore room = new Semaphore(0);
  private final Thread writer;

  // Touched by the control port's thread alone.
  private final StringBuilder line = new StringBuilder();
  private boolean tooLong;
  private volatile State state = State.WAITING;

  private volatile boolean closed;
  private volatile ByteInput target;

  /**
   * A session that will ask for this command.
   *
   * @param request {@link GuestRequest#lines}
   */
  public GuestSession(byte[] request, Consumer<GuestEvent> listener) {
    this.request = request.clone();
    this.listener = listener;
    this.target = NOWHERE;
    this.writer = Thread.ofPlatform().daemon().name("guest agent").unstarted(this::write);
  }

  private static final ByteInput NOWHERE =
      new ByteInput() {
        @Override
        public int offer(byte[] bytes, int offset, int length) {
          return length;
        }

        @Override
        public void onRoom(Runnable action) {}
      };

  /** Takes what the guest writes to the control port. */
  public ByteSink output() {
    return this::accept;
  }

  /** Sets where lines for the guest go. Before the machine starts. */
  public void connect(ByteInput input) {
    target = input;
    input.onRoom(room::release);
    writer.start();
  }

  /** Whether the command runs: a signal would reach it. */
  public boolean running() {
    return state == State.STARTED;
  }

  /** Sends the command a signal, by its number; nothing where no command runs. */
  public void signal(int number) {
    if (running()) {
      send(GuestRequest.signal(number));
    }
  }

  /** Tells the command's terminal its new size. */
  public void resize(int rows, int columns) {
    if (state == State.ASKED || state == State.STARTED) {
      send(GuestRequest.resize(rows, columns));
    }
  }

  /** Lets the guest switch itself off after the command's end. */
  public void release() {
    send(GuestRequest.off());
  }

  private void send(byte[] message) {
    // A guest that takes nothing is not waited for.
    boolean _ = outgoing.offer(message);
  }

  private void accept(byte[] bytes, int offset, int length) {
    for (int i = offset; i < offset + length && state != State.ENDED; i++) {
      char c = (char) (bytes[i] & 0xff);
      if (c == '\n') {
        if (!tooLong) {
          hear(GuestEvent.parse(text()));
        }
        line.setLength(0);
        tooLong = false;
      } else if (line.length() >= GuestEvent.LONGEST) {
        tooLong = true;
      } else {
        line.append(c);
      }
    }
  }

  private String text() {
    // The agent writes UTF-8; each character here is one byte.
    byte[] bytes = line.toString().getBytes(StandardCharsets.ISO_8859_1);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private void hear(GuestEvent event) {
    switch (event) {
      case GuestEvent.Hello hello -> {
        if (state != State.WAITING) {
          return;
        }
        listener.accept(hello);
        if (hello.version() == AGENT_VERSION) {
          state = State.ASKED;
          send(request);
        } else {
          state = State.ENDED;
          listener.accept(
              new GuestEvent.Failed(
                  "the guest's agent speaks version %d of its protocol and this Isola version %d;"
                          .formatted(hello.version(), AGENT_VERSION)
                      + " remove the image and pull it again"));
        }
      }
      case GuestEvent.Started started -> {
        if (state == State.ASKED) {
          state = State.STARTED;
          listener.accept(started);
        }
      }
      case GuestEvent.Exited exited -> {
        // Without "started" the agent found no such program: that is the command's status too.
        if (state == State.ASKED || state == State.STARTED) {
          state = State.ENDED;
          listener.accept(exited);
        }
      }
      case GuestEvent.Failed failed -> {
        state = State.ENDED;
        listener.accept(failed);
      }
      case GuestEvent.Unknown unknown -> listener.accept(unknown);
    }
  }

  private void write() {
    try {
      while (!closed) {
        byte[] message = outgoing.take();
        int done = 0;
        while (done < message.length && !closed) {
          int taken = target.offer(message, done, message.length - done);
          done += taken;
          if (taken == 0) {
            room.acquire();
            room.drainPermits();
          }
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** Says nothing more. */
  @Override
  public void close() {
    closed = true;
    writer.interrupt();
  }
}
