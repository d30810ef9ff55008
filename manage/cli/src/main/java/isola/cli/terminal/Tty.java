package isola.cli.terminal;

import isola.host.Terminal;
import java.util.Optional;
import java.util.function.Consumer;

/** The terminal a person sits at; tests put their own in its place. */
public interface Tty {
  /** Its size, if it knows. */
  Optional<Terminal.Size> size();

  /** Puts it into raw mode until closed. */
  Terminal.Handle raw();

  /** Tells of every new size until closed. */
  Terminal.Handle watch(Consumer<Terminal.Size> listener);

  /** The terminal behind a file descriptor, or empty if it is not one. */
  static Optional<Tty> of(int descriptor) {
    return Terminal.of(descriptor).map(Tty::of);
  }

  private static Tty of(Terminal terminal) {
    return new Tty() {
      @Override
      public Optional<Terminal.Size> size() {
        return terminal.size();
      }

      @Override
      public Terminal.Handle raw() {
        return terminal.raw();
      }

      @Override
      public Terminal.Handle watch(Consumer<Terminal.Size> listener) {
        return terminal.watch(listener);
      }
    };
  }
}
