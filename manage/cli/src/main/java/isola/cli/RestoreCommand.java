package isola.cli;

import isola.core.cpu.CpuEngine;
import isola.machine.board.EngineChoice;
import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.SavedMachine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola restore}: a saved machine goes on, its serial console where {@code boot} has it. */
final class RestoreCommand implements Subcommand {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  private final RunOptions options = new RunOptions();
  private final NameOption name = new NameOption();
  private final SerialOption serial = new SerialOption();
  private Path file = Path.of("");
  private List<DiskOption> disks = List.of();

  RestoreCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec =
        Syntax.command(
            this,
            "restore",
            "Let a saved machine go on; its serial console is standard input and output.");
    spec.usageMessage()
        .footer(
            "",
            "Without --engine it goes on with the engine that it was saved on, if that can run here.",
            "The file stays as it is: a machine can be restored from it again, with disks that are as they were.");
    options.declare(spec);
    spec.addPositional(
        Syntax.parameter(0, Path.class, Path::of, saved -> file = saved)
            .required(true)
            .paramLabel("FILE")
            .description("The saved machine.")
            .build());
    name.declare(spec);
    spec.addOption(
        DiskOption.option(list -> disks = list)
            .description(
                "An image to use instead of the machine's own, all of them in order; they must"
                    + " hold what the disks held when the machine was saved.")
            .build());
    serial.declare(spec);
    return spec;
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
