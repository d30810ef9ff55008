package isola.image.tree;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.Directory;
import isola.image.tree.Node.SymbolicLink;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileTreeTest {
  private final FileTree tree = new FileTree(0);

  private static String text(FileTree tree, String path) throws ImageException, IOException {
    Node.RegularFile file = tree.file(path);
    return file == null ? "none" : new String(file.content().bytes(), StandardCharsets.UTF_8);
  }

  @Test
  void nothingLeadsOut() throws Exception {
    tree.text("../../../etc/passwd", 0644, "a");
    tree.linkIfFree("up", "../../..");
    tree.text("up/b", 0644, "b");
    tree.linkIfFree("deep/er/abs", "/etc");
    tree.text("deep/er/abs/c", 0644, "c");
    tree.text("x/../../y/./z", 0644, "z");
    assertThat(
            text(tree, "/etc/passwd") + text(tree, "b") + text(tree, "etc/c") + text(tree, "y/z"))
        .isEqualTo("abcz");
    assertThat(tree.root().entries()).containsOnlyKeys("b", "deep", "etc", "up", "x", "y");
  }

  @Test
  void aPackageThatSaysBinLandsInUsrBin() throws Exception {
    tree.directory("usr/bin", Attributes.root(0755, 0));
    tree.linkIfFree("bin", "usr/bin");
    tree.directory("bin", Attributes.root(0700, 1));
    tree.text("bin/ls", 0755, "ls");
    assertThat(tree.find("bin", false)).isInstanceOf(SymbolicLink.class);
    assertThat(text(tree, "usr/bin/ls")).isEqualTo("ls");
    assertThat(tree.find("usr/bin", false)).isInstanceOf(Directory.class);
  }

  @Test
  void ringsOfLinksAndImpossiblePathsAreRefused() throws Exception {
    tree.linkIfFree("a", "b");
    tree.linkIfFree("b", "a");
    assertThatThrownBy(() -> tree.text("a/x", 0644, ""))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("ring");
    tree.text("file", 0644, "");
    assertThatThrownBy(() -> tree.text("file/x", 0644, "")).isInstanceOf(ImageException.class);
    tree.directory("dir", Attributes.root(0755, 0));
    assertThatThrownBy(() -> tree.text("dir", 0644, "")).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.text("", 0644, "")).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.text("..", 0644, "")).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.text("n".repeat(256), 0644, ""))
        .isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.text("n/".repeat(3000), 0644, ""))
        .isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.link("hard", "missing")).isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> tree.link("hard", "dir")).isInstanceOf(ImageException.class);
  }

  @Test
  void aSnapshotHasWhatADirectoryHas(@TempDir Path host) throws Exception {
    Files.createDirectories(host.resolve("sub/empty"));
    Files.writeString(host.resolve("sub/file é"), "text");
    Files.createSymbolicLink(host.resolve("link"), Path.of("sub/nowhere"));
    Files.createLink(host.resolve("hard"), host.resolve("sub/file é"));
    new ProcessBuilder("mkfifo", host.resolve("pipe").toString()).start().waitFor();
    FileTree snapshot = HostTree.of(host);
    assertThat(snapshot.root().entries()).containsOnlyKeys("hard", "link", "sub");
    assertThat(text(snapshot, FileTree.name("sub/file é"))).isEqualTo("text");
    assertThat(snapshot.file("hard")).isSameAs(snapshot.file(FileTree.name("sub/file é")));
    assertThat(snapshot.find("link", false)).isInstanceOf(SymbolicLink.class);
  }
}
