package isola.machine.board;

import isola.core.backend.ByteInput;
import isola.core.cpu.CpuEngine;
import isola.core.cpu.HostCodeListener;
import isola.host.HostClock;
import isola.host.HostEntropy;
import isola.machine.board.MachineConfig.ResetPolicy;
import isola.machine.board.boot.BootException;
import isola.machine.board.saved.Description;
import isola.machine.board.saved.SavedFileException;
import isola.machine.board.saved.SavedWriter;
import isola.machine.board.vcpu.Vcpus;
import isola.machine.devices.serial.Uart16550;
import isola.machine.devices.virtio.ConsolePort;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Runs a {@link PcBoard}: a supervising thread powers it on, waits for what ends the run, stops the
 * processors, and says how it ended or starts over.
 */
final class PcMachine implements Machine, PcBoard.Requests, Vcpus.Listener {
  private static final AtomicInteger NUMBERS = new AtomicInteger();

  /** Resets that come faster than this, so many times, are a loop. */
  private static final int LOOP_RESETS = 3;

  private static final long LOOP_NANOS = 10_000_000_000L;

  /** How long processors and device workers may take to stand still. */
  private static final long STANDSTILL_MILLIS = 10_000;

  /** What ended a run. */
  private enum Ending {
    POWER_OFF,
    SUSPEND,
    WAKE,
    STOP,
    TEST_EXIT,
    RESET,
    TRIPLE_FAULT,
    FAILURE
  }

  private record End(Ending kind, int cpu, String how, int status) {}

  private final String name = "isola-" + NUMBERS.incrementAndGet();
  private final Timeline timeline = new Timeline(this::instructions);
  private final HostClock clock;
  private final String engineName;
  private final PcBoard board;
  private final BoardState state;
  private final boolean restored;
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition ending = lock.newCondition();
  private final Thread supervisor;
  private volatile @Nullable Vcpus vcpus;

  /** Held by who pauses, resumes or saves the machine; before {@link #lock}. */
  private final ReentrantLock control = new ReentrantLock();

  // Written under control.
  private volatile boolean paused;

  private final CountDownLatch begun = new CountDownLatch(1);

  /** Read-locked by what comes in from outside, write-locked while the machine is saved. */
  private final ReentrantReadWriteLock outside = new ReentrantReadWriteLock();

  // Guarded by lock.
  private @Nullable End end;
  private boolean started;
  private volatile boolean closed;

  /** A new machine that has all that its engine has. */
  PcMachine(MachineConfig config, CpuEngine engine) {
    this(config, engine, OtherEngines.NONE);
  }

  /** A new machine. */
  PcMachine(MachineConfig config, CpuEngine engine, OtherEngines others) {
    this(config, engine, others, null);
  }

  /** A saved machine, to go on. */
  PcMachine(MachineConfig config, CpuEngine engine, SavedMachine saved) {
    this(config, engine, OtherEngines.NONE, saved);
  }

  /**
   * A machine to be started.
   *
   * @param others where a new one is to be able to go on
   * @param saved what it goes on from, or null for one that is powered on
   */
  private PcMachine(
      MachineConfig config, CpuEngine engine, OtherEngines others, @Nullable SavedMachine saved) {
    engineName = engine.name();
    restored = saved != null;
    clock = new HostClock(name);
    PcBoard built = null;
    try {
      if (saved != null) {
        clock.startFrom(saved.file().description().nanos());
      }
      Description.Hardware hardware = saved == null ? null : saved.file().description().hardware();
      built =
          new PcBoard(
              name, config, engine, this, timeline, clock, new HostEntropy(), others, hardware);
      board = built;
      state = new BoardState(built);
      if (saved == null) {
        built.powerOn(true);
      } else {
        built.threads.hold();
        state.restore(saved.file());
      }
    } catch (RuntimeException | IOException e) {
      if (built != null) {
        built.threads.close();
        built.close();
      }
      clock.close();
      throw failure(e, saved);
    }
    vcpus = newVcpus();
    supervisor = Thread.ofPlatform().daemon().name(name).unstarted(this::supervise);
    timeline.reach("machine built");
  }

