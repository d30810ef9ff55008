package isola.machine.board;

/** The PC. */
final class PcBoard {
  private PcBoard() {}

  static Machine build(MachineConfig config) {
    if (config.cpus() > 0) {
      throw new MachineException("The board is not built yet.");
    }
    throw new MachineException("There is no engine yet.");
  }
}
