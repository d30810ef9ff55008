package isola.image.initramfs;

import isola.image.ImageException;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

/**
 * The initramfs of Isola's guests. It is not compressed: to unpack it would cost the guest more
 * than to read it. It has two parts: the base, with busybox and the kernel's modules, belongs to a
 * kernel; the agent belongs to this version of Isola and may be added to any base.
 */
public final class GuestInitramfs {
  /** The modules that a guest needs to find its disk, its ports and its entropy. */
  public static final List<String> MODULES =
      List.of("virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "erofs", "overlay");

  /** What the scripts call by name; the shell finds the rest in busybox by itself. */
  private static final List<String> APPLETS =
      List.of("sh", "mount", "modprobe", "mkdir", "cp", "env", "poweroff");

  private GuestInitramfs() {}

  /**
   * Makes the base.
   *
   * @param busybox a busybox program that needs no library
   * @param version the kernel's own version, such as {@code 6.1.0-50-cloud-amd64}
   */
  public static FileTree base(byte[] busybox, String version, ModuleSet modules)
      throws ImageException {
    FileTree tree = new FileTree(0);
    for (String directory :
        List.of("proc", "sys", "dev", "root", "isola/dev", "layers/lower", "layers/rw")) {
      tree.directory(directory, Attributes.root(0755, 0));
    }
    tree.put("bin/busybox", new RegularFile(Attributes.root(0755, 0), new Content.Bytes(busybox)));
    for (String applet : APPLETS) {
      tree.linkIfFree("bin/" + applet, "busybox");
    }
    tree.linkIfFree("isola/dev/fd", "/proc/self/fd");
    tree.linkIfFree("isola/dev/stdin", "/proc/self/fd/0");
    tree.linkIfFree("isola/dev/stdout", "/proc/self/fd/1");
    tree.linkIfFree("isola/dev/stderr", "/proc/self/fd/2");
    tree.linkIfFree("isola/dev/core", "/proc/kcore");
    // modprobe loads in this order what has no dependencies listed, so one line each is all it
    // needs.
    StringBuilder index = new StringBuilder();
    String folder = "lib/modules/" + FileTree.name(version) + "/";
    for (Map.Entry<String, byte[]> module : modules.modules().entrySet()) {
      String file = module.getKey() + ".ko";
      tree.put(
          folder + file,
          new RegularFile(Attributes.root(0644, 0), new Content.Bytes(module.getValue())));
      index.append(file).append(":\n");
    }
    tree.text(folder + "modules.dep", 0644, index.toString());
    tree.text("isola/modules", 0644, String.join(" ", modules.modules().keySet()) + "\n");
    return tree;
  }

  /** Makes the agent's part. */
  public static FileTree agent() throws ImageException, IOException {
    FileTree tree = new FileTree(0);
    file(tree, "init", 0755, "init");
    file(tree, "isola/agent", 0644, "agent");
    file(tree, "isola/mounts", 0644, "mounts");
    file(tree, "isola/root-mounts", 0644, "root-mounts");
    return tree;
  }

  private static void file(FileTree tree, String path, int mode, String resource)
      throws ImageException, IOException {
    try (InputStream in =
        GuestInitramfs.class.getResourceAsStream("/isola/image/guest/" + resource)) {
      if (in == null) {
        throw new ImageException("This build of Isola lacks its guest agent; build it again.");
      }
      tree.put(
          path, new RegularFile(Attributes.root(mode, 0), new Content.Bytes(in.readAllBytes())));
    }
  }
}