  /** What becomes of a failure to build the machine. */
  private static RuntimeException failure(Exception e, @Nullable SavedMachine saved) {
    return switch (e) {
      case MachineException sentence -> sentence;
      case BootException sentence ->
          new MachineException(String.valueOf(sentence.getMessage()), sentence);
      case SavedFileException sentence ->
          new MachineException(String.valueOf(sentence.getMessage()), sentence);
      case IOException io when saved != null ->
          new MachineException(
              "Cannot read the memory of the saved machine %s: %s."
                  .formatted(saved.file().path(), HostErrors.reason(io)),
              io);
      case IllegalArgumentException damage when saved != null ->
          new MachineException(
              "The saved machine %s is damaged: %s."
                  .formatted(saved.file().path(), damage.getMessage()),
              damage);
      case IllegalStateException refusal when saved != null ->
          new MachineException(
              "The saved machine %s cannot go on here: %s"
                  .formatted(saved.file().path(), refusal.getMessage()),
              refusal);
      case RuntimeException other -> other;
      default -> new IllegalStateException(e);
    };
  }

  private Vcpus newVcpus() {
    return new Vcpus(name, board.vcpus, board.ports, board.cpuBuses, this);
  }

  private Vcpus running() {
    Vcpus now = vcpus;
    if (now == null) {
      throw new IllegalStateException("the machine is not built");
    }
    return now;
  }

  @Override
  public MachineConfig config() {
    return board.config;
  }

  @Override
  public void start() {
    lock.lock();
    try {
      if (!started && !closed) {
        started = true;
        supervisor.start();
      }
    } finally {
      lock.unlock();
    }
  }

  private void supervise() {
    try {
      outcome.complete(runToTheEnd());
    } catch (InterruptedException e) {
      outcome.complete(new Outcome.Stopped());
    } catch (Throwable e) {
      // Nothing that goes wrong here may end the JVM or leave somebody waiting.
      outcome.complete(new Outcome.Failed("The machine failed: " + e + "."));
    }
  }

  private Outcome runToTheEnd() throws InterruptedException {
    int quick = 0;
    boolean goesOn = restored;
    while (true) {
      long from = clock.nanos();
      timeline.reach(goesOn ? "machine goes on" : "kernel entry");
      begin(goesOn);
      goesOn = false;
      End how = untilEnd();
      while (how.kind == Ending.SUSPEND) {
        how = sleep();
      }
      clock.pause();
      long lasted = clock.nanos() - from;
      boolean resets = how.kind == Ending.RESET || how.kind == Ending.TRIPLE_FAULT;
      quick = resets && lasted < LOOP_NANOS ? quick + 1 : 0;
      boolean restart = resets && board.config.resets() == ResetPolicy.RESTART;
      if (!restart || quick >= LOOP_RESETS) {
        board.threads.drain();
        timeline.reach("end");
        return describe(how, lasted, restart);
      }
      board.powerOn(false);
      vcpus = newVcpus();
      forgetEnd();
    }
  }

  /** Lets clock and processors run; who wants to pause them waits until they do. */
  private void begin(boolean goesOn) {
    control.lock();
    try {
      if (goesOn) {
        // Just before the clock: an engine's own counters begin to count with it.
        board.cpuVm.resumed();
      }
      clock.resume();
      if (goesOn) {
        board.threads.release();
      }
      running().start();
      begun.countDown();
    } finally {
      control.unlock();
    }
  }

  /** Waits for what ends the run of the processors. */
  private End untilEnd() throws InterruptedException {
    End how = awaitEnd();
    running().stop();
    running().join();
    return how;
  }

  /** S3: nothing but clock and devices goes on until an event wakes the machine. */
  private End sleep() throws InterruptedException {
    forgetEnd();
    board.power.sleep();
    End how = awaitEnd();
    if (how.kind != Ending.WAKE) {
      return how;
    }
    if (!board.wakeUp()) {
      return new End(Ending.RESET, -1, "by waking up with nowhere to go", 0);
    }
    vcpus = newVcpus();
    forgetEnd();
    running().start();
    return untilEnd();
  }

  private void forgetEnd() {
    lock.lock();
    try {
      if (end != null && end.kind != Ending.STOP) {
        end = null;
      }
    } finally {
      lock.unlock();
    }
  }

  private End awaitEnd() throws InterruptedException {
    lock.lock();
    try {
      End how = end;
      while (how == null) {
        ending.await();
        how = end;
      }
      return how;
    } finally {
      lock.unlock();
    }
  }

