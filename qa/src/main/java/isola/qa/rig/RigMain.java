package isola.qa.rig;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * One step of the rig by name: {@code corpus FOLDER ENGINE}, {@code relay FOLDER ENGINE...}, {@code
 * saved GUEST FILE ENGINE...}, {@code exits C_PROGRAM GUEST EXITS ROUNDS} or {@code soak KERNEL
 * INITRD BOOTS ENGINE}. Status 1 if it failed.
 */
public final class RigMain {
  private RigMain() {}

  /** See the class. */
  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> words = Arrays.asList(args);
    boolean fine =
        switch (words.isEmpty() ? "" : words.getFirst()) {
          case "corpus" -> Corpus.run(Path.of(args[1]), args[2]);
          case "relay" -> Corpus.relay(Path.of(args[1]), words.subList(2, words.size()));
          case "saved" ->
              SavedRelay.run(Path.of(args[1]), Path.of(args[2]), words.subList(3, words.size()));
          case "exits" ->
              ExitRate.run(args[1], Path.of(args[2]), Integer.parseInt(args[3]), args[4]);
          case "soak" ->
              Soak.run(Path.of(args[1]), Path.of(args[2]), Integer.parseInt(args[3]), args[4]);
          default -> {
            say("There is no step '%s'.".formatted(String.join(" ", words)));
            yield false;
          }
        };
    System.exit(fine ? 0 : 1);
  }

  /** A line of the report. */
  static void say(String line) {
    System.out.println(line);
  }
}
