package isola.cli;

import isola.cli.terminal.EscapeKey;
import isola.image.guest.GuestEvent;
import isola.machine.board.Outcome;
import java.io.IOException;
import java.nio.file.Path;

/** What happens while a guest runs. Any thread reports it; the main thread handles it. */
sealed interface RunEvent {
  /** The machine's run ended. */
  record Ended(Outcome outcome) implements RunEvent {}

  /** The machine stands still and was saved, to end here. */
  record Saved(Path file) implements RunEvent {}

  /** A signal reached this process. */
  record Signalled(int number) implements RunEvent {}

  /** Nobody reads our output any more, or it cannot be written. */
  record OutputGone(IOException why) implements RunEvent {}

  /** The guest's agent said something. */
  record Guest(GuestEvent event) implements RunEvent {}

  /** The person used the escape key. */
  record Escaped(EscapeKey.Action action) implements RunEvent {}

  /** All output has been written. */
  record Drained() implements RunEvent {}

  /** The time that was given is over. */
  record TimedOut() implements RunEvent {}
}
