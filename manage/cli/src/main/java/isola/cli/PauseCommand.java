package isola.cli;

import isola.cli.control.ControlClient;
import picocli.CommandLine.Model.CommandSpec;

/**
 * {@code isola pause} and {@code isola resume}: asks one machine for what the command is called.
 */
final class PauseCommand implements Subcommand {
  private final Surroundings surroundings;
  private final String request;
  private final String description;
  private String name = "";

  private PauseCommand(Surroundings surroundings, String request, String description) {
    this.surroundings = surroundings;
    this.request = request;
    this.description = description;
  }

  static PauseCommand pause(Surroundings surroundings) {
    return new PauseCommand(
        surroundings,
        "pause",
        "Let a running machine stand still; its clocks stand still with it.");
  }

  static PauseCommand resume(Surroundings surroundings) {
    return new PauseCommand(surroundings, "resume", "Let a paused machine go on.");
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec = Syntax.command(this, request, description);
    spec.addPositional(MachineName.parameter(machine -> name = machine));
    return spec;
  }

  @Override
  public Integer call() {
    try {
      new ControlClient(surroundings.control()).ask(name, request);
    } catch (ControlClient.RefusedException e) {
      throw new CommandFailure(String.valueOf(e.getMessage()), e);
    }
    return ExitStatus.OK;
  }
}
