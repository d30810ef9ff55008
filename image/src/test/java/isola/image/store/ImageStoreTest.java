package isola.image.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.disk.Disk;
import isola.image.fixture.DebBuilder;
import isola.image.fixture.FullDisk;
import isola.image.fixture.Mirror;
import isola.image.fixture.SigningKey;
import isola.image.fixture.TinyArchive;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From a signed archive to an image, and everything that can go wrong on the way. */
@Timeout(120)
final class ImageStoreTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-10-01T00:00:00Z"));
  private static SigningKey key;
  private static SigningKey stranger;

  @TempDir Path served;
  @TempDir Path cache;
  @TempDir Path machine;
  private TinyArchive archive;
  private ImageName debian;

  /** Remembers what it heard, and checks that it makes sense. */
  private static final class Heard implements Progress {
    final List<String> notes = new CopyOnWriteArrayList<>();
    final Map<Phase, Long> last = new EnumMap<>(Phase.class);

    @Override
    public synchronized void at(Phase phase, long done, long total) {
      assertThat(done).isBetween(0L, total);
      last.put(phase, done);
    }

    @Override
    public void note(String sentence) {
      notes.add(sentence);
    }
  }

  @BeforeAll
  static void makeKeys() throws Exception {
    key = new SigningKey();
    stranger = new SigningKey();
  }

  @BeforeEach
  void makeArchive() throws Exception {
    archive = new TinyArchive(served, key);
    TinyArchive.machine(machine, key);
    debian = ImageName.parse("debian");
  }

  private ImageStore store(String mirror, Disk disk) {
    return ImageStore.open(
        cache,
        new ImageStore.Settings(
            machine,
            Map.of("ISOLA_DEBIAN_MIRROR", mirror),
            CLOCK,
            disk,
            Duration.ofSeconds(2),
            Duration.ofMillis(5)));
  }

  private ImageStore store() {
    return store(archive.address(), Disk.REAL);
  }

  private List<String> filesInCache() throws IOException {
    try (Stream<Path> files = Files.walk(cache)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> cache.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  private void failsCleanly(ImageStore store, String... words) throws Exception {
    assertThatThrownBy(() -> store.pull(debian, Progress.silent()))
        .isInstanceOf(ImageException.class)
        .satisfies(
            e ->
                assertThat(e.getMessage())
                    .contains(words)
                    .endsWith(".")
                    .doesNotContain("Exception"));
    assertThat(filesInCache())
        .allMatch(file -> file.equals("lock") || file.startsWith("packages/"));
    assertThat(store.find(debian)).isEmpty();
  }

  @Test
  void makesAnImageAndNeedsNoNetworkAfterwards() throws Exception {
    Heard heard = new Heard();
    Image image = store().obtain(debian, heard);
    assertThat(image.name()).hasToString("debian:13");
    assertThat(image.kernel()).hasContent("kernel");
    assertThat(image.kernelVersion()).isEqualTo(TinyArchive.KERNEL);
    assertThat(image.packages())
        .extracting(Image.InstalledPackage::name)
        .containsExactly("base-files", "base-passwd", "mawk");
    assertThat(image.created()).isEqualTo(CLOCK.instant());
    assertThat(image.size()).isGreaterThan(Files.size(image.root()));
    assertThat(heard.last).containsKeys(Progress.Phase.values());
    assertThat(heard.notes).anyMatch(note -> note.contains("trixie-updates"));
    String initrd = Files.readString(image.initrd(), StandardCharsets.ISO_8859_1);
    assertThat(initrd)
        .contains(
            "virtio_ring virtio_blk virtio_rng libcrc32c erofs overlay\n", "#!/bin/busybox sh");

    ImageStore offline = store("http://127.0.0.1:1/debian", Disk.REAL);
    assertThat(offline.obtain(debian, Progress.silent())).isEqualTo(image);
    assertThat(offline.list()).containsExactly(image);
    assertThat(filesInCache())
        .hasSize(6)
        .noneMatch(file -> file.startsWith("tmp") || file.startsWith("packages"));
  }

  @Test
  void pullsAgainOnlyWhatChanged() throws Exception {
    Image first = store().pull(debian, Progress.silent());
    Files.delete(archive.deb("base-files"));
    assertThat(store().pull(debian, Progress.silent())).isEqualTo(first);

    archive.add(
        "base-files",
        "14",
        "Essential: yes\n",
        new DebBuilder("Package: base-files\nVersion: 14\nArchitecture: amd64\n")
            .file("./etc/new", "new")
            .build());
    archive.publish();
    Image second = store().pull(debian, Progress.silent());
    assertThat(second.digest()).isNotEqualTo(first.digest());
    assertThat(second.packages().getFirst().version()).isEqualTo("14");
    assertThat(first.root()).doesNotExist();
    assertThat(filesInCache()).hasSize(6);
  }

  @Test
  void refusesABadSignature() throws Exception {
    TinyArchive.machine(machine, stranger);
    failsCleanly(store(), "none of this machine's Debian keys");
    TinyArchive.machine(machine, key);
    Path release = served.resolve("dists/trixie/InRelease");
    Files.writeString(release, Files.readString(release).replace("stable", "sta8le"));
    failsCleanly(store(), "is bad");
    Files.delete(machine.resolve("usr/share/keyrings/debian-archive-keyring.gpg"));
    failsCleanly(store(), "debian-archive-keyring");
  }

  @Test
  void refusesAnOldListUnlessAptDoesNotMind() throws Exception {
    archive.releaseFields += "Valid-Until: Sat, 19 Sep 2026 07:55:41 UTC\n";
    archive.publish();
    failsCleanly(store(), "expired");
    Files.createDirectories(machine.resolve("etc/apt"));
    Files.writeString(machine.resolve("etc/apt/apt.conf"), "Acquire::Check-Valid-Until \"false\";");
    assertThat(store().pull(debian, Progress.silent()).packages()).hasSize(3);
  }

  @Test
  void refusesAnotherReleaseAndAnotherDistribution() throws Exception {
    archive.releaseFields = archive.releaseFields.replace("trixie", "bookworm");
    archive.publish();
    failsCleanly(store(), "asked for trixie");
    archive.releaseFields = "Origin: Other\nCodename: trixie\n";
    archive.publish();
    failsCleanly(store(), "not Debian");
  }

  @Test
  void refusesAChangedListAndChangedPackages() throws Exception {
    byte[] deb = Files.readAllBytes(archive.deb("mawk"));
    deb[deb.length / 2] ^= 1;
    Files.write(archive.deb("mawk"), deb);
    failsCleanly(store(), "mawk.deb", "wrong SHA-256", "nothing of it was kept");
    Files.write(archive.deb("mawk"), new byte[deb.length + 1]);
    failsCleanly(store(), "longer");
    Files.delete(archive.deb("mawk"));
    failsCleanly(store(), "has no", "mawk.deb");
    Path list = served.resolve("dists/trixie/main/binary-amd64/Packages.xz");
    Files.write(list, new byte[(int) Files.size(list)]);
    failsCleanly(store(), "wrong SHA-256");
  }

  @Test
  void refusesAPackageThatTheListDescribesButIsDamaged() throws Exception {
    archive.add(
        "base-passwd",
        "4",
        "Essential: yes\n",
        "not a package at all".getBytes(StandardCharsets.UTF_8));
    archive.publish();
    failsCleanly(store(), "base-passwd is damaged");
  }

  @Test
  void aHostilePackageStaysInsideTheImage() throws Exception {
    archive.add(
        "base-files",
        "99",
        "Essential: yes\n",
        new DebBuilder("Package: base-files\nVersion: 99\nArchitecture: amd64\n")
            .file("../../../../../../../../../../" + served + "/escaped", "x")
            .symlink("./out", "/" + served)
            .file("./out/escaped2", "x")
            .build());
    archive.publish();
    store().pull(debian, Progress.silent());
    assertThat(served.resolve("escaped")).doesNotExist();
    assertThat(served.resolve("escaped2")).doesNotExist();
  }

  @Test
  void survivesAMirrorThatDiesInTheMiddle() throws Exception {
    try (Mirror mirror = new Mirror(served)) {
      mirror.deaths.set(4);
      assertThat(store(mirror.address(), Disk.REAL).pull(debian, Progress.silent()).packages())
          .hasSize(3);
    }
  }

  @Test
  void aMirrorThatIsDownIsOneSentenceAndCheckedPackagesStay() throws Exception {
    try (Mirror mirror = new Mirror(served)) {
      mirror.deaths.set(1000);
      failsCleanly(store(mirror.address(), Disk.REAL), "after 5 attempts");
      mirror.dying = "mawk.deb";
      failsCleanly(store(mirror.address(), Disk.REAL), "mawk");
      long kept = filesInCache().stream().filter(file -> file.startsWith("packages/")).count();
      assertThat(kept).isPositive();
    }
    failsCleanly(store("http://127.0.0.1:1/", Disk.REAL), "does not deliver");
  }

  @Test
  void aFullDiskIsOneSentenceWhereverItHappens() throws Exception {
    for (long room = 100; room < 60_000; room += 1500) {
      ImageStore store = store(archive.address(), new FullDisk(room));
      try {
        store.pull(debian, Progress.silent());
        assertThat(filesInCache()).hasSize(6);
        return;
      } catch (ImageException e) {
        assertThat(e.getMessage()).contains("no space left").endsWith(".");
        assertThat(store().list()).isEmpty();
        assertThat(filesInCache())
            .allMatch(file -> file.equals("lock") || file.startsWith("packages/"));
      }
    }
    throw new AssertionError("the image never fitted");
  }

  @Test
  void clearsWhatAPowerCutLeft() throws Exception {
    ImageStore store = store();
    store.pull(debian, Progress.silent());
    Files.writeString(cache.resolve("tmp/root.erofs"), "half");
    Files.writeString(cache.resolve("initrd/.999999999-1-x.cpio"), "half");
    Files.writeString(cache.resolve("images/debian-13.json"), "{\"format\":1,\"na");
    assertThat(store.find(debian)).isEmpty();
    store.obtain(debian, Progress.silent());
    assertThat(filesInCache()).hasSize(6);
    Image image = store.find(debian).orElseThrow();
    Files.write(image.root(), new byte[10]);
    assertThat(store.find(debian)).isEmpty();
    assertThat(store.obtain(debian, Progress.silent()).root()).isRegularFile();
  }

  @Test
  void twoAtOnceMakeOne() throws Exception {
    try (Mirror mirror = new Mirror(served);
        ExecutorService pool = Executors.newFixedThreadPool(3)) {
      Heard heard = new Heard();
      Callable<Image> pull = () -> store(mirror.address(), Disk.REAL).pull(debian, heard);
      List<Future<Image>> both = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        both.add(pool.submit(pull));
      }
      assertThat(both.get(0).get()).isEqualTo(both.get(1).get()).isEqualTo(both.get(2).get());
      assertThat(mirror.requests().stream().filter(path -> path.endsWith("mawk.deb"))).hasSize(1);
    }
  }

  @Test
  void removesAnImage() throws Exception {
    ImageStore store = store();
    assertThat(store.remove(debian)).isFalse();
    store.pull(debian, Progress.silent());
    assertThat(store.remove(debian)).isTrue();
    assertThat(store.remove(debian)).isFalse();
    assertThat(filesInCache()).containsExactly("lock");
  }

  @Test
  void copiesAVolume() throws Exception {
    Path source = Files.createDirectory(machine.resolve("data"));
    Files.writeString(source.resolve("a"), "a");
    Path disk;
    try (VolumeDisk volume = store().volume(source)) {
      disk = volume.file();
      assertThat(volume.single()).isFalse();
      assertThat(disk).isRegularFile();
    }
    assertThat(disk).doesNotExist();
    try (VolumeDisk volume = store().volume(source.resolve("a"))) {
      assertThat(volume.single()).isTrue();
    }
    assertThatThrownBy(() -> store().volume(source.resolve("missing")))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("neither");
  }

  @Test
  void saysWhenThereIsNoPlace() {
    assertThatThrownBy(() -> ImageStore.open(Map.of()))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("ISOLA_CACHE");
    assertThatThrownBy(() -> ImageName.parse("alpine"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("'alpine'");
  }
}
