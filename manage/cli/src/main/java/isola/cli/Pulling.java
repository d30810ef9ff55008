package isola.cli;

import isola.cli.terminal.ImageProgress;
import isola.cli.terminal.Messages;
import isola.cli.terminal.Tty;
import isola.host.Terminal;
import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import java.time.Duration;
import java.util.Optional;

/** Gets images with progress shown. */
final class Pulling {
  private Pulling() {}

  /** The image from the cache, or else fetched. */
  static Image obtain(Surroundings surroundings, OptionsOfAll all, ImageName name)
      throws ImageException {
    Optional<Image> there = surroundings.images().find(name);
    return there.isPresent()
        ? there.get()
        : show(surroundings, all, name, progress -> surroundings.images().obtain(name, progress));
  }

  /** The image, brought up to date. */
  static Image pull(Surroundings surroundings, OptionsOfAll all, ImageName name)
      throws ImageException {
    return show(surroundings, all, name, progress -> surroundings.images().pull(name, progress));
  }

  /** Work that makes an image. */
  private interface Work {
    Image run(Progress progress) throws ImageException;
  }

  private static Image show(Surroundings surroundings, OptionsOfAll all, ImageName name, Work work)
      throws ImageException {
    Messages messages = surroundings.messages();
    Optional<Tty> terminal = surroundings.tty().apply(Surroundings.STDERR);
    long begun = System.nanoTime();
    messages.say("Making the image " + name + " from Debian's packages.");
    try (ImageProgress progress =
        new ImageProgress(
            messages,
            terminal.isPresent(),
            () -> terminal.flatMap(Tty::size).map(Terminal.Size::columns).orElse(0),
            System::nanoTime)) {
      Image image = work.run(progress);
      // A hundred megabytes were used once, which the JVM would keep while the guest runs.
      System.gc();
      if (all.verbose) {
        messages.say(
            "Made %s (%s) in %s."
                .formatted(
                    name,
                    Sizes.show(image.size()),
                    Durations.show(Duration.ofNanos(System.nanoTime() - begun))));
      }
      return image;
    }
  }
}
