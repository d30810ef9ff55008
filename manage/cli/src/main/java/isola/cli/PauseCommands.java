package isola.cli;

import isola.cli.control.ControlClient;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code isola pause} and {@code isola resume}. */
final class PauseCommands {
  private PauseCommands() {}

  /** Asks one machine for something without an answer. */
  private abstract static class Asking implements Callable<Integer> {
    private final Surroundings surroundings;
    private final String request;

    @Parameters(paramLabel = "NAME", description = "The machine, as isola list has it.")
    private String name = "";

    Asking(Surroundings surroundings, String request) {
      this.surroundings = surroundings;
      this.request = request;
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

  @Command(
      name = "pause",
      description = "Let a running machine stand still; its clocks stand still with it.")
  static final class Pause extends Asking {
    Pause(Surroundings surroundings) {
      super(surroundings, "pause");
    }
  }

  @Command(name = "resume", description = "Let a paused machine go on.")
  static final class Resume extends Asking {
    Resume(Surroundings surroundings) {
      super(surroundings, "resume");
    }
  }
}
