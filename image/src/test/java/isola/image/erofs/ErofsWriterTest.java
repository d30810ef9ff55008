package isola.image.erofs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.image.ImageException;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.Special;
import isola.image.tree.Node.SymbolicLink;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ErofsWriterTest {
  @TempDir Path folder;
  private final FileTree tree = new FileTree(1_700_000_000L);

  private static RegularFile file(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return new RegularFile(
        new Attributes(0640, 1000, 70_000, 5_000_000_000L), new Content.Bytes(bytes));
  }

  private static ErofsReader.Found at(Map<String, ErofsReader.Found> all, String path) {
    return Objects.requireNonNull(all.get(path), path);
  }

  private Path write(String name) throws IOException, ImageException {
    Path image = folder.resolve(name);
    try (FileChannel channel =
        FileChannel.open(
            image,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      long size = new ErofsWriter(channel).finish(tree, 1_700_000_000L, new byte[16]);
      assertThat(channel.size()).isEqualTo(size);
      assertThat(size % 4096).isZero();
    }
    return image;
  }

  /** Everything that a tree can have, with sizes around every limit. */
  private void fill() throws Exception {
    for (int size :
        new int[] {0, 1, 3071, 3072, 3073, 4032, 4095, 4096, 4097, 7168, 7169, 8192, 100_000}) {
      tree.put("sizes/" + size, file(size));
    }
    for (int i = 0; i < 3000; i++) {
      tree.put("many/a file with a rather long name, number " + i, file(i % 50));
    }
    tree.directory("empty", Attributes.root(0755, 7));
    tree.put("hard1", file(5000));
    tree.link("sub/hard2", "hard1");
    tree.put("link", new SymbolicLink(Attributes.root(0777, 1), "sub/hard2"));
    tree.put("longlink", new SymbolicLink(Attributes.root(0777, 1), "x/".repeat(2000)));
    tree.put("null", new Special(Attributes.root(0666, 1), Special.Kind.CHARACTER, 1, 3));
    tree.put("big", new Special(Attributes.root(0660, 1), Special.Kind.BLOCK, 259, 0x12345));
    tree.put("pipe", new Special(Attributes.root(0600, 1), Special.Kind.PIPE, 0, 0));
    tree.put("suid", new RegularFile(Attributes.root(04755, 1), Content.text("s")));
    for (String name :
        new String[] {"-dash", "!bang", "~tilde", "0", FileTree.name("é"), "n".repeat(255)}) {
      tree.text("names/" + name, 0644, name);
    }
  }

  @Test
  void holdsWhatTheTreeHas() throws Exception {
    fill();
    Map<String, ErofsReader.Found> all = new ErofsReader(write("a")).all();
    for (int size :
        new int[] {0, 1, 3071, 3072, 3073, 4032, 4095, 4096, 4097, 7168, 7169, 8192, 100_000}) {
      ErofsReader.Found found = at(all, "/sizes/" + size);
      assertThat(found.content())
          .as("file of %d", size)
          .isEqualTo(new String(file(size).content().bytes(), StandardCharsets.ISO_8859_1));
      assertThat(found.mode()).isEqualTo(0100640);
      assertThat(found.uid()).isEqualTo(1000);
      assertThat(found.gid()).isEqualTo(70_000);
      assertThat(found.time()).isEqualTo(5_000_000_000L);
    }
    assertThat(at(all, "/hard1").nid()).isEqualTo(at(all, "/sub/hard2").nid());
    assertThat(at(all, "/hard1").links()).isEqualTo(2);
    assertThat(at(all, "/").links()).isEqualTo(2 + 5);
    assertThat(at(all, "/").nid()).isPositive();
    assertThat(at(all, "/link").content()).isEqualTo("sub/hard2");
    assertThat(at(all, "/longlink").content()).hasSize(4000);
    assertThat(at(all, "/null").device()).isEqualTo(0x103);
    assertThat(at(all, "/big").device()).isEqualTo(259 << 8 | 0x45 | 0x12300 << 12);
    assertThat(at(all, "/suid").mode()).isEqualTo(0104755);
    assertThat(at(all, "/empty").content()).isEqualTo(". ..");
    assertThat(at(all, "/names").content())
        .startsWith("!bang -dash . .. 0 nnnn")
        .endsWith("~tilde \u00c3\u00a9");
    assertThat(all.keySet().stream().filter(path -> path.startsWith("/many/"))).hasSize(3000);
  }

  @Test
  void theSameTreeGivesTheSameBytes() throws Exception {
    fill();
    assertThat(write("a")).hasSameBinaryContentAs(write("b"));
  }

  @Test
  void anEmptyTreeIsAnImage() throws Exception {
    assertThat(at(new ErofsReader(write("a")).all(), "/").content()).isEqualTo(". ..");
  }

  @Test
  void fsckFindsNothingWrong() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/fsck.erofs")), "erofs-utils is not installed");
    fill();
    Process fsck =
        new ProcessBuilder("/usr/bin/fsck.erofs", write("a").toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("out").toFile())
            .start();
    assertThat(fsck.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(fsck.exitValue()).as(Files.readString(folder.resolve("out"))).isZero();
  }

  @Test
  void whatIsStoredCanBeReadBack() throws Exception {
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve("x"),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      ErofsWriter writer = new ErofsWriter(channel);
      for (int size : new int[] {0, 10, 4096, 5000, 8000}) {
        byte[] bytes = file(size).content().bytes();
        assertThat(writer.store(new ByteArrayInputStream(bytes), size).bytes()).isEqualTo(bytes);
      }
    }
  }

  @Test
  void aFileThatShrinksWhileItIsCopiedIsAnError() throws Exception {
    Path host = folder.resolve("host");
    Files.write(host, new byte[5000]);
    tree.put("x", new RegularFile(Attributes.root(0644, 0), new Content.HostFile(host, 9000)));
    assertThatThrownBy(() -> write("a"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("became shorter");
  }
}
