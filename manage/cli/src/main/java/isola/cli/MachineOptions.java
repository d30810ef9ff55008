package isola.cli;

import isola.machine.board.MachineConfig;
import isola.machine.board.boot.BootFile;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options that every command has that makes a machine. */
final class MachineOptions extends RunOptions {
  private static final int MOST_CPUS = 64;

  @Option(
      names = {"-c", "--cpus"},
      paramLabel = "N",
      defaultValue = "1",
      description = "Processors of the machine, 1 to 64 (default: ${DEFAULT-VALUE}).")
  int cpus = 1;

  @Option(
      names = {"-m", "--memory"},
      paramLabel = "SIZE",
      defaultValue = "1G",
      converter = Sizes.class,
      description = "Memory of the machine, such as 512M (default: ${DEFAULT-VALUE}).")
  long memory;

  @Option(
      names = "--cpu-model",
      paramLabel = "NAME",
      defaultValue = MachineConfig.BEST_CPU_MODEL,
      description =
          "The processor that the guest sees: v2 or v3 of x86-64, v2-la57 or v3-la57 with five levels"
              + " of page tables, best for the best that the engine has here, or common for what all"
              + " engines have here, so that the machine can be saved and go on with any of them"
              + " (default: ${DEFAULT-VALUE}).")
  String cpuModel = MachineConfig.BEST_CPU_MODEL;

  @Option(
      names = {"-a", "--append"},
      paramLabel = "STRING",
      defaultValue = "",
      description = "The kernel's command line; of run, more words for it.")
  String append = "";

  /** The engine to use; complains of options that cannot be followed. */
  String check(Surroundings surroundings, OptionsOfAll all) {
    if (cpus < 1 || cpus > MOST_CPUS) {
      throw new UsageFailure(
          "A machine has 1 to %d processors; %d were asked for.".formatted(MOST_CPUS, cpus));
    }
    if (stats != null) {
      StatsFile.check(stats);
    }
    return Engines.choose(
        engine, surroundings.engines().get(), surroundings.messages(), all.verbose);
  }

  /** The machine that was asked for, its memory in whole pages. */
  MachineConfig.Builder machine(Path kernel, String commandLine, String chosenEngine) {
    return MachineConfig.of(BootFile.of(kernel))
        .commandLine(commandLine)
        .cpus(cpus)
        .memory((memory + 4095) & ~4095L)
        .engine(chosenEngine)
        .cpuModel(cpuModel)
        .countInstructions(stats != null);
  }
}
