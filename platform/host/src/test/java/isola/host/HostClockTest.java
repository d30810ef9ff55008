package isola.host;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.Clock.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The real-time clock: pause, order of timers, and what may race. */
@Timeout(60)
final class HostClockTest {
  private final HostClock clock = new HostClock("test");

  @AfterEach
  void close() {
    clock.close();
  }

  @Test
  void itBeginsPausedAtZeroAndStandsStillWhilePaused() throws InterruptedException {
    assertThat(clock.nanos()).isZero();
    Thread.sleep(5);
    assertThat(clock.nanos()).isZero();
    clock.resume();
    Thread.sleep(5);
    clock.pause();
    long then = clock.nanos();
    assertThat(then).isGreaterThan(4_000_000);
    Thread.sleep(5);
    assertThat(clock.nanos()).isEqualTo(then);
    clock.resume();
    assertThat(clock.nanos()).isBetween(then, then + 1_000_000_000L);
  }

  @Test
  void timersFireInOrderOfTheirDeadlinesAndNeverEarly() throws InterruptedException {
    clock.resume();
    ConcurrentLinkedQueue<Long> fired = new ConcurrentLinkedQueue<>();
    AtomicInteger early = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(100);
    Random random = new Random(1);
    long base = clock.nanos() + 20_000_000;
    for (int i = 0; i < 100; i++) {
      long deadline = base + random.nextInt(20_000_000);
      clock
          .timer(
              () -> {
                if (clock.nanos() < deadline) {
                  early.incrementAndGet();
                }
                fired.add(deadline);
                done.countDown();
              })
          .schedule(deadline);
    }
    assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(new ArrayList<>(fired)).isSorted();
    assertThat(early).hasValue(0);
  }

  @Test
  void aLaterDeadlineReplacesAnEarlierOneAndCancelForgetsIt() throws InterruptedException {
    clock.resume();
    AtomicLong at = new AtomicLong();
    AtomicInteger count = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    Timer moved =
        clock.timer(
            () -> {
              at.set(clock.nanos());
              count.incrementAndGet();
              done.countDown();
            });
    AtomicInteger never = new AtomicInteger();
    Timer cancelled = clock.timer(never::incrementAndGet);
    long now = clock.nanos();
    moved.schedule(now + 5_000_000);
    moved.schedule(now + 30_000_000);
    cancelled.schedule(now + 10_000_000);
    cancelled.cancel();
    assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(at.get()).isGreaterThanOrEqualTo(now + 30_000_000);
    assertThat(count).hasValue(1);
    assertThat(never).hasValue(0);
  }

  @Test
  void aTimerMaySetItselfAgainAndWaitsWhileTheClockIsPaused() throws InterruptedException {
    AtomicInteger count = new AtomicInteger();
    CountDownLatch ten = new CountDownLatch(10);
    Timer[] timer = new Timer[1];
    timer[0] =
        clock.timer(
            () -> {
              count.incrementAndGet();
              ten.countDown();
              timer[0].schedule(clock.nanos() + 1_000_000);
            });
    timer[0].schedule(0);
    Thread.sleep(20);
    assertThat(count).hasValue(0);
    clock.resume();
    assertThat(ten.await(10, TimeUnit.SECONDS)).isTrue();
    clock.pause();
    Thread.sleep(5);
    int paused = count.get();
    Thread.sleep(20);
    assertThat(count).hasValue(paused);
  }

  @Test
  void aClockGoesOnFromWhereAnotherStood() {
    clock.startFrom(5_000_000_000L);
    assertThat(clock.nanos()).isEqualTo(5_000_000_000L);
    clock.resume();
    assertThat(clock.nanos()).isBetween(5_000_000_000L, 65_000_000_000L);
  }

  @Test
  void whatWasDueAtThePauseIsDoneWhenTheClockSettles() throws InterruptedException {
    AtomicInteger count = new AtomicInteger();
    Timer due = clock.timer(count::incrementAndGet);
    Timer later = clock.timer(() -> count.addAndGet(100));
    clock.resume();
    clock.pause();
    due.schedule(clock.nanos());
    later.schedule(clock.nanos() + 1);
    clock.settle();
    assertThat(count).hasValue(1);
    clock.settle();
    assertThat(count).hasValue(1);
  }

  @Test
  void timeNeverRunsBackwardsWhileItIsPausedAndResumed() throws InterruptedException {
    List<Thread> readers = new ArrayList<>();
    AtomicInteger backwards = new AtomicInteger();
    for (int i = 0; i < 2; i++) {
      readers.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    long last = 0;
                    while (!Thread.currentThread().isInterrupted()) {
                      long now = clock.nanos();
                      if (now < last) {
                        backwards.incrementAndGet();
                      }
                      last = now;
                    }
                  }));
    }
    for (int i = 0; i < 3000; i++) {
      clock.resume();
      clock.pause();
    }
    for (Thread reader : readers) {
      reader.interrupt();
      reader.join();
    }
    assertThat(backwards).hasValue(0);
  }
}
