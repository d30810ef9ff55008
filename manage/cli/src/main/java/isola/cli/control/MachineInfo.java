package isola.cli.control;

import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A running machine, for a list.
 *
 * @param name what the user calls it
 * @param pid the process that it runs in
 * @param engine the CPU engine
 * @param cpus number of processors
 * @param memory guest RAM in bytes
 * @param state {@code running} or {@code paused}
 * @param since when it was started or restored
 */
public record MachineInfo(
    String name, long pid, String engine, int cpus, long memory, String state, Instant since) {

  Map<String, String> message() {
    Map<String, String> message = new LinkedHashMap<>();
    message.put("name", name);
    message.put("pid", Long.toString(pid));
    message.put("engine", engine);
    message.put("cpus", Integer.toString(cpus));
    message.put("memory", Long.toString(memory));
    message.put("state", state);
    message.put("since", since.toString());
    return message;
  }

  static MachineInfo of(Map<String, String> message) throws IOException {
    try {
      return new MachineInfo(
          field(message, "name"),
          Long.parseLong(field(message, "pid")),
          field(message, "engine"),
          Integer.parseInt(field(message, "cpus")),
          Long.parseLong(field(message, "memory")),
          field(message, "state"),
          Instant.parse(field(message, "since")));
    } catch (NumberFormatException | DateTimeParseException e) {
      throw new IOException("it said nonsense", e);
    }
  }

  private static String field(Map<String, String> message, String name) throws IOException {
    String value = message.get(name);
    if (value == null) {
      throw new IOException("it did not say its " + name);
    }
    return value;
  }
}
