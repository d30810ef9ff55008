package isola.cli;

import isola.cli.terminal.Messages;
import isola.machine.board.Machine;
import isola.machine.board.MachineStats;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ScopeType;

/** What every command can be told. */
final class OptionsOfAll {
  boolean verbose;
  boolean debug;

  /** Declares them, for the command and all below it. */
  void declare(CommandSpec spec) {
    spec.addOption(
        Syntax.flag(on -> debug = on, "--debug")
            .scopeType(ScopeType.INHERIT)
            .description(
                "Show stack traces of failures, and the guest's console where it is hidden.")
            .build());
    spec.addOption(
        Syntax.flag(on -> verbose = on, "--verbose")
            .scopeType(ScopeType.INHERIT)
            .description("Say more: boot phases with their times, figures at the end.")
            .build());
  }

  /** With {@code --verbose}: when what was reached, and how fast the guest ran. */
  void timings(Messages messages, Machine machine) {
    if (!verbose) {
      return;
    }
    MachineStats stats = machine.stats();
    for (MachineStats.Phase phase : stats.phases()) {
      messages.say(
          String.format(
              Locale.ROOT,
              "%8.3f s  %,15d instructions  %s",
              phase.millis() / 1000,
              phase.instructions(),
              phase.name()));
    }
    messages.say(
        String.format(
            Locale.ROOT,
            "engine %s, %,d instructions in %.3f s of guest time; peak memory %s, of which the guest %s",
            stats.engine(),
            stats.instructions(),
            stats.seconds(),
            Sizes.show(stats.jvmPeakBytes()),
            Sizes.show(stats.guestTouchedBytes())));
  }
}
