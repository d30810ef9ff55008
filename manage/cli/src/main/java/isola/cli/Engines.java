package isola.cli;

import isola.core.cpu.CpuEngine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Chooses the CPU engine. */
final class Engines {
  /** First choice first; the translator is taken by name until it has proven itself. */
  private static final List<String> PREFERENCE = List.of("kvm", "interpreter", "translator");

  private Engines() {}

  /**
   * The name of the engine to use.
   *
   * @param wanted what the user asked for, or null for the fastest that can run here
   * @throws UsageFailure if there is none of that name, or it cannot run here; the sentence lists
   *     those that there are, and why each cannot run
   */
  static String choose(@Nullable String wanted, List<CpuEngine> engines) {
    for (CpuEngine engine : engines) {
      if (engine.name().equals(wanted)) {
        Optional<String> obstacle = engine.unavailable();
        if (obstacle.isPresent()) {
          throw new UsageFailure(
              "The engine %s cannot run here: %s There are: %s."
                  .formatted(wanted, dot(obstacle.get()), list(engines)));
        }
        return engine.name();
      }
    }
    if (wanted != null) {
      throw new UsageFailure(
          "There is no engine '%s'; there are: %s.".formatted(wanted, list(engines)));
    }
    return engines.stream()
        .filter(engine -> engine.unavailable().isEmpty())
        .map(CpuEngine::name)
        .min(Comparator.comparingInt(Engines::rank))
        .orElseThrow(
            () ->
                new UsageFailure(
                    engines.isEmpty()
                        ? "This Isola was built without any CPU engine."
                        : "No CPU engine can run here: %s.".formatted(list(engines))));
  }

  private static int rank(String name) {
    int place = PREFERENCE.indexOf(name);
    return place < 0 ? PREFERENCE.size() : place;
  }

  private static String list(List<CpuEngine> engines) {
    List<String> words = new ArrayList<>();
    for (CpuEngine engine : engines) {
      words.add(
          engine.name()
              + engine
                  .unavailable()
                  .map(why -> " (cannot run here: " + why.replaceFirst("\\.$", "") + ")")
                  .orElse(""));
    }
    words.sort(Comparator.comparingInt(word -> rank(word.replaceFirst(" .*", ""))));
    return words.isEmpty() ? "none" : String.join(", ", words);
  }

  private static String dot(String sentence) {
    return sentence.endsWith(".") ? sentence : sentence + ".";
  }
}
