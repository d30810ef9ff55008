package isola.cli;

import isola.core.backend.ByteSink;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Keeps the end of what a guest's kernel said, for when the guest fails. Any thread. */
final class ConsoleTail implements ByteSink {
  private static final int SIZE = 1 << 14;

  private final byte[] ring = new byte[SIZE];
  private final ByteSink also;
  private long total;

  /** Passes everything on to {@code also}. */
  ConsoleTail(ByteSink also) {
    this.also = also;
  }

  @Override
  public void accept(byte[] bytes, int offset, int length) {
    synchronized (this) {
      for (int i = 0; i < length; i++) {
        ring[(int) (total++ % SIZE)] = bytes[offset + i];
      }
    }
    also.accept(bytes, offset, length);
  }

  /** The last lines that are not empty, printable. */
  synchronized List<String> lines(int most) {
    int kept = (int) Math.min(total, SIZE);
    byte[] bytes = new byte[kept];
    for (int i = 0; i < kept; i++) {
      bytes[i] = ring[(int) ((total - kept + i) % SIZE)];
    }
    List<String> lines =
        new String(bytes, StandardCharsets.ISO_8859_1)
            .lines()
            .map(line -> line.replaceAll("[^\\x20-\\x7e]", "").strip())
            .filter(line -> !line.isEmpty())
            .toList();
    return lines.subList(Math.max(0, lines.size() - most), lines.size());
  }
}
