package isola.host;

import isola.core.backend.ByteInput;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Semaphore;

/**
 * Carries bytes from a host stream to a device on a daemon thread of its own, no faster than the
 * device takes them. At the end of the stream it stops; the device just hears nothing more.
 */
public final class InputPump implements AutoCloseable {
  private final InputStream stream;
  private final ByteInput target;
  private final Semaphore room = new Semaphore(0);
  private final Runnable atEnd;
  private volatile boolean closed;

  /**
   * Starts a pump.
   *
   * @param atEnd run on the pump's thread when the stream has ended or failed and all of it was
   *     taken
   */
  public InputPump(String name, InputStream stream, ByteInput target, Runnable atEnd) {
    this.stream = stream;
    this.target = target;
    this.atEnd = atEnd;
    target.onRoom(room::release);
    Thread.ofPlatform().daemon().name(name).start(this::pump);
  }

  private void pump() {
    byte[] bytes = new byte[4096];
    try {
      while (!closed) {
        int count = stream.read(bytes);
        if (count < 0) {
          break;
        }
        int done = 0;
        while (done < count && !closed) {
          int taken = target.offer(bytes, done, count - done);
          done += taken;
          if (done < count && taken == 0) {
            room.acquire();
            room.drainPermits();
          }
        }
      }
    } catch (IOException e) {
      // A terminal that went away ends the input as its end does.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    if (!closed) {
      atEnd.run();
    }
  }

  /** Hands nothing more to the device. A read under way on the stream is left alone. */
  @Override
  public void close() {
    closed = true;
    room.release();
  }
}
