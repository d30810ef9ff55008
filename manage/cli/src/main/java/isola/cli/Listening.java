package isola.cli;

import isola.cli.control.ControlFolder;
import isola.cli.control.ControlServer;
import isola.cli.control.Controlled;
import isola.cli.control.MachineInfo;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A run's machine as other processes control it. Any thread.
 *
 * <p>A machine whose name the user did not give begins to listen while it starts, and runs without
 * where that is not possible.
 */
final class Listening implements Controlled, AutoCloseable {
  private static final int LONGEST_WHAT = 40;

  /** A machine without a name that ends so soon is not worth a socket. */
  private static final long AT_FIRST_MILLIS = 100;

  private final String name;
  private final Machine machine;
  private final Consumer<RunEvent> events;
  private final Instant since = Instant.now();
  private volatile @Nullable ControlServer server;
  private @Nullable Thread starting;

  private Listening(String name, Machine machine, Consumer<RunEvent> events) {
    this.name = name;
    this.machine = machine;
    this.events = events;
  }

  /**
   * Begins.
   *
   * @param chosen the name that the user gave, or null
   * @param what what runs in the machine
   * @param events is told when the machine was saved and is to end
   * @throws CommandFailure if the chosen name is taken, or nobody can listen here
   */
  static Listening start(
      Surroundings surroundings,
      @Nullable String chosen,
      String what,
      Machine machine,
      Consumer<RunEvent> events) {
    Listening listening = new Listening(chosen == null ? name(what) : chosen, machine, events);
    ControlFolder folder = surroundings.control();
    if (chosen == null) {
      listening.starting =
          Thread.ofPlatform().daemon().name("control").start(() -> listening.tryToStart(folder));
    } else {
      listening.startAs(folder, chosen);
    }
    return listening;
  }

  /** Of what runs in a machine, and the process: a name that no other machine has. */
  private static String name(String what) {
    String plain = what.replaceAll("[^A-Za-z0-9._-]+", "-").replaceFirst("^[^A-Za-z0-9]+", "");
    String begin = plain.substring(0, Math.min(plain.length(), LONGEST_WHAT));
    return (begin.isEmpty() ? "machine" : begin) + "-" + ProcessHandle.current().pid();
  }

  private void startAs(ControlFolder folder, String chosen) {
    ControlServer started;
    try {
      started = ControlServer.start(folder, chosen, this);
    } catch (IOException e) {
      throw new CommandFailure(
          "The machine cannot be called '%s', as nobody could reach it by that name: %s."
              .formatted(chosen, StatsFile.reason(e)),
          e);
    }
    if (started == null) {
      throw new CommandFailure(
          "A machine called '%s' runs already; give this one another --name.".formatted(chosen));
    }
    server = started;
  }

  private void tryToStart(ControlFolder folder) {
    try {
      Thread.sleep(AT_FIRST_MILLIS);
      server = ControlServer.start(folder, name, this);
    } catch (IOException e) {
      // Nobody gave it a name, so nobody will call it.
    } catch (InterruptedException e) {
      // It has ended already.
    }
  }

  String name() {
    return name;
  }

  @Override
  public MachineInfo info() {
    MachineConfig config = machine.config();
    return new MachineInfo(
        name,
        ProcessHandle.current().pid(),
        config.engine(),
        config.cpus(),
        config.memory(),
        machine.paused() ? "paused" : "running",
        since);
  }

  @Override
  public void pause() throws InterruptedException {
    machine.pause();
  }

  @Override
  public void resume() {
    machine.resume();
  }

  @Override
  public void save(Path file, boolean replace, boolean keepRunning) throws InterruptedException {
    boolean stood = machine.paused();
    machine.save(name, file, replace);
    if (!keepRunning) {
      events.accept(new RunEvent.Saved(file));
    } else if (!stood) {
      machine.resume();
    }
  }

  /** The machine is gone. */
  @Override
  public void close() {
    Thread thread = starting;
    try {
      if (thread != null) {
        thread.interrupt();
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    ControlServer listener = server;
    if (listener != null) {
      listener.close();
    }
  }
}
