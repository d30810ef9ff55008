package isola.cli.control;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Listens for what others want of one running machine, until it is closed. Any thread. */
public final class ControlServer implements AutoCloseable {
  private static final int MOST_CONVERSATIONS = 16;

  /** How long the end of the process waits for its last answers. */
  private static final long LAST_WORDS_MILLIS = 1000;

  private final ControlFolder folder;
  private final String name;
  private final Controlled machine;
  private final ServerSocketChannel listener;
  private final AtomicInteger conversations = new AtomicInteger();

  /** Counted down when the machine is gone, its name is free and its disks are. */
  private final CountDownLatch gone = new CountDownLatch(1);

  private ControlServer(
      ControlFolder folder, String name, Controlled machine, ServerSocketChannel listener) {
    this.folder = folder;
    this.name = name;
    this.machine = machine;
    this.listener = listener;
  }

  /**
   * Begins to listen.
   *
   * @return null if a running machine has the name
   * @throws IOException if that is not possible here, with the reason
   */
  public static @Nullable ControlServer start(ControlFolder folder, String name, Controlled machine)
      throws IOException {
    ServerSocketChannel listener = folder.claim(name);
    if (listener == null) {
      return null;
    }
    ControlServer server = new ControlServer(folder, name, machine, listener);
    Thread.ofPlatform().daemon().name("control").start(server::accept);
    return server;
  }

  private void accept() {
    try {
      while (true) {
        SocketChannel caller = listener.accept();
        if (conversations.incrementAndGet() > MOST_CONVERSATIONS) {
          conversations.decrementAndGet();
          caller.close();
        } else {
          Thread.ofPlatform().daemon().name("control conversation").start(() -> talk(caller));
        }
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void talk(SocketChannel caller) {
    try (caller) {
      Map<String, String> request = Wire.receive(caller);
      Wire.send(caller, answer(request));
    } catch (IOException e) {
      // Whoever asked has gone.
    } finally {
      conversations.decrementAndGet();
    }
  }

  private Map<String, String> answer(Map<String, String> request) {
    Map<String, String> answer = new LinkedHashMap<>();
    try {
      switch (request.getOrDefault("request", "")) {
        case "info" -> answer.putAll(machine.info().message());
        case "pause" -> machine.pause();
        case "resume" -> machine.resume();
        case "save" -> {
          if (Path.of(request.getOrDefault("file", "")).isAbsolute()) {
            save(request);
          } else {
            answer.put("error", "There is no file to save the machine to.");
          }
        }
        default -> answer.put("error", "This machine does not know what is asked of it.");
      }
    } catch (InterruptedException e) {
      answer.put("error", "The machine was interrupted.");
    } catch (InvalidPathException e) {
      answer.put("error", "There is no such path.");
    } catch (RuntimeException e) {
      answer.put("error", String.valueOf(e.getMessage()));
    }
    return answer;
  }

  private void save(Map<String, String> request) throws InterruptedException {
    boolean keepRunning = "true".equals(request.get("keepRunning"));
    machine.save(
        Path.of(request.getOrDefault("file", "")),
        "true".equals(request.get("replace")),
        keepRunning);
    if (!keepRunning) {
      // Then its name and its disks are free for the machine that goes on.
      gone.await();
    }
  }

  /** The machine is gone: its name is free. Gives those who wait their answers. */
  @Override
  public void close() {
    folder.release(name);
    try {
      listener.close();
      gone.countDown();
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LAST_WORDS_MILLIS);
      while (conversations.get() > 0 && System.nanoTime() < end) {
        Thread.sleep(1);
      }
    } catch (IOException e) {
      // Nothing more comes in, whatever the reason.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
