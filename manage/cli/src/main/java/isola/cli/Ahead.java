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
      case "run", "boot", "restore" ->
          Thread.ofPlatform().daemon().name("ahead").start(Ahead::prepare);
      default -> {}
    }
  }

  private static void prepare() {
    try {
      HostFunctions.bind();
      EngineChoice.installed().forEach(CpuEngine::prepare);
    } catch (RuntimeException | Error _) {
      // Whoever needs it finds out as well, and says so.
    }
  }
}
