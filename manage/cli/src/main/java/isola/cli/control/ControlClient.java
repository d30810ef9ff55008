package isola.cli.control;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Asks running machines for something. One thread. */
public final class ControlClient {
  /** A machine that does not say within this time what it does is stuck. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /** A machine refused, or is not there; the message is one sentence for the user. */
  public static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    RefusedException(String sentence) {
      super(sentence);
    }
  }

  private final ControlFolder folder;

  /** Asks the machines of a folder. */
  public ControlClient(ControlFolder folder) {
    this.folder = folder;
  }

  /** The machines that run, and the names of those that do not answer. */
  public record Listing(List<MachineInfo> machines, List<String> silent) {}

  /**
   * Asks every machine what it is.
   *
   * @throws IOException if the folder cannot be read
   */
  public Listing list() throws IOException, InterruptedException {
    List<MachineInfo> machines = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (String name : folder.names()) {
      SocketChannel channel = folder.connect(name);
      if (channel == null) {
        folder.forgetIfStale(name);
        continue;
      }
      MachineInfo info = info(channel);
      if (info == null) {
        silent.add(name);
      } else {
        machines.add(info);
      }
    }
    return new Listing(machines, silent);
  }

  private static @Nullable MachineInfo info(SocketChannel channel)
      throws IOException, InterruptedException {
    MachineInfo[] info = new MachineInfo[1];
    try (channel) {
      Thread asking =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      Wire.send(channel, Map.of("request", "info"));
                      info[0] = MachineInfo.of(Wire.receive(channel));
                    } catch (IOException e) {
                      // It does not answer.
                    }
                  });
      boolean _ = asking.join(PATIENCE);
    }
    return info[0];
  }

  /** Pauses a machine, or lets it go on: {@code pause} or {@code resume}. */
  public void ask(String name, String request) throws RefusedException {
    ask(name, Map.of("request", request));
  }

  /** Has a machine saved; returns when the file is complete and, unless kept, the machine gone. */
  public void save(String name, Path file, boolean replace, boolean keepRunning)
      throws RefusedException {
    ask(
        name,
        Map.of(
            "request",
            "save",
            "file",
            file.toAbsolutePath().toString(),
            "replace",
            Boolean.toString(replace),
            "keepRunning",
            Boolean.toString(keepRunning)));
  }

  private void ask(String name, Map<String, String> request) throws RefusedException {
    SocketChannel channel = folder.connect(name);
    if (channel == null) {
      throw new RefusedException(
          "No machine '%s' runs; isola list shows those that do.".formatted(name));
    }
    try (channel) {
      Wire.send(channel, request);
      String error = Wire.receive(channel).get("error");
      if (error != null) {
        throw new RefusedException(error);
      }
    } catch (IOException e) {
      throw new RefusedException("The machine '%s' ended before it answered.".formatted(name));
    }
  }
}
