package isola.machine.board;

import isola.core.cpu.CpuEngine;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeSet;

/** The CPU engines of this installation. */
final class Engines {
  private Engines() {}

  /**
   * An engine by name.
   *
   * @throws MachineException if there is none of that name or it cannot run here, saying why
   */
  static CpuEngine find(String name) {
    TreeSet<String> names = new TreeSet<>();
    for (CpuEngine engine : ServiceLoader.load(CpuEngine.class)) {
      if (engine.name().equals(name)) {
        Optional<String> why = engine.unavailable();
        if (why.isPresent()) {
          throw new MachineException(why.get());
        }
        return engine;
      }
      names.add(engine.name());
    }
    throw new MachineException(
        names.isEmpty()
            ? "There is no CPU engine in this installation."
            : "There is no CPU engine \"%s\"; there is %s."
                .formatted(name, String.join(", ", names)));
  }
}
