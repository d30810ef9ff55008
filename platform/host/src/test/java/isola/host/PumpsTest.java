package isola.host;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.backend.ByteInput;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Byte pumps between devices and host streams. */
@Timeout(30)
final class PumpsTest {
  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  @Test
  void everythingArrivesInOrder() {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    byte[] bytes = random(500_000);
    try (OutputPump pump = new OutputPump("test", stream)) {
      for (int at = 0; at < bytes.length; ) {
        int count = Math.min(1 + at % 3000, bytes.length - at);
        pump.accept(bytes, at, count);
        at += count;
      }
    }
    assertThat(stream.toByteArray()).isEqualTo(bytes);
  }

  @Test
  void aStreamThatFailsSwallowsTheRest() {
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("gone");
          }
        };
    try (OutputPump pump = new OutputPump("test", broken)) {
      for (int i = 0; i < 100; i++) {
        pump.accept(random(10_000), 0, 10_000);
      }
      assertThat(pump.failed()).isTrue();
    }
  }

  @Test
  void closingReleasesADeviceThatWaitsForAStreamThatBlocks() throws InterruptedException {
    CountDownLatch never = new CountDownLatch(1);
    OutputStream stuck =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            try {
              never.await();
            } catch (InterruptedException e) {
              throw new IOException(e);
            }
          }
        };
    OutputPump pump = new OutputPump("test", stuck);
    Thread device =
        Thread.ofPlatform()
            .start(
                () -> {
                  for (int i = 0; i < 100; i++) {
                    pump.accept(random(10_000), 0, 10_000);
                  }
                });
    assertThat(device.join(Duration.ofMillis(100))).isFalse();
    pump.close();
    assertThat(device.join(Duration.ofSeconds(5))).isTrue();
    never.countDown();
  }

  /** A device with room for a few bytes, which it frees now and then. */
  private static final class SlowDevice implements ByteInput {
    private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    private int room = 16;
    private Runnable action = () -> {};

    @Override
    public synchronized int offer(byte[] bytes, int offset, int length) {
      int count = Math.min(room, length);
      taken.write(bytes, offset, count);
      room -= count;
      return count;
    }

    @Override
    public synchronized void onRoom(Runnable newAction) {
      action = newAction;
    }

    void read() {
      Runnable told;
      synchronized (this) {
        room = 16;
        told = action;
      }
      told.run();
    }

    synchronized int size() {
      return taken.size();
    }
  }

  @Test
  void inputGoesNoFasterThanTheDeviceReadsAndItsEndIsTold() throws InterruptedException {
    byte[] bytes = random(5000);
    SlowDevice device = new SlowDevice();
    CountDownLatch ended = new CountDownLatch(1);
    try (InputPump _ =
        new InputPump("test", new ByteArrayInputStream(bytes), device, ended::countDown)) {
      while (!ended.await(1, TimeUnit.MILLISECONDS)) {
        int before = device.size();
        device.read();
        assertThat(device.size() - before).isLessThanOrEqualTo(5000);
      }
    }
    assertThat(device.taken.toByteArray()).isEqualTo(bytes);
  }
}
