package isola.cli;

import isola.cli.terminal.Messages;
import isola.machine.board.Machine;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The file by which Linux perf names addresses of code that no file holds: lines of start, size and
 * name, numbers in hex (Linux tools/perf/Documentation/jit-interface.txt).
 */
final class PerfMap {
  private PerfMap() {}

  /** Writes the file for a machine whose run has ended. */
  static void write(Machine machine, Messages messages) {
    Path file = Path.of("/tmp/perf-%d.map".formatted(ProcessHandle.current().pid()));
    write(machine, file, messages);
  }

  static void write(Machine machine, Path file, Messages messages) {
    try {
      // One of an earlier process with this number, perhaps; never what a link there leads to.
      Files.deleteIfExists(file);
    } catch (IOException e) {
      messages.say("Cannot replace %s: %s.".formatted(file, e.getMessage()));
      return;
    }
    try (PrintWriter out =
        new PrintWriter(
            Files.newBufferedWriter(
                file,
                StandardCharsets.US_ASCII,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE))) {
      machine.hostCode(
          (address, size, name) -> {
            out.print(Long.toHexString(address));
            out.print(' ');
            out.print(Long.toHexString(size));
            out.print(' ');
            out.print(name);
            out.print('\n');
          });
      if (out.checkError()) {
        throw new IOException("No space, or no right to write");
      }
    } catch (IOException e) {
      messages.say("Cannot write %s: %s.".formatted(file, e.getMessage()));
    }
  }
}
