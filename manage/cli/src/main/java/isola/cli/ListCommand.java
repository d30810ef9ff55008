package isola.cli;

import isola.cli.control.ControlClient;
import isola.cli.control.MachineInfo;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola list}: the machines that run. */
final class ListCommand implements Subcommand {
  private final Surroundings surroundings;
  private boolean quiet;

  ListCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec = Syntax.command(this, "list", "List the machines of this user that run.");
    spec.addOption(
        Syntax.flag(on -> quiet = on, "-q", "--quiet").description("Names alone.").build());
    return spec;
  }

  @Override
  public Integer call() throws InterruptedException {
    ControlClient.Listing listing;
    try {
      listing = new ControlClient(surroundings.control()).list();
    } catch (IOException e) {
      throw new CommandFailure(
          "Cannot look which machines run: %s.".formatted(StatsFile.reason(e)), e);
    }
    PrintStream out = new PrintStream(surroundings.out(), true, StandardCharsets.UTF_8);
    if (quiet) {
      listing.machines().forEach(machine -> out.println(machine.name()));
      listing.silent().forEach(out::println);
      return ExitStatus.OK;
    }
    List<String[]> rows = new ArrayList<>();
    rows.add(new String[] {"NAME", "PID", "ENGINE", "CPUS", "MEMORY", "STATE", "SINCE"});
    for (MachineInfo machine : listing.machines()) {
      rows.add(
          new String[] {
            machine.name(),
            Long.toString(machine.pid()),
            machine.engine(),
            Integer.toString(machine.cpus()),
            (machine.memory() >> 20) + "M",
            machine.state(),
            machine.since().truncatedTo(ChronoUnit.SECONDS).toString()
          });
    }
    for (String name : listing.silent()) {
      rows.add(new String[] {name, "", "", "", "", "silent", ""});
    }
    Table.print(out, rows);
    return ExitStatus.OK;
  }
}
