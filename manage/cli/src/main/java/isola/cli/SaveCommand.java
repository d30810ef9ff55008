package isola.cli;

import isola.cli.control.ControlClient;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code isola save}: a running machine into a file. */
@Command(
    name = "save",
    description = "Save a running machine to a file and end it; isola restore lets it go on.",
    footer = {
      "",
      "Disks are not in the file: it names them, and they must stay as they are until the machine is restored."
    })
final class SaveCommand implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(index = "0", paramLabel = "NAME", description = "The machine, as isola list has it.")
  private String name = "";

  @Parameters(index = "1", paramLabel = "FILE", description = "The file to write.")
  private Path file = Path.of("");

  @Option(names = "--keep-running", description = "Let the machine go on when it is saved.")
  private boolean keepRunning;

  @Option(
      names = {"-f", "--force"},
      description = "Replace FILE if it is there.")
  private boolean force;

  SaveCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
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
