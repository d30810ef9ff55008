package isola.qa.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One program of the corpus.
 *
 * @param name of its file, without the ending
 * @param rom 64 KiB, to be mapped as ROM below 1 MiB and below 4 GiB
 * @param expected what the header comment promises: {@code exit}, {@code end} and registers, by
 *     name
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
public record GuestProgram(String name, byte[] rom, Map<String, String> expected) {
  private static final Pattern EXPECT = Pattern.compile("expect:([^\n*]*)");
  private static final Pattern ITEM = Pattern.compile("(\\w+)=(\\S+)");

  /**
   * Reads a program.
   *
   * @param source the assembly file, for what it promises
   * @param image what it was assembled to
   */
  public static GuestProgram read(Path source, Path image) throws IOException {
    Map<String, String> expected = new LinkedHashMap<>();
    Matcher line = EXPECT.matcher(Files.readString(source));
    while (line.find()) {
      Matcher item = ITEM.matcher(line.group(1));
      while (item.find()) {
        expected.put(item.group(1), item.group(2));
      }
    }
    String name = String.valueOf(source.getFileName()).replace(".S", "");
    if (expected.isEmpty()) {
      throw new IOException("the header of %s does not say what to expect".formatted(source));
    }
    return new GuestProgram(name, Files.readAllBytes(image), expected);
  }

  /** In what a run differed from what the header promises, in a sentence; empty if in nothing. */
  public String difference(BareMachine machine, BareMachine.End end) {
    for (Map.Entry<String, String> promise : expected.entrySet()) {
      String value = promise.getValue();
      boolean kept =
          switch (promise.getKey()) {
            case "end" -> end.name().equalsIgnoreCase(value);
            case "exit" ->
                end == BareMachine.End.EXIT && machine.exitValue() == Integer.decode(value);
            default -> machine.register(promise.getKey()) == Long.decode(value);
          };
      if (!kept) {
        return "%s promises %s=%s but ended with %s %s, exit value %d (a line of the file, or 0x8000 + vector), rip %x, rbx %x"
            .formatted(
                name,
                promise.getKey(),
                value,
                end,
                machine.detail(),
                machine.exitValue(),
                machine.register("rip"),
                machine.register("rbx"));
      }
    }
    return "";
  }
}
