package isola.cli;

import isola.core.cpu.CpuEngine;
import isola.machine.board.EngineChoice;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.SavedMachine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code isola restore}: a saved machine goes on, its serial console where {@code boot} has it. */
@Command(
    name = "restore",
    description = "Let a saved machine go on; its serial console is standard input and output.",
    footer = {
      "",
      "Without --engine it goes on with the engine that it was saved on, if that can run here.",
      "The file stays as it is: a machine can be restored from it again, with disks that are as they were."
    })
final class RestoreCommand implements Callable<Integer> {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  @Mixin private RunOptions options = new RunOptions();

  @Parameters(paramLabel = "FILE", description = "The saved machine.")
  private Path file = Path.of("");

  @Mixin private NameOption name = new NameOption();

  @Option(
      names = {"-d", "--disk"},
      paramLabel = "FILE[,ro][,format=raw]",
      converter = DiskOption.Converter.class,
      description =
          "An image to use instead of the machine's own, all of them in order; they must hold what"
              + " the disks held when the machine was saved.")
  private List<DiskOption> disks = new ArrayList<>();

  @Mixin private SerialOption serial = new SerialOption();

  RestoreCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (options.stats != null) {
      StatsFile.check(options.stats);
    }
    SavedMachine saved = SavedMachine.open(file);
    String engine =
        Engines.choose(
            engine(saved.engine()),
            surroundings.engines().get(),
            surroundings.messages(),
            all.verbose);
    try (GuestRun run = new GuestRun(surroundings)) {
      SerialConsole console = new SerialConsole(surroundings, all, options, run, serial.to);
      List<MachineConfig.Serial> lines = new ArrayList<>();
      for (int i = 0; i < saved.serials(); i++) {
        lines.add(new MachineConfig.Serial(i == 0 ? console.sink() : SerialConsole.nowhere()));
      }
      List<MachineConfig.Disk> images =
          disks.stream().map(disk -> new MachineConfig.Disk(disk.file(), disk.readOnly())).toList();
      Machine machine = run.adopt(saved.restore(engine, images, lines, options.stats != null));
      return run.endWith(console.runToTheEnd("restore", machine, name, saved.name()));
    }
  }

  private String engine(String before) {
    if (!options.engine.equals(EngineChoice.AUTO)) {
      return options.engine;
    }
    for (CpuEngine engine : surroundings.engines().get()) {
      if (engine.name().equals(before) && engine.unavailable().isEmpty()) {
        return before;
      }
    }
    return EngineChoice.AUTO;
  }
}
