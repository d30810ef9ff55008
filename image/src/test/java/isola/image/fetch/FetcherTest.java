package isola.image.fetch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.disk.Disk;
import isola.image.fixture.FullDisk;
import isola.image.fixture.Mirror;
import isola.image.fixture.TinyArchive;
import java.io.IOException;
import java.net.ProxySelector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class FetcherTest {
  @TempDir Path served;
  @TempDir Path folder;
  private final byte[] content = new byte[1_000_000];
  private Mirror mirror;
  private Path target;

  @BeforeEach
  void start() throws IOException {
    new Random(1).nextBytes(content);
    Files.write(served.resolve("a b+c.deb"), content);
    mirror = new Mirror(served);
    target = folder.resolve("target");
  }

  @AfterEach
  void stop() throws IOException {
    mirror.close();
  }

  private static Fetcher fetcher(Disk disk) {
    return new Fetcher(ProxySelector.of(null), disk, Duration.ofSeconds(2), Duration.ofMillis(5));
  }

  private void fetch(Disk disk, String sha256, String... bases) throws ImageException {
    try (Fetcher fetcher = fetcher(disk)) {
      AtomicLong last = new AtomicLong();
      List<String> addresses = List.of(bases).stream().map(base -> base + "a b+c.deb").toList();
      fetcher.file(addresses, target, sha256, content.length, last::set);
      assertThat(last).hasValue(content.length);
    }
  }

  private void fetch() throws ImageException {
    fetch(Disk.REAL, TinyArchive.sha256(content), mirror.address());
  }

  private void fails(String why) {
    assertThatThrownBy(this::fetch).isInstanceOf(ImageException.class).hasMessageContaining(why);
    assertThat(target).doesNotExist();
  }

  @Test
  void fetchesAFile() throws Exception {
    fetch();
    assertThat(target).hasBinaryContent(content);
    assertThat(mirror.requests()).containsExactly("a%20b+c.deb");
  }

  @Test
  void resumesWhereAMirrorDied() throws Exception {
    mirror.deaths.set(3);
    fetch();
    assertThat(target).hasBinaryContent(content);
    assertThat(mirror.requests()).hasSize(4);
  }

  @Test
  void beginsAgainAtAMirrorThatCannotResume() throws Exception {
    mirror.deaths.set(2);
    mirror.resumes = false;
    fetch();
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void doesNotWaitForeverForASilentMirror() throws Exception {
    mirror.deaths.set(1);
    mirror.silent = true;
    fetch();
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void givesUpAfterAFewAttempts() {
    mirror.deaths.set(100);
    fails("after 5 attempts");
    assertThat(mirror.requests()).hasSize(5);
  }

  @Test
  void givesUpSoonerIfAMirrorIsSilentEachTime() {
    mirror.deaths.set(100);
    mirror.silent = true;
    fails("after 2 attempts");
    assertThat(mirror.requests()).hasSize(2);
  }

  @Test
  void saysWhatAMirrorAnswers() throws Exception {
    mirror.status = 503;
    fails("status 503");
    mirror.status = 404;
    fails("has no");
    mirror.close();
    fails("does not deliver");
  }

  @Test
  void goesOnToTheNextMirror() throws Exception {
    fetch(Disk.REAL, TinyArchive.sha256(content), mirror.address() + "gone/", mirror.address());
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void keepsNothingOfAWrongFile() {
    assertThatThrownBy(() -> fetch(Disk.REAL, "0".repeat(64), mirror.address()))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("wrong SHA-256");
    assertThat(target).doesNotExist();
  }

  @Test
  void readsNoMoreThanTheFileHas() throws Exception {
    try (Fetcher fetcher = fetcher(Disk.REAL)) {
      String address = mirror.address() + "a b+c.deb";
      assertThatThrownBy(
              () -> fetcher.file(List.of(address), target, "0".repeat(64), 1000, bytes -> {}))
          .hasMessageContaining("longer than");
      assertThatThrownBy(() -> fetcher.small(address, 1000)).hasMessageContaining("too long");
      assertThat(fetcher.small(mirror.address() + "missing", 1000)).isEmpty();
    }
    assertThat(target).doesNotExist();
  }

  @Test
  void saysThatTheDiskIsFull() {
    assertThatThrownBy(
            () -> fetch(new FullDisk(500_000), TinyArchive.sha256(content), mirror.address()))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("no space left");
    assertThat(target).doesNotExist();
    assertThat(mirror.requests()).hasSize(1);
  }

  @Test
  void anInterruptEndsIt() throws Exception {
    mirror.deaths.set(100);
    mirror.silent = true;
    Thread thread = new Thread(() -> fails("interrupted"));
    AtomicLong failures = new AtomicLong();
    thread.setUncaughtExceptionHandler((dead, why) -> failures.incrementAndGet());
    thread.start();
    while (mirror.requests().isEmpty()) {
      Thread.sleep(5);
    }
    thread.interrupt();
    thread.join(20_000);
    assertThat(thread.isAlive()).isFalse();
    assertThat(failures).hasValue(0);
  }
}
