package isola.machine.board;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much host memory this process uses, as Linux tells it (proc_pid_status(5), smaps). */
final class ProcessMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path MAPS = Path.of("/proc/self/smaps");

  private ProcessMemory() {}

  /** Peak resident size in bytes, or 0 where the host does not tell. */
  static long peakResidentBytes() {
    return kilobytes(lines(STATUS), "VmHWM:") << 10;
  }

  /** Bytes of guest memory that are resident now, or 0 where the host does not tell. */
  static long residentBytes(GuestMemory memory) {
    long sum = 0;
    boolean inside = false;
    for (String line : lines(MAPS)) {
      int dash = line.indexOf('-');
      int blank = line.indexOf(' ');
      if (dash > 0 && blank > dash && !line.substring(0, blank).endsWith(":")) {
        long start = Long.parseUnsignedLong(line, 0, dash, 16);
        inside = inside(memory, start);
      } else if (inside && line.startsWith("Rss:")) {
        sum += kilobytes(List.of(line), "Rss:") << 10;
      }
    }
    return sum;
  }

  private static boolean inside(GuestMemory memory, long address) {
    for (MemorySlot slot : memory.slots()) {
      if (address >= slot.hostAddress() && address < slot.hostAddress() + slot.size()) {
        return true;
      }
    }
    return false;
  }

  private static long kilobytes(List<String> lines, String key) {
    for (String line : lines) {
      if (line.startsWith(key)) {
        return Long.parseLong(line.substring(key.length()).replace("kB", "").strip());
      }
    }
    return 0;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return List.of();
    }
  }
}
