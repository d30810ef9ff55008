package isola.cli;

import isola.cli.control.ControlFolder;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Signals;
import isola.cli.terminal.Tty;
import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.memory.GuestMemory;
import isola.host.Terminal;
import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.store.VolumeDisk;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.Outcome;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A place to run commands in: streams, terminal, signals, images and machines that a test controls.
 */
final class Bench {
  final ByteArrayOutputStream out = new ByteArrayOutputStream();
  final ByteArrayOutputStream err = new ByteArrayOutputStream();
  final Map<String, Runnable> signals = new HashMap<>();
  final CompletableFuture<FakeMachine> machine = new CompletableFuture<>();
  final CompletableFuture<Integer> halted = new CompletableFuture<>();
  final List<CpuEngine> engines = new ArrayList<>(List.of(engine("interpreter", null)));
  final FakeTty tty = new FakeTty();
  final List<Path> volumes = new ArrayList<>();
  InputStream in = InputStream.nullInputStream();
  OutputStream stdout = out;
  boolean onTerminal;
  @Nullable ImageException pullFailure;
  boolean cached = true;
  Path control = folder();
  Function<MachineConfig, Machine> machines;

  Bench(FakeMachine.Guest guest) {
    machines =
        config -> {
          FakeMachine made = new FakeMachine(config, guest);
          machine.complete(made);
          return made;
        };
  }

  private static Path folder() {
    try {
      // Short: a socket's path has a limit.
      Path folder = Files.createTempDirectory(Path.of("/tmp"), "isola-test");
      folder.toFile().deleteOnExit();
      return folder.resolve("m");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A guest whose agent runs the command, which then does what {@code command} says. */
  static Bench running(FakeMachine.Guest command) {
    return new Bench(
        machine -> {
          String _ = machine.greet();
          machine.write("isola.control", "started\n");
          command.run(machine);
        });
  }

  /** Another process of the same user. */
  Bench neighbour() {
    Bench made = new Bench(machine -> machine.end(new Outcome.PoweredOff()));
    made.control = control;
    return made;
  }

  Bench typing(String text) {
    in = new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  static CpuEngine engine(String name, @Nullable String obstacle) {
    return new CpuEngine() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public int preference() {
        return List.of("interpreter", "translator", "kvm").indexOf(name);
      }

      @Override
      public Optional<String> unavailable() {
        return Optional.ofNullable(obstacle);
      }

      @Override
      public CpuVm create(GuestMemory memory) {
        throw new UnsupportedOperationException();
      }
    };
  }

  /** A terminal with a mode and a size. */
  static final class FakeTty implements Tty {
    volatile boolean raw;
    final AtomicInteger rawTimes = new AtomicInteger();
    volatile Terminal.Size size = new Terminal.Size(100, 30);
    volatile @Nullable Consumer<Terminal.Size> watcher;

    @Override
    public Optional<Terminal.Size> size() {
      return Optional.of(size);
    }

    @Override
    public Terminal.Handle raw() {
      raw = true;
      int _ = rawTimes.incrementAndGet();
      return () -> raw = false;
    }

    @Override
    public Terminal.Handle watch(Consumer<Terminal.Size> listener) {
      watcher = listener;
      return () -> watcher = null;
    }
  }

  private final Images images =
      new Images() {
        @Override
        public Optional<Image> find(ImageName name) {
          return cached ? Optional.of(image(name)) : Optional.empty();
        }

        @Override
        public Image obtain(ImageName name, Progress progress) throws ImageException {
          return pull(name, progress);
        }

        @Override
        public Image pull(ImageName name, Progress progress) throws ImageException {
          progress.at(Progress.Phase.PACKAGES, 0, 2_000_000);
          ImageException failure = pullFailure;
          if (failure != null) {
            throw failure;
          }
          progress.at(Progress.Phase.PACKAGES, 2_000_000, 2_000_000);
          return image(name);
        }

        @Override
        public List<Image> list() {
          return cached ? List.of(image(new ImageName("debian", "13", "trixie"))) : List.of();
        }

        @Override
        public boolean remove(ImageName name) {
          boolean was = cached;
          cached = false;
          return was;
        }

        @Override
        public VolumeDisk volume(Path from) {
          volumes.add(from);
          return new VolumeDisk(
              Path.of("/nowhere/volume" + volumes.size()), java.nio.file.Files.isRegularFile(from));
        }
      };

  static Image image(ImageName name) {
    return new Image(
        name,
        "0123456789abcdef0123",
        Instant.parse("2026-01-02T03:04:05Z"),
        Path.of("/nowhere/kernel"),
        "6.12.1+deb13-cloud-amd64",
        Path.of("/nowhere/initrd"),
        Path.of("/nowhere/root"),
        81_234_567,
        List.of(new Image.InstalledPackage("libc6", "2.41-12", "amd64")));
  }

  Surroundings surroundings() {
    return new Surroundings(
        in,
        stdout,
        new Messages(new PrintStream(err, true, StandardCharsets.UTF_8)),
        _ -> onTerminal ? Optional.of(tty) : Optional.empty(),
        (name, action) -> {
          signals.put(name, action);
          Signals.Handle handle = () -> signals.remove(name);
          return handle;
        },
        () -> engines,
        config -> machines.apply(config),
        images,
        new ControlFolder(control),
        halted::complete);
  }

  /** Runs a command; fails if it hangs. */
  int run(String... arguments) {
    try {
      return start(arguments).get(20, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("the command hangs; it said: " + err(), e);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Starts a command. */
  CompletableFuture<Integer> start(String... arguments) {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    Surroundings surroundings = surroundings();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                status.complete(new Isola(surroundings).execute(arguments));
              } catch (Throwable e) {
                status.completeExceptionally(e);
              }
            });
    return status;
  }

  /** A signal reaches the process. */
  void signal(String name) {
    Runnable action = signals.get(name);
    if (action == null) {
      throw new AssertionError("nobody listens to SIG" + name);
    }
    action.run();
  }

  FakeMachine awaitMachine() {
    try {
      return machine.get(10, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError("no machine was made; it said: " + err(), e);
    }
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  /** A stream that fails with this reason once {@code allowed} bytes went through. */
  static OutputStream failing(String reason, int allowed) {
    return new OutputStream() {
      private int left = allowed;

      @Override
      public void write(int b) throws IOException {
        if (left-- <= 0) {
          throw new IOException(reason);
        }
      }
    };
  }
}
