package isola.image.erofs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Reads an image as the kernel would, by the format's description and with numbers of its own. */
final class ErofsReader {
  private final ByteBuffer image;
  private final long meta;

  /** A file in the image. */
  record Found(
      int mode, int uid, int gid, long time, int links, long nid, int device, String content) {}

  ErofsReader(Path file) throws IOException {
    image = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    if (image.getInt(1024) != 0xE0F5E1E2 || image.get(1024 + 12) != 12) {
      throw new IOException("no superblock");
    }
    meta = Integer.toUnsignedLong(image.getInt(1024 + 40)) * 4096;
  }

  /** Everything in it by path; a directory's content is its sorted names. */
  Map<String, Found> all() {
    Map<String, Found> all = new TreeMap<>();
    walk("", Short.toUnsignedLong(image.getShort(1024 + 14)), all);
    return all;
  }

  private void walk(String path, long nid, Map<String, Found> all) {
    int at = (int) (meta + nid * 32);
    int format = image.getShort(at);
    int mode = Short.toUnsignedInt(image.getShort(at + 4));
    int size = (int) image.getLong(at + 8);
    int block = image.getInt(at + 16);
    byte[] data = new byte[size];
    int tail = format == 5 ? size % 4096 : 0;
    boolean device = (mode & 0170000) == 0020000 || (mode & 0170000) == 0060000;
    if (!device) {
      image.get(block * 4096, data, 0, size - tail);
      if (tail > 0 && at / 4096 != (at + 64 + tail - 1) / 4096) {
        throw new IllegalStateException("a tail crosses a block: " + path);
      }
      image.get(at + 64, data, size - tail, tail);
    }
    String content = new String(data, StandardCharsets.ISO_8859_1);
    List<String> names = new ArrayList<>();
    if ((mode & 0170000) == 0040000) {
      directory(path, nid, data, names, all);
      content = String.join(" ", names);
    }
    all.put(
        path.isEmpty() ? "/" : path,
        new Found(
            mode,
            image.getInt(at + 24),
            image.getInt(at + 28),
            image.getLong(at + 32),
            image.getInt(at + 44),
            nid,
            device ? block : 0,
            content));
  }

  private void directory(
      String path, long nid, byte[] data, List<String> names, Map<String, Found> all) {
    ByteBuffer entries = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    String last = "";
    for (int base = 0; base < data.length; base += 4096) {
      int end = Math.min(4096, data.length - base);
      int count = entries.getShort(base + 8) / 12;
      for (int i = 0; i < count; i++) {
        int entry = base + i * 12;
        int from = entries.getShort(entry + 8);
        int to = i + 1 < count ? entries.getShort(entry + 12 + 8) : end;
        String name =
            new String(data, base + from, to - from, StandardCharsets.ISO_8859_1)
                .replaceAll("\0.*$", "");
        if (name.compareTo(last) <= 0) {
          throw new IllegalStateException("names out of order: " + last + ", " + name);
        }
        last = name;
        names.add(name);
        if (name.equals(".") && entries.getLong(entry) != nid) {
          throw new IllegalStateException(". leads elsewhere");
        }
        if (!name.equals(".") && !name.equals("..")) {
          walk(path + "/" + name, entries.getLong(entry), all);
        }
      }
    }
  }
}
