package isola.image.initramfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.fixture.TinyArchive;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.Special;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.junit.jupiter.api.Test;

final class InitramfsTest {
  private static Map<String, String> read(byte[] archive) throws IOException {
    Map<String, String> found = new TreeMap<>();
    try (CpioArchiveInputStream in =
        new CpioArchiveInputStream(new ByteArrayInputStream(archive))) {
      for (CpioArchiveEntry entry; (entry = in.getNextEntry()) != null; ) {
        found.put(
            entry.getName(),
            Long.toOctalString(entry.getMode())
                + " "
                + entry.getNumberOfLinks()
                + " "
                + new String(in.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return found;
  }

  private static byte[] write(FileTree tree) throws IOException, ImageException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    CpioWriter.write(tree, out);
    assertThat(out.size() % 512).isZero();
    return out.toByteArray();
  }

  @Test
  void writesWhatTheTreeHas() throws Exception {
    FileTree tree = new FileTree(0);
    tree.text("dir/file", 0600, "text");
    tree.link("dir/hard", "dir/file");
    tree.linkIfFree("link", "dir/file");
    tree.put("console", new Special(Attributes.root(0600, 0), Special.Kind.CHARACTER, 5, 1));
    Map<String, String> found = read(write(tree));
    assertThat(found)
        .containsOnlyKeys("console", "dir", "dir/file", "dir/hard", "link")
        .containsEntry("dir/file", "100600 2 ")
        .containsEntry("dir/hard", "100600 2 text")
        .containsEntry("link", "120777 1 dir/file");
    assertThat(found.get("dir")).startsWith("40755 ");
  }

  private static Map<String, Content> modules(String... namesAndNeeds) {
    Map<String, Content> files = new TreeMap<>();
    for (int i = 0; i < namesAndNeeds.length; i += 2) {
      files.put(
          "lib/modules/1/kernel/" + namesAndNeeds[i],
          new Content.Bytes(TinyArchive.elf(namesAndNeeds[i + 1])));
    }
    return files;
  }

  @Test
  void loadsModulesAfterWhatTheyNeed() throws Exception {
    ModuleSet set =
        ModuleSet.choose(
            List.of("virtio_pci", "virtio_blk", "virtio_rng"),
            modules(
                "b/virtio_blk.ko",
                "virtio_ring,virtio",
                "c/virtio-rng.ko",
                "virtio",
                "d/virtio_ring.ko",
                "virtio",
                "virtio.ko",
                ""),
            List.of("kernel/drivers/virtio/virtio_pci.ko"));
    assertThat(set.modules().keySet())
        .containsExactly("virtio", "virtio_ring", "virtio_blk", "virtio_rng");
  }

  @Test
  void refusesAKernelWithoutAModuleAndDamagedModules() {
    assertThatThrownBy(() -> ModuleSet.choose(List.of("erofs"), modules(), List.of()))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("erofs");
    assertThatThrownBy(
            () -> ModuleSet.choose(List.of("a"), modules("a.ko", "b", "b.ko", "a"), List.of()))
        .isInstanceOf(ImageException.class);
    byte[] whole = TinyArchive.elf("");
    for (int at = 0; at < whole.length; at++) {
      byte[] damaged = whole.clone();
      damaged[at] ^= (byte) 0xff;
      Map<String, Content> files = Map.of("a.ko", new Content.Bytes(damaged));
      try {
        ModuleSet.choose(List.of("a"), files, List.of());
      } catch (IOException | ImageException e) {
        assertThat(e.getMessage()).isNotEmpty();
      }
    }
  }

  @Test
  void modulesLoseTheirSignatures() throws Exception {
    byte[] module = TinyArchive.elf("");
    ByteArrayOutputStream signed = new ByteArrayOutputStream();
    signed.writeBytes(module);
    signed.writeBytes(new byte[300]);
    signed.writeBytes(new byte[] {0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 44});
    signed.writeBytes("~Module signature appended~\n".getBytes(StandardCharsets.US_ASCII));
    assertThat(KernelModule.withoutSignature(signed.toByteArray())).isEqualTo(module);
    assertThat(KernelModule.withoutSignature(module)).isEqualTo(module);
    byte[] lying = signed.toByteArray();
    lying[lying.length - 28 - 4] = 0x7f;
    assertThat(KernelModule.withoutSignature(lying)).isEqualTo(lying);
  }

  @Test
  void theGuestsArchiveHasBusyboxModulesAndAgent() throws Exception {
    ModuleSet set =
        ModuleSet.choose(
            List.of("erofs"), modules("erofs.ko", "libcrc32c", "libcrc32c.ko", ""), List.of());
    Map<String, String> base =
        read(write(GuestInitramfs.base(new byte[] {'b'}, "6.1.0-9-cloud-amd64", set)));
    assertThat(base)
        .containsEntry("bin/busybox", "100755 1 b")
        .containsEntry("isola/modules", "100644 1 libcrc32c erofs\n")
        .containsEntry(
            "lib/modules/6.1.0-9-cloud-amd64/modules.dep", "100644 1 libcrc32c.ko:\nerofs.ko:\n")
        .containsKeys("proc", "sys", "dev", "root", "layers/lower", "bin/sh", "isola/dev/fd");
    Map<String, String> agent = read(write(GuestInitramfs.agent()));
    assertThat(agent.get("init")).startsWith("100755 1 #!/bin/busybox sh\n");
    assertThat(agent).containsKeys("isola/agent", "isola/mounts", "isola/root-mounts");
  }
}