  private Outcome describe(End how, long nanos, boolean loop) {
    String where = how.cpu >= 0 ? " " + running().where(how.cpu) : "";
    String after = " after %.2f s".formatted(nanos / 1e9);
    String panic = "";
    for (ConsoleWatch watch : board.watches) {
      if (!watch.panic().isEmpty()) {
        panic = "; its kernel had panicked: " + watch.panic();
        break;
      }
    }
    String again = loop ? "for the %drd time in a row ".formatted(LOOP_RESETS) : "";
    return switch (how.kind) {
      case POWER_OFF -> new Outcome.PoweredOff();
      case STOP, SUSPEND, WAKE -> new Outcome.Stopped();
      case TEST_EXIT -> new Outcome.TestExit(how.status);
      case RESET ->
          new Outcome.Reset(
              "The guest reset the machine %s%s%s%s%s."
                  .formatted(again, how.how, where, after, panic));
      case TRIPLE_FAULT ->
          new Outcome.TripleFault(
              "A triple fault shut the processor down %s%s%s%s."
                  .formatted(again, where.strip(), after, panic));
      case FAILURE ->
          new Outcome.Failed(
              "The %s engine or a device failed%s%s: %s"
                  .formatted(engineName, where, after, endFirstLine(how.how)));
    };
  }

  /** Puts a full stop after the sentence; an engine's report follows on lines of its own. */
  private static String endFirstLine(String text) {
    int end = text.indexOf('\n');
    return end < 0 ? text + "." : text.substring(0, end) + "." + text.substring(end);
  }

  private void end(Ending kind, int cpu, String how, int status) {
    Vcpus ended;
    lock.lock();
    try {
      // Those that run now: as soon as the end is known, others may take their place.
      ended = running();
      boolean asleep = end != null && (end.kind == Ending.SUSPEND || end.kind == Ending.WAKE);
      if (end == null || (asleep && kind == Ending.STOP)) {
        end = new End(kind, cpu, how, status);
        ending.signalAll();
      }
    } finally {
      lock.unlock();
    }
    // The caller may be a vCPU in the middle of an instruction that must be its last.
    ended.stop();
  }

  @Override
  public void powerOff() {
    end(Ending.POWER_OFF, -1, "", 0);
  }

  @Override
  public void suspend() {
    end(Ending.SUSPEND, -1, "", 0);
  }

  @Override
  public void wake() {
    end(Ending.WAKE, -1, "", 0);
  }

  @Override
  public void reset(String how) {
    end(Ending.RESET, running().current(), how, 0);
  }

  @Override
  public void testExit(int status) {
    end(Ending.TEST_EXIT, -1, "", status);
  }

  @Override
  public void shutdown(int cpu, String detail) {
    end(Ending.TRIPLE_FAULT, cpu, detail, 0);
  }

  @Override
  public void failed(int cpu, String detail) {
    end(Ending.FAILURE, cpu, detail, 0);
  }

