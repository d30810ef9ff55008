package isola.cli;

import isola.cli.control.ControlFolder;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Signals;
import isola.cli.terminal.Tty;
import isola.core.cpu.CpuEngine;
import isola.machine.board.EngineChoice;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * What commands touch of the process they run in, and of the modules below; tests put their own in
 * its place.
 *
 * @param in standard input
 * @param out standard output
 * @param messages standard error
 * @param tty finds the terminal behind a file descriptor
 * @param signals hears signals: a name and what to do
 * @param engines the CPU engines there are
 * @param machines builds a machine
 * @param images the images of this user
 * @param control where this user's running machines listen
 * @param halt ends the process at once, for when it does not end by itself
 */
record Surroundings(
    InputStream in,
    OutputStream out,
    Messages messages,
    Function<Integer, Optional<Tty>> tty,
    SignalSource signals,
    Supplier<List<CpuEngine>> engines,
    Function<MachineConfig, Machine> machines,
    Images images,
    ControlFolder control,
    IntConsumer halt) {

  static final int STDIN = 0;
  static final int STDOUT = 1;
  static final int STDERR = 2;

  /** Where signals come from. */
  @FunctionalInterface
  interface SignalSource {
    Signals.Handle on(String name, Runnable action);
  }

  /** Those of this process. */
  static Surroundings ofProcess() {
    // Not System.in and System.out: they buffer, lock, and translate.
    return new Surroundings(
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        new Messages(
            new PrintStream(
                new FileOutputStream(FileDescriptor.err), false, StandardCharsets.UTF_8)),
        Tty::of,
        Signals::on,
        EngineChoice::installed,
        Machine::create,
        new StoredImages(),
        ControlFolder.ofUser(),
        Runtime.getRuntime()::halt);
  }
}
