package isola.cli;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import isola.machine.board.MachineStats;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The file behind {@code --stats}: JSON, there as a whole or not at all. docs/cli.md has its
 * fields.
 */
final class StatsFile {
  private StatsFile() {}

  /**
   * Makes sure, before the guest runs, that the figures will find their place.
   *
   * @throws CommandFailure if the file cannot be written
   */
  static void check(Path file) {
    Path folder = folder(file);
    if (Files.isDirectory(file)) {
      throw new CommandFailure("Cannot write figures to %s: it is a directory.".formatted(file));
    }
    if (special(file) ? !Files.isWritable(file) : !Files.isWritable(folder)) {
      throw new CommandFailure(
          Files.isDirectory(folder)
              ? "Cannot write figures to %s: permission denied.".formatted(file)
              : "Cannot write figures to %s: there is no directory %s.".formatted(file, folder));
    }
  }

  /**
   * Writes the figures.
   *
   * @param status what the command ends with
   * @throws CommandFailure if it cannot
   */
  static void write(Path file, String command, MachineStats stats, int status) {
    try {
      if (special(file)) {
        try (OutputStream out = Files.newOutputStream(file)) {
          generate(out, command, stats, status);
        }
        return;
      }
      Path half = Files.createTempFile(folder(file), ".isola-stats", ".json");
      try {
        try (OutputStream out = Files.newOutputStream(half)) {
          generate(out, command, stats, status);
        }
        move(half, file);
      } finally {
        Files.deleteIfExists(half);
      }
    } catch (IOException e) {
      throw new CommandFailure("Cannot write figures to %s: %s.".formatted(file, reason(e)), e);
    }
  }

  private static void move(Path half, Path file) throws IOException {
    try {
      Files.move(half, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(half, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static Path folder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    return folder == null ? file.toAbsolutePath() : folder;
  }

  /** A pipe or device, such as /dev/stderr: nothing to replace. */
  private static boolean special(Path file) {
    return Files.exists(file) && !Files.isRegularFile(file) && !Files.isDirectory(file);
  }

  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "there is no " + missing.getFile();
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException other when other.getReason() != null -> other.getReason();
      default -> String.valueOf(e.getMessage());
    };
  }

  private static void generate(OutputStream out, String command, MachineStats stats, int status)
      throws IOException {
    try (JsonGenerator json = new JsonFactory().createGenerator(out, JsonEncoding.UTF8)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeStringField("command", command);
      json.writeNumberField("status", status);
      json.writeStringField("outcome", stats.outcome());
      json.writeStringField("engine", stats.engine());
      json.writeNumberField("cpus", stats.cpus());
      json.writeNumberField("memoryBytes", stats.memory());
      json.writeFieldName("guestSeconds");
      decimal(json, stats.seconds());
      json.writeNumberField("instructions", stats.instructions());
      json.writeNumberField("tlbMisses", tlbMisses(stats.counters()));
      map(json, "exits", stats.exits());
      map(json, "counters", stats.counters());
      json.writeArrayFieldStart("phases");
      for (MachineStats.Phase phase : stats.phases()) {
        json.writeStartObject();
        json.writeStringField("name", phase.name());
        json.writeFieldName("millis");
        decimal(json, phase.millis());
        json.writeNumberField("instructions", phase.instructions());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeNumberField("peakMemoryBytes", stats.jvmPeakBytes());
      json.writeNumberField("guestTouchedBytes", stats.guestTouchedBytes());
      json.writeEndObject();
      json.writeRaw('\n');
    }
  }

  private static void decimal(JsonGenerator json, double value) throws IOException {
    json.writeRawValue(String.format(Locale.ROOT, "%.3f", value));
  }

  private static void map(JsonGenerator json, String name, Map<String, Long> values)
      throws IOException {
    json.writeObjectFieldStart(name);
    for (Map.Entry<String, Long> entry : new TreeMap<>(values).entrySet()) {
      json.writeNumberField(entry.getKey(), entry.getValue());
    }
    json.writeEndObject();
  }

  /** Every engine counts the misses of its translation caches under names with these words. */
  private static long tlbMisses(Map<String, Long> counters) {
    return counters.entrySet().stream()
        .filter(
            entry -> {
              String name = entry.getKey().toLowerCase(Locale.ROOT);
              return name.contains("tlb") && name.contains("miss");
            })
        .mapToLong(Map.Entry::getValue)
        .sum();
  }
}
