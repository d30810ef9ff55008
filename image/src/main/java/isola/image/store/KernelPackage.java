package isola.image.store;

import isola.image.ImageException;
import isola.image.debian.DebFile;
import isola.image.debian.PackageEntry;
import isola.image.disk.Disk;
import isola.image.erofs.ErofsWriter;
import isola.image.initramfs.CpioWriter;
import isola.image.initramfs.GuestInitramfs;
import isola.image.initramfs.ModuleSet;
import isola.image.kernel.LinuxKernel;
import isola.image.store.ImageRecord.Blob;
import isola.image.tree.Content;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Takes from a kernel's package what a guest starts from: the kernel, and the modules for an
 * initramfs.
 */
final class KernelPackage {
  private static final long SPARE = 64L << 20;
  private static final int PIECE = 1 << 15;

  private final Shelf shelf;
  private @Nullable String version;
  private @Nullable Content kernel;
  private List<String> builtIn = List.of();
  private final Map<String, Content> modules = new LinkedHashMap<>();

  /** What was made. */
  record Made(String version, Blob kernel, Blob initrd) {}

  private KernelPackage(Shelf shelf) {
    this.shelf = shelf;
  }

  /**
   * Makes the kernel's and the initramfs's blobs.
   *
   * @param busybox a busybox program that needs no library
   */
  static Made make(Shelf shelf, PackageEntry entry, Path deb, byte[] busybox)
      throws ImageException {
    return new KernelPackage(shelf).make(entry, deb, busybox);
  }

  /** The package's program that needs no library. */
  static byte[] busybox(PackageEntry entry, Path deb) throws ImageException {
    byte[][] found = new byte[1][];
    try {
      DebFile.data(
          deb,
          entry.name(),
          2 * entry.installedSize() + SPARE,
          (file, content) -> {
            if (file.isFile() && file.getName().endsWith("bin/busybox")) {
              found[0] = content.readAllBytes();
            }
          });
    } catch (IOException e) {
      throw Disk.failed(deb, e);
    }
    if (found[0] == null) {
      throw new ImageException(
          "The package " + entry.name() + " of the Debian archive has no busybox in it.");
    }
    return found[0];
  }

  private Made make(PackageEntry entry, Path deb, byte[] busybox) throws ImageException {
    // The modules' dependencies are known only once all have been seen, so all are put aside first.
    Path aside = shelf.temporary().resolve("modules");
    Path initrd = shelf.temporary().resolve("initrd");
    Path image = shelf.temporary().resolve("kernel");
    try (FileChannel channel = shelf.disk().create(aside)) {
      read(entry, deb, new ErofsWriter(channel));
      Content found = kernel;
      String name = version;
      if (found == null || name == null) {
        throw new ImageException(
            "The package " + entry.name() + " of the Debian archive has no kernel in it.");
      }
      ModuleSet set = ModuleSet.choose(GuestInitramfs.MODULES, modules, builtIn);
      write(initrd, out -> CpioWriter.write(GuestInitramfs.base(busybox, name, set), out));
      write(image, out -> kernel(found.bytes(), out));
      return new Made(name, shelf.keep(image), shelf.keep(initrd));
    } catch (IOException e) {
      throw Disk.failed(aside, e);
    } finally {
      Shelf.remove(aside);
      Shelf.remove(initrd);
      Shelf.remove(image);
    }
  }

  /** Unpacked here in half a second, the kernel need not be unpacked by the guest in many. */
  private static void kernel(byte[] packed, OutputStream out) throws IOException {
    byte[] unpacked = LinuxKernel.unpack(packed).orElse(packed);
    // In pieces: a channel copies what it is given to memory outside of the heap, and keeps that.
    for (int at = 0; at < unpacked.length; at += PIECE) {
      out.write(unpacked, at, Math.min(PIECE, unpacked.length - at));
    }
  }

  private void read(PackageEntry entry, Path deb, ErofsWriter aside)
      throws ImageException, IOException {
    DebFile.data(
        deb,
        entry.name(),
        2 * entry.installedSize() + SPARE,
        (file, content) -> {
          String path = file.getName().replaceFirst("^\\./", "");
          if (!file.isFile()) {
            return;
          }
          if (path.startsWith("boot/vmlinuz-")) {
            version = path.substring("boot/vmlinuz-".length());
            kernel = aside.store(content, file.getSize());
          } else if (path.endsWith("/modules.builtin")) {
            builtIn =
                new String(content.readAllBytes(), StandardCharsets.US_ASCII).lines().toList();
          } else if (path.endsWith(".ko") || path.endsWith(".ko.xz")) {
            modules.put(path, aside.store(content, file.getSize()));
          }
        });
  }

  /** Writes what goes to a stream. */
  @FunctionalInterface
  private interface Writing {
    void to(OutputStream out) throws IOException, ImageException;
  }

  private void write(Path file, Writing writing) throws IOException, ImageException {
    try (FileChannel channel = shelf.disk().create(file)) {
      OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
      writing.to(out);
      out.flush();
      channel.force(true);
    }
  }
}
