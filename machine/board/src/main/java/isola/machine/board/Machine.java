package isola.machine.board;

import isola.core.backend.ByteInput;
import isola.core.cpu.CpuEngine;
import isola.core.cpu.HostCodeListener;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtual PC: built from a configuration, started once, and ended by its guest or by {@link
 * #stop}. Any thread may call any method.
 */
public interface Machine extends AutoCloseable {
  /**
   * Builds a machine, loads its kernel, and leaves it ready to start.
   *
   * @throws MachineException if something is missing or refused, with one sentence for the user
   */
  static Machine create(MachineConfig config) {
    List<CpuEngine> installed = EngineChoice.installed();
    CpuEngine engine = EngineChoice.of(config.engine(), installed).engine();
    return new PcMachine(config, engine, OtherEngines.of(config, engine, installed));
  }

  /** What it is made of; its engine is the one that runs it. */
  MachineConfig config();

  /** Lets the processors run. */
  void start();

  /** Waits for the end of the run. */
  Outcome await() throws InterruptedException;

  /** Waits up to {@code millis} milliseconds; null if the run has not ended. */
  @Nullable Outcome await(long millis) throws InterruptedException;

  /** Ends the run with {@link Outcome.Stopped}, unless it has ended. Does not wait. */
  void stop();

  /** Presses the power button: a guest that listens to ACPI shuts down. */
  void pressPowerButton();

  /**
   * Stops processors, clock and device workers; returns when processors and clock stand still.
   *
   * @throws MachineException if a processor does not stop, because nobody takes what it writes
   */
  void pause() throws InterruptedException;

  /** Undoes {@link #pause}. */
  void resume();

  /** Whether it is paused. */
  boolean paused();

  /**
   * Saves the machine to a file, from which {@link SavedMachine} makes it go on. It is paused for
   * that, and stays so; if it cannot be saved and was not paused, it goes on.
   *
   * @param name what the user calls the machine
   * @param replace whether a file that is there gives way
   * @throws MachineException if it cannot be saved, with one sentence for the user
   */
  void save(String name, Path file, boolean replace) throws InterruptedException;

  /** The receiver of UART {@code index} (0 is COM1). */
  ByteInput serialInput(int index);

  /** The receiver of virtio console port {@code index}. */
  ByteInput portInput(int index);

  /**
   * Says that no more input comes to virtio console port {@code index}: the guest reads what was
   * offered, then end of file.
   */
  void portEnd(int index);

  /**
   * Waits until everything that the guest had handed to its virtio console ports before this call
   * was passed to their outputs. Returns at once after the end of the run, which waits likewise.
   */
  void drainPorts() throws InterruptedException;

  /** Tells the guest the size of the terminal behind virtio console port {@code index}. */
  void portSize(int index, int columns, int rows);

  /** Notes that a boot phase was reached now; a second time under the same name is ignored. */
  void phase(String name);

  /** Figures of the run until now. */
  MachineStats stats();

  /** Names all host code that was made from guest code; once the run has ended. */
  void hostCode(HostCodeListener listener);

  /** Stops the run if need be and gives everything back to the host. */
  @Override
  void close();
}
