package isola.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** A command of {@code isola}; called once it has been given what it was called with. */
interface Subcommand extends Callable<Integer> {
  /** What it is called, what it takes, and what its help says, see {@link Syntax}. */
  CommandSpec describe();
}
