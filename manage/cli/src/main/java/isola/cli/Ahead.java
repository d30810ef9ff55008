package isola.cli;

import isola.core.cpu.CpuEngine;
import isola.host.HostFunctions;
import isola.machine.board.EngineChoice;

/**
 * Brings in what a guest will need while the command line is still being read: the functions of the
 * C library and the engines' tables, which take as long.
 */
final class Ahead {
  private Ahead() {}

  /** Begins, on a thread of its own, if the command is one that starts a guest. */
  static void of(String... arguments) {
    switch (arguments.length == 0 ? "" : arguments[0]) {
      case "run", "boot", "restore" -> {
        String engine = engine(arguments);
        Thread.ofPlatform().daemon().name("ahead").start(() -> prepare(engine));
      }
      default -> {}
    }
  }

  /** The engine that the command names; whether the line is right is for others to say. */
  private static String engine(String... arguments) {
    String last = "";
    for (String word : arguments) {
      if (word.equals("--")) {
        break;
      }
      if (last.equals("--engine")) {
        return word;
      }
      if (word.startsWith("--engine=")) {
        return word.substring("--engine=".length());
      }
      last = word;
    }
    return EngineChoice.AUTO;
  }

  private static void prepare(String engine) {
    try {
      HostFunctions.bind();
      for (CpuEngine installed : EngineChoice.installed()) {
        if (engine.equals(EngineChoice.AUTO) || engine.equals(installed.name())) {
          installed.prepare();
        }
      }
    } catch (RuntimeException | Error _) {
      // Whoever needs it finds out as well, and says so.
    }
  }
}
