package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Tty;
import isola.core.backend.ByteInput;
import isola.host.InputPump;
import isola.host.Terminal;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.MachineException;
import isola.machine.board.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One guest's run as the command line sees it: the machine, the streams and the terminal joined to
 * it, the signals of this process, and a queue of what happens. The command takes events off it
 * with {@link #next}, and {@link #close} puts everything back, in the reverse order, whatever
 * happened. One thread but where noted.
 */
final class GuestRun implements AutoCloseable {
  /** The signal that ends this process at once, however often it was asked in good order. */
  private static final int LAST_SIGNAL = 3;

  /** A machine that does not end within this many milliseconds is left to the process's end. */
  private static final long CLOSE_MILLIS = 5_000;

  /** How long the machine may take to stand still before its figures are read. */
  private static final long STOP_MILLIS = 1_000;

  private final Surroundings surroundings;
  private final BlockingQueue<RunEvent> events = new LinkedBlockingQueue<>();
  private final Deque<AutoCloseable> closing = new ArrayDeque<>();
  private final AtomicInteger signals = new AtomicInteger();
  private volatile @Nullable Machine machine;
  private volatile Terminal.@Nullable Handle rawMode;
  private volatile boolean closed;
  private @Nullable Listening control;
  private long deadline = Long.MAX_VALUE;
  private int status = ExitStatus.ISOLA;

  GuestRun(Surroundings surroundings) {
    this.surroundings = surroundings;
    closing.push(surroundings.signals().on("INT", () -> signalled(ExitStatus.SIGINT)));
    closing.push(surroundings.signals().on("TERM", () -> signalled(ExitStatus.SIGTERM)));
    closing.push(surroundings.signals().on("HUP", () -> signalled(ExitStatus.SIGHUP)));
  }

  private void signalled(int number) {
    if (closed || signals.incrementAndGet() >= LAST_SIGNAL) {
      Terminal.Handle mode = rawMode;
      if (mode != null) {
        mode.close();
      }
      surroundings.halt().accept(ExitStatus.signal(number));
    }
    events.add(new RunEvent.Signalled(number));
  }

  /** Reports an event. Any thread. */
  void report(RunEvent event) {
    events.add(event);
  }

  /** A sink into a stream of this process; its failure becomes an event. Any thread. */
  StreamSink sink(OutputStream stream) {
    return new StreamSink(stream, why -> report(new RunEvent.OutputGone(why)));
  }

  /** Builds the machine. */
  Machine build(MachineConfig config) {
    Machine built = surroundings.machines().apply(config);
    machine = built;
    return built;
  }

  /** Takes over a machine that was built elsewhere. */
  Machine adopt(Machine built) {
    machine = built;
    return built;
  }

  /**
   * Lets other processes find and control the machine.
   *
   * @param chosen the name that the user gave it, or null
   * @param what what runs in it, from which its name is made otherwise
   */
  void listen(@Nullable String chosen, String what) {
    control = Listening.start(surroundings, chosen, what, built(), this::report);
  }

  /** Closes {@code thing} at the end of the run, before what was there already. */
  void closeLater(AutoCloseable thing) {
    closing.push(thing);
  }

  /** Lets the machine run, as long as the options allow, and reports its end. */
  void start(RunOptions options) {
    Machine started = built();
    started.start();
    Thread.ofPlatform()
        .daemon()
        .name("machine end")
        .start(
            () -> {
              try {
                report(new RunEvent.Ended(started.await()));
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    if (options.timeout != null) {
      limit(options.timeout.toNanos());
    }
  }

  /**
   * Stops the machine, and gives its figures where they were asked for.
   *
   * @param command {@code run}, {@code boot} or {@code restore}
   * @param value what the process will end with
   */
  void finish(String command, RunOptions options, OptionsOfAll all, int value)
      throws InterruptedException {
    Machine ending = built();
    ending.stop();
    Outcome _ = ending.await(STOP_MILLIS);
    if (options.stats != null) {
      StatsFile.write(options.stats, command, ending.stats(), value);
    }
    if (options.perfMap) {
      PerfMap.write(ending, surroundings.messages());
    }
    all.timings(surroundings.messages(), ending);
  }

  /** Does what the escape key asked for; true if the machine is to be stopped. */
  boolean escaped(EscapeKey.Action action, int key) throws InterruptedException {
    switch (action) {
      case SAVE -> saveHere();
      case QUIT -> surroundings.messages().say("The machine was stopped.");
      case POWER -> built().pressPowerButton();
      case HELP -> help(key);
    }
    return action == EscapeKey.Action.QUIT;
  }

  private void saveHere() throws InterruptedException {
    Listening listening = control;
    if (listening != null) {
      try {
        listening.save(Path.of(listening.name() + ".isola"), false, false);
      } catch (MachineException e) {
        surroundings.messages().say(String.valueOf(e.getMessage()));
      }
    }
  }

  private Machine built() {
    Machine found = machine;
    if (found == null) {
      throw new IllegalStateException("no machine was built");
    }
    return found;
  }

  /** From now on, {@link #next} reports {@link RunEvent.TimedOut} after this many nanoseconds. */
  void limit(long nanos) {
    deadline = System.nanoTime() + nanos;
  }

  /** There is no limit any more. */
  void unlimited() {
    deadline = Long.MAX_VALUE;
  }

  /** Waits for the next event. */
  RunEvent next() throws InterruptedException {
    if (deadline == Long.MAX_VALUE) {
      return events.take();
    }
    RunEvent event = events.poll(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
    if (event == null) {
      deadline = Long.MAX_VALUE;
      return new RunEvent.TimedOut();
    }
    return event;
  }

  /** Runs {@code wait} on a thread of its own, then reports {@link RunEvent.Drained}. */
  void drain(Wait wait) {
    Thread.ofPlatform()
        .daemon()
        .name("last output")
        .start(
            () -> {
              try {
                wait.run();
                report(new RunEvent.Drained());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  /** Something that waits. */
  @FunctionalInterface
  interface Wait {
    void run() throws InterruptedException;
  }

  /**
   * Puts the terminal into raw mode, and everything typed goes to the guest but the escape key.
   *
   * @return what to read the keys from
   */
  InputStream rawKeys(Tty tty, int escape) {
    Messages messages = surroundings.messages();
    Terminal.Handle mode = tty.raw();
    rawMode = mode;
    messages.raw(true);
    closing.push(
        () -> {
          mode.close();
          messages.raw(false);
        });
    return escape == EscapeKey.NONE
        ? surroundings.in()
        : new EscapeKey(surroundings.in(), escape, action -> report(new RunEvent.Escaped(action)));
  }

  /** Carries {@code stream} to a device until its end, then runs {@code atEnd}. */
  void feed(InputStream stream, ByteInput device, Runnable atEnd) {
    closing.push(new InputPump("input", stream, device, atEnd));
  }

  /** Tells the person what the escape key does. */
  void help(int escape) {
    String key = EscapeKey.show(escape);
    surroundings
        .messages()
        .say(
            "%s then q stops the machine, p presses its power button, s saves and ends it, %s again sends %s."
                .formatted(key, key, key));
  }

  /**
   * What to end with when nobody takes our output.
   *
   * @param otherwise the status for a failure that is not the reader's doing
   */
  int outputGone(IOException why, int otherwise) {
    String reason = String.valueOf(why.getMessage());
    if (reason.contains("Broken pipe")) {
      // As a program that writes into a pipe that nobody reads: silent.
      return ExitStatus.signal(ExitStatus.SIGPIPE);
    }
    if (reason.contains("Input/output error")) {
      return ExitStatus.signal(ExitStatus.SIGHUP);
    }
    surroundings
        .messages()
        .say("Cannot write the guest's output: %s; the machine was stopped.".formatted(reason));
    return otherwise;
  }

  /** Notes what the process will end with, for the case that closing hangs. */
  int endWith(int value) {
    status = value;
    return value;
  }

  /** Stops what runs and puts everything back. */
  @Override
  public void close() {
    closed = true;
    Thread watchdog =
        Thread.ofPlatform()
            .daemon()
            .name("end of run")
            .start(
                () -> {
                  try {
                    Thread.sleep(CLOSE_MILLIS);
                    surroundings.halt().accept(status);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    // The terminal first: whatever goes wrong below, it is usable again.
    while (!closing.isEmpty()) {
      try {
        closing.pop().close();
      } catch (Exception e) {
        surroundings.messages().say("Something could not be closed: " + e.getMessage());
      }
    }
    Machine running = machine;
    if (running != null) {
      running.close();
    }
    Listening listening = control;
    if (listening != null) {
      // Its name is free when its disks are.
      listening.close();
    }
    watchdog.interrupt();
  }
}
