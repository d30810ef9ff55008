package isola.cli.control;

import java.nio.file.Path;

/**
 * A running machine as others control it. Any thread. A refusal is a {@link RuntimeException} whose
 * message is one sentence for the user.
 */
public interface Controlled {
  /** What it is and does now. */
  MachineInfo info();

  /** Pauses it. */
  void pause() throws InterruptedException;

  /** Lets it go on. */
  void resume() throws InterruptedException;

  /**
   * Saves it, and ends it unless it is to be kept running; it is told to end when this returns.
   *
   * @param replace whether a file that is there gives way
   */
  void save(Path file, boolean replace, boolean keepRunning) throws InterruptedException;
}
