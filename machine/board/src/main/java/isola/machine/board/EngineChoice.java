package isola.machine.board;

import isola.core.cpu.CpuEngine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/**
 * Which CPU engine runs a machine.
 *
 * @param engine the engine
 * @param passedOver why better ones were not taken, a sentence each
 */
public record EngineChoice(CpuEngine engine, List<String> passedOver) {
  /** What a user says who leaves the choice to us: the fastest that can run here. */
  public static final String AUTO = "auto";

  /** There is no such engine, or it cannot run here. */
  public static final class UnavailableException extends MachineException {
    private static final long serialVersionUID = 1L;

    UnavailableException(String sentence) {
      super(sentence);
    }
  }

  /** The engines of this installation. */
  public static List<CpuEngine> installed() {
    ModuleLayer layer = EngineChoice.class.getModule().getLayer();
    // Where there is a layer, all that could be found beside it is not looked for in every archive.
    ServiceLoader<CpuEngine> loader =
        layer == null
            ? ServiceLoader.load(CpuEngine.class)
            : ServiceLoader.load(layer, CpuEngine.class);
    return loader.stream().map(ServiceLoader.Provider::get).toList();
  }

  /**
   * Chooses. For {@link #AUTO} this may take some tens of milliseconds, as engines are tried.
   *
   * @param wanted an engine's name, or {@link #AUTO}
   * @throws UnavailableException if there is none of that name or it cannot run here; the sentence
   *     lists those that there are, and why each cannot run
   */
  public static EngineChoice of(String wanted, List<CpuEngine> engines) {
    return wanted.equals(AUTO) ? fastest(engines) : named(wanted, engines);
  }

  private static EngineChoice named(String wanted, List<CpuEngine> engines) {
    for (CpuEngine engine : engines) {
      if (engine.name().equals(wanted)) {
        Optional<String> obstacle = engine.unavailable();
        if (obstacle.isPresent()) {
          throw new UnavailableException(
              "The engine %s cannot run here: %s There are: %s."
                  .formatted(wanted, dot(obstacle.get()), list(engines)));
        }
        return new EngineChoice(engine, List.of());
      }
    }
    throw new UnavailableException(
        "There is no engine '%s'; there are: %s.".formatted(wanted, list(engines)));
  }

  private static EngineChoice fastest(List<CpuEngine> engines) {
    List<String> passedOver = new ArrayList<>();
    for (CpuEngine engine : ranked(engines)) {
      Optional<String> why = engine.unavailable().or(engine::reluctance);
      if (why.isEmpty()) {
        return new EngineChoice(engine, List.copyOf(passedOver));
      }
      passedOver.add("not the engine %s: %s".formatted(engine.name(), dot(why.get())));
    }
    throw new UnavailableException(
        engines.isEmpty()
            ? "This Isola was built without any CPU engine."
            : "No CPU engine can run here: %s.".formatted(list(engines)));
  }

  private static List<CpuEngine> ranked(List<CpuEngine> engines) {
    return engines.stream()
        .sorted(
            Comparator.comparingInt(CpuEngine::preference)
                .reversed()
                .thenComparing(CpuEngine::name))
        .toList();
  }

  private static String list(List<CpuEngine> engines) {
    List<String> words = new ArrayList<>();
    for (CpuEngine engine : ranked(engines)) {
      words.add(
          engine.name()
              + engine
                  .unavailable()
                  .map(why -> " (cannot run here: " + why.replaceFirst("\\.$", "") + ")")
                  .orElse(""));
    }
    return words.isEmpty() ? "none" : String.join(", ", words);
  }

  private static String dot(String sentence) {
    return sentence.endsWith(".") ? sentence : sentence + ".";
  }
}
