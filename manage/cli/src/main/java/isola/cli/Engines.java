package isola.cli;

import isola.cli.terminal.Messages;
import isola.core.cpu.CpuEngine;
import isola.machine.board.EngineChoice;
import java.util.List;

/** Chooses the CPU engine, and says why where that is worth a line. */
final class Engines {
  /** What is left where nothing fast can run. */
  private static final String SLOWEST = "interpreter";

  private Engines() {}

  /**
   * The name of the engine to use.
   *
   * @param wanted what the user asked for
   * @param verbose whether to say why better ones were passed over
   * @throws UsageFailure if there is none of that name, or it cannot run here
   */
  static String choose(String wanted, List<CpuEngine> engines, Messages messages, boolean verbose) {
    EngineChoice choice;
    try {
      choice = EngineChoice.of(wanted, engines);
    } catch (EngineChoice.UnavailableException e) {
      throw new UsageFailure(String.valueOf(e.getMessage()));
    }
    String name = choice.engine().name();
    boolean slow = name.equals(SLOWEST) && !choice.passedOver().isEmpty();
    if (verbose || slow) {
      for (String why : choice.passedOver()) {
        messages.say("The engine is %s, %s".formatted(name, why));
        if (!verbose) {
          break;
        }
      }
    }
    return name;
  }
}
