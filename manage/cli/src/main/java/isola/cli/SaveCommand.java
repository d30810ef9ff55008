package isola.cli;

import isola.cli.control.ControlClient;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola save}: a running machine into a file. */
final class SaveCommand implements Subcommand {
  private final Surroundings surroundings;
  private String name = "";
  private Path file = Path.of("");
  private boolean keepRunning;
  private boolean force;

  SaveCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec =
        Syntax.command(
            this,
            "save",
            "Save a running machine to a file and end it; isola restore lets it go on.");
    spec.usageMessage()
        .footer(
            "",
            "Disks are not in the file: it names them, and they must stay as they are until the machine is restored.");
    spec.addPositional(MachineName.parameter(machine -> name = machine));
    spec.addPositional(
        Syntax.parameter(1, Path.class, Path::of, target -> file = target)
            .required(true)
            .paramLabel("FILE")
            .description("The file to write.")
            .build());
    spec.addOption(
        Syntax.flag(on -> keepRunning = on, "--keep-running")
            .description("Let the machine go on when it is saved.")
            .build());
    spec.addOption(
        Syntax.flag(on -> force = on, "-f", "--force")
            .description("Replace FILE if it is there.")
            .build());
    return spec;
  }

  @Override
  public Integer call() {
    try {
      new ControlClient(surroundings.control()).save(name, file, force, keepRunning);
    } catch (ControlClient.RefusedException e) {
      throw new CommandFailure(String.valueOf(e.getMessage()), e);
    }
    return ExitStatus.OK;
  }
}
