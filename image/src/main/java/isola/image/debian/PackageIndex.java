package isola.image.debian;

import isola.image.deb822.Paragraph;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * An archive's list of packages, on disk. A list has tens of thousands of entries of which a few
 * dozen are wanted, so only where each name stands is kept in memory: eight bytes for each name and
 * for each name provided. The list itself is mapped until {@link #close}.
 */
public final class PackageIndex implements AutoCloseable {
  private final Arena mapping;
  private final ByteBuffer text;
  private final OffsetTable names = new OffsetTable();
  private final OffsetTable provided = new OffsetTable();
  private final List<Integer> essential = new ArrayList<>();

  private PackageIndex(Arena mapping, ByteBuffer text) {
    this.mapping = mapping;
    this.text = text;
  }

  /**
   * Opens an unpacked list. The file may be removed afterwards.
   *
   * @throws IOException if it cannot be read, or is over 2 GiB
   */
  public static PackageIndex open(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() > Integer.MAX_VALUE) {
        throw new IOException("package list over 2 GiB");
      }
      Arena mapping = Arena.ofShared();
      boolean whole = false;
      try {
        MemorySegment list = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), mapping);
        PackageIndex index = new PackageIndex(mapping, list.asByteBuffer());
        index.scan();
        whole = true;
        return index;
      } finally {
        if (!whole) {
          mapping.close();
        }
      }
    }
  }

  /** Gives the list's memory back; nothing can be looked up any more. */
  @Override
  public void close() {
    mapping.close();
  }

  /** All entries of the name. */
  public List<PackageEntry> named(String name) {
    List<PackageEntry> found = new ArrayList<>();
    names.each(hash(name), offset -> addEntry(found, offset, entry -> entry.name().equals(name)));
    return found;
  }

  /** All entries that provide the name without having it. */
  public List<PackageEntry> providing(String name) {
    List<PackageEntry> found = new ArrayList<>();
    provided.each(
        hash(name),
        offset ->
            addEntry(
                found,
                offset,
                entry ->
                    entry.provides().stream()
                        .anyMatch(group -> group.getFirst().name().equals(name))));
    return found;
  }

  /** All entries that every installation has. */
  public List<PackageEntry> essential() {
    List<PackageEntry> found = new ArrayList<>();
    for (int offset : essential) {
      addEntry(found, offset, PackageEntry::essential);
    }
    return found;
  }

  private void addEntry(
      List<PackageEntry> found, int offset, java.util.function.Predicate<PackageEntry> wanted) {
    int end = offset;
    while (end < text.limit()
        && !(text.get(end) == '\n' && (end + 1 >= text.limit() || text.get(end + 1) == '\n'))) {
      end++;
    }
    List<Paragraph> paragraphs = Paragraph.parse(string(offset, end));
    PackageEntry entry = paragraphs.isEmpty() ? null : PackageEntry.of(paragraphs.getFirst());
    if (entry != null && wanted.test(entry)) {
      found.add(entry);
    }
  }

  private String string(int from, int to) {
    byte[] bytes = new byte[to - from];
    text.get(from, bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private void scan() {
    int paragraph = 0;
    int line = 0;
    int limit = text.limit();
    while (line < limit) {
      int end = line;
      while (end < limit && text.get(end) != '\n') {
        end++;
      }
      byte first = text.get(line);
      if (end == line) {
        paragraph = end + 1;
      } else if (first == 'P' && startsWith(line, "Package:")) {
        names.add(hash(string(line + 8, end).strip()), paragraph);
      } else if (first == 'P' && startsWith(line, "Provides:")) {
        for (List<Relation> group : Relation.parse(string(line + 9, end))) {
          provided.add(hash(group.getFirst().name()), paragraph);
        }
      } else if (first == 'E' && startsWith(line, "Essential: yes")) {
        essential.add(paragraph);
      }
      line = end + 1;
    }
  }

  private boolean startsWith(int at, String prefix) {
    for (int i = 0; i < prefix.length(); i++) {
      if (at + i >= text.limit() || text.get(at + i) != prefix.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static int hash(String name) {
    return name.hashCode();
  }

  /** From hashes to offsets, with repetitions; open addressing, at most half full. */
  private static final class OffsetTable {
    private int[] hashes = new int[1024];
    private int[] offsets = new int[1024]; // one more than the offset; 0 is free
    private int count;

    void add(int hash, int offset) {
      if (count * 2 >= hashes.length) {
        int[] oldHashes = hashes;
        int[] oldOffsets = offsets;
        hashes = new int[oldHashes.length * 2];
        offsets = new int[hashes.length];
        for (int i = 0; i < oldHashes.length; i++) {
          if (oldOffsets[i] != 0) {
            place(oldHashes[i], oldOffsets[i]);
          }
        }
      }
      place(hash, offset + 1);
      count++;
    }

    private void place(int hash, int stored) {
      int slot = first(hash);
      while (offsets[slot] != 0) {
        slot = (slot + 1) & (hashes.length - 1);
      }
      hashes[slot] = hash;
      offsets[slot] = stored;
    }

    void each(int hash, java.util.function.IntConsumer found) {
      for (int slot = first(hash); offsets[slot] != 0; slot = (slot + 1) & (hashes.length - 1)) {
        if (hashes[slot] == hash) {
          found.accept(offsets[slot] - 1);
        }
      }
    }

    private int first(int hash) {
      return (hash * 0x9E3779B9) >>> (32 - Integer.numberOfTrailingZeros(hashes.length));
    }
  }
}