  @Override
  public Outcome await() throws InterruptedException {
    try {
      return outcome.get();
    } catch (ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public @Nullable Outcome await(long millis) throws InterruptedException {
    try {
      return outcome.get(millis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return null;
    } catch (ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void stop() {
    end(Ending.STOP, -1, "", 0);
    lock.lock();
    try {
      if (!started) {
        started = true;
        outcome.complete(new Outcome.Stopped());
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void pressPowerButton() {
    outside.readLock().lock();
    try {
      board.power.pressPowerButton();
    } finally {
      outside.readLock().unlock();
    }
  }

  @Override
  public void pause() throws InterruptedException {
    awaitBegin();
    control.lock();
    try {
      if (!paused) {
        standStill();
      }
    } finally {
      control.unlock();
    }
  }

  /** A machine that is being started runs before it can be paused. */
  private void awaitBegin() throws InterruptedException {
    boolean soon;
    lock.lock();
    try {
      soon = started && end == null;
    } finally {
      lock.unlock();
    }
    while (soon && !outcome.isDone() && !begun.await(10, TimeUnit.MILLISECONDS)) {
      // One that fails at its start does not begin.
    }
  }

  private void standStill() throws InterruptedException {
    Vcpus now = running();
    if (!now.pause(STANDSTILL_MILLIS)) {
      now.resume();
      throw new MachineException(
          "A processor of the machine does not stop; does anybody read the guest's console?");
    }
    state.noteTime();
    board.cpuVm.paused();
    clock.pause();
    board.threads.hold();
    paused = true;
  }

  @Override
  public void resume() {
    control.lock();
    try {
      if (paused) {
        paused = false;
        board.cpuVm.resumed();
        clock.resume();
        board.threads.release();
        running().resume();
      }
    } finally {
      control.unlock();
    }
  }

  @Override
  public boolean paused() {
    return paused;
  }

  @Override
  public void save(String title, Path file, boolean replace) throws InterruptedException {
    awaitBegin();
    control.lock();
    try {
      if (!board.config.ports().isEmpty()) {
        throw new MachineException(
            "A machine that a program of this host talks to through its console ports cannot be"
                + " saved.");
      }
      boolean stood = paused;
      if (!stood) {
        standStill();
      }
      boolean written = false;
      outside.writeLock().lock();
      try {
        write(title, file, replace);
        written = true;
      } finally {
        outside.writeLock().unlock();
        if (!written && !stood) {
          resume();
        }
      }
    } finally {
      control.unlock();
    }
  }

  /** The machine is paused: what is under way in it comes to its end, and then it is written. */
  private void write(String title, Path file, boolean replace) throws InterruptedException {
    clock.settle();
    if (!board.threads.drain(STANDSTILL_MILLIS)) {
      throw new MachineException("A disk of the machine does not end what it does.");
    }
    if (!running().allPaused() || ended()) {
      throw new MachineException("A machine that has ended or sleeps cannot be saved.");
    }
    try {
      Description.Hardware hardware = SavedMachine.describe(board);
      List<Description.Part> parts = state.parts();
      new SavedWriter(board.memory, state.processors(), () -> closed)
          .write(
              file,
              replace,
              memory ->
                  new Description(
                      title,
                      Instant.now().toString(),
                      engineName,
                      hardware,
                      clock.nanos(),
                      parts,
                      memory));
    } catch (IOException e) {
      throw new MachineException(
          "Cannot save the machine to %s: %s.".formatted(file, HostErrors.reason(e)), e);
    }
  }

  private boolean ended() {
    lock.lock();
    try {
      return end != null;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public ByteInput serialInput(int index) {
    Uart16550 uart = board.serials.get(index);
    return new ByteInput() {
      @Override
      public int offer(byte[] bytes, int offset, int length) {
        outside.readLock().lock();
        try {
          return uart.offer(bytes, offset, length);
        } finally {
          outside.readLock().unlock();
        }
      }

      @Override
      public void onRoom(Runnable action) {
        uart.onRoom(action);
      }
    };
  }

  @Override
  public ByteInput portInput(int index) {
    ConsolePort port = board.consolePorts.get(index);
    return new ByteInput() {
      @Override
      public int offer(byte[] bytes, int offset, int length) {
        try {
          // Blocks while the port is full; a port that is closed swallows the rest.
          boolean _ = port.write(bytes, offset, length);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
        return length;
      }

      @Override
      public void onRoom(Runnable action) {
        // An offer takes everything.
      }
    };
  }

  @Override
  public void portEnd(int index) {
    board.consolePorts.get(index).end();
  }

  @Override
  public void drainPorts() throws InterruptedException {
    board.threads.drain();
  }

  @Override
  public void portSize(int index, int columns, int rows) {
    board.consolePorts.get(index).resize(columns, rows);
  }

  @Override
  public void phase(String phase) {
    timeline.reach(phase);
  }

  private long instructions() {
    Vcpus now = vcpus;
    return now == null ? 0 : now.counters().getOrDefault("instructions", 0L);
  }

  @Override
  public MachineStats stats() {
    MachineConfig config = board.config;
    Map<String, Long> counters = running().counters();
    Outcome result = outcome.getNow(null);
    return new MachineStats(
        engineName,
        config.cpus(),
        config.memory(),
        clock.nanos() / 1e9,
        counters.getOrDefault("instructions", 0L),
        running().exits(),
        counters,
        timeline.phases(),
        ProcessMemory.peakResidentBytes(),
        ProcessMemory.residentBytes(board.memory),
        result == null ? "running" : result.sentence());
  }

  @Override
  public void hostCode(HostCodeListener listener) {
    if (outcome.isDone()) {
      board.vcpus.forEach(vcpu -> vcpu.hostCode(listener));
    }
  }

  @Override
  public void close() {
    boolean running;
    lock.lock();
    try {
      running = started;
      started = true;
      closed = true;
    } finally {
      lock.unlock();
    }
    end(Ending.STOP, -1, "", 0);
    board.threads.close();
    if (!running) {
      outcome.complete(new Outcome.Stopped());
    }
    joinSupervisor();
    // Whoever saves the machine now sees that it is closed, and gives up.
    control.lock();
    try {
      board.close();
    } finally {
      control.unlock();
    }
    clock.close();
  }

  private void joinSupervisor() {
    boolean interrupted = false;
    while (supervisor.isAlive()) {
      try {
        supervisor.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
