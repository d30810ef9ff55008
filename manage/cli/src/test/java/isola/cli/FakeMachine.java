package isola.cli;

import isola.core.backend.ByteInput;
import isola.core.cpu.HostCodeListener;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.MachineException;
import isola.machine.board.MachineStats;
import isola.machine.board.Outcome;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A machine without processors: its guest is a Java method that sees the ports as a guest would.
 */
final class FakeMachine implements Machine {
  /** What the guest does, on a thread of its own. */
  interface Guest {
    void run(FakeMachine machine) throws InterruptedException;
  }

  final MachineConfig config;
  final List<String> phases = new ArrayList<>();
  final List<String> saved = new CopyOnWriteArrayList<>();
  volatile @Nullable String saveRefusal;
  volatile boolean paused;
  volatile boolean closed;
  final AtomicInteger powerButtons = new AtomicInteger();
  private final Guest guest;
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private final Map<Integer, Input> inputs = new HashMap<>();
  private @Nullable Thread thread;

  FakeMachine(MachineConfig config, Guest guest) {
    this.config = config;
    this.guest = guest;
  }

  /** What the host has put into a port or serial line. */
  static final class Input implements ByteInput {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private boolean ended;

    @Override
    public synchronized int offer(byte[] from, int offset, int length) {
      bytes.write(from, offset, length);
      notifyAll();
      return length;
    }

    @Override
    public void onRoom(Runnable action) {}

    synchronized void end() {
      ended = true;
      notifyAll();
    }

    synchronized boolean ended() {
      return ended;
    }

    /** Waits until the text is there. */
    synchronized String await(String text) throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (!text().contains(text)) {
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          throw new AssertionError("the host never wrote " + text + " but " + text());
        }
        wait(left);
      }
      return text();
    }

    /** Waits for the end of input. */
    synchronized String awaitEnd() throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (!ended) {
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          throw new AssertionError("the host never ended the input");
        }
        wait(left);
      }
      return text();
    }

    synchronized String text() {
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }

  private int port(String name) {
    for (int i = 0; i < config.ports().size(); i++) {
      if (config.ports().get(i).name().equals(name)) {
        return i;
      }
    }
    throw new AssertionError("the machine has no port " + name);
  }

  /** The guest writes to a port. */
  void write(String port, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    config.ports().get(port(port)).output().accept(bytes, 0, bytes.length);
  }

  /** The guest writes to its serial console. */
  void writeSerial(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    config.serials().getFirst().output().accept(bytes, 0, bytes.length);
  }

  /** What the guest can read from a port. */
  Input input(String port) {
    return input(port(port));
  }

  private synchronized Input input(int index) {
    return inputs.computeIfAbsent(index, _ -> new Input());
  }

  Input serial() {
    return input(-1);
  }

  /** The agent's greeting, and the request that answers it. */
  String greet() throws InterruptedException {
    write("isola.control", "hello 1\n");
    return input("isola.control").await("run\n");
  }

  void end(Outcome how) {
    outcome.complete(how);
  }

  @Override
  public void start() {
    thread =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try {
                    guest.run(this);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
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
    } catch (ExecutionException e) {
      throw new AssertionError(e);
    } catch (TimeoutException e) {
      return null;
    }
  }

  @Override
  public void stop() {
    outcome.complete(new Outcome.Stopped());
  }

  @Override
  public void pressPowerButton() {
    int _ = powerButtons.incrementAndGet();
  }

  @Override
  public MachineConfig config() {
    return config;
  }

  @Override
  public void pause() {
    paused = true;
  }

  @Override
  public void resume() {
    paused = false;
  }

  @Override
  public boolean paused() {
    return paused;
  }

  @Override
  public void save(String name, Path file, boolean replace) {
    String refusal = saveRefusal;
    if (refusal != null) {
      throw new MachineException(refusal);
    }
    paused = true;
    saved.add("%s to %s%s".formatted(name, file, replace ? ", replacing" : ""));
  }

  @Override
  public ByteInput serialInput(int index) {
    return serial();
  }

  @Override
  public ByteInput portInput(int index) {
    return input(index);
  }

  @Override
  public void portEnd(int index) {
    input(index).end();
  }

  @Override
  public void drainPorts() {}

  @Override
  public void portSize(int index, int columns, int rows) {}

  @Override
  public void phase(String name) {
    phases.add(name);
  }

  @Override
  public void hostCode(HostCodeListener listener) {
    listener.code(0x7f00_1000L, 0x40, "guest:kernel:ffffffff81000000");
  }

  @Override
  public MachineStats stats() {
    return new MachineStats(
        config.engine(),
        config.cpus(),
        config.memory(),
        1.5,
        123_456_789L,
        Map.of("port_in", 12L, "halt", 3L),
        Map.of("tlb_misses", 40L, "decodes", 2L),
        List.of(new MachineStats.Phase("machine built", 80.25, 0)),
        150L << 20,
        90L << 20,
        "running");
  }

  @Override
  public void close() {
    closed = true;
    stop();
    Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
  }
}
