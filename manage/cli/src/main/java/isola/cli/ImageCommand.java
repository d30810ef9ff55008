package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code isola image}: what is in the store of images. */
@Command(name = "image", description = "Fetch, list, show and remove images.")
final class ImageCommand implements Callable<Integer> {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  ImageCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public Integer call() {
    throw new UsageFailure("Say what to do with images: isola image ls, for instance.");
  }

  /** The subcommands. */
  List<Callable<Integer>> subcommands() {
    return List.of(new Pull(), new Ls(), new Inspect(), new Rm());
  }

  private static ImageName name(String text) {
    try {
      return ImageName.parse(text);
    } catch (ImageException e) {
      throw new UsageFailure(String.valueOf(e.getMessage()));
    }
  }

  private PrintStream out() {
    return new PrintStream(surroundings.out(), true, StandardCharsets.UTF_8);
  }

  @Command(
      name = "pull",
      description = "Fetch an image anew from Debian's mirrors, and check every byte of it.")
  private final class Pull implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", description = "debian, debian:12 or debian:13.")
    private String image = "";

    @Override
    public Integer call() throws ImageException {
      Image pulled = Pulling.pull(surroundings, all, name(image));
      out().println(pulled.digest());
      return ExitStatus.OK;
    }
  }

  @Command(name = "ls", description = "List the images that are there.")
  private final class Ls implements Callable<Integer> {
    @Option(
        names = {"-q", "--quiet"},
        description = "Names alone.")
    private boolean quiet;

    @Override
    public Integer call() throws ImageException {
      List<Image> images = surroundings.images().list();
      PrintStream out = out();
      if (quiet) {
        images.forEach(image -> out.println(image.name()));
        return ExitStatus.OK;
      }
      List<String[]> rows = new ArrayList<>();
      rows.add(new String[] {"NAME", "DIGEST", "CREATED", "KERNEL", "SIZE"});
      for (Image image : images) {
        rows.add(
            new String[] {
              image.name().toString(),
              image.digest().substring(0, Math.min(12, image.digest().length())),
              image.created().toString().substring(0, 10),
              image.kernelVersion(),
              Sizes.show(image.size())
            });
      }
      Table.print(out, rows);
      return ExitStatus.OK;
    }
  }

  @Command(name = "inspect", description = "Show an image as JSON: its files and packages.")
  private final class Inspect implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", description = "The image.")
    private String image = "";

    @Override
    public Integer call() throws ImageException {
      ImageName name = name(image);
      Image found =
          surroundings.images().find(name).orElseThrow(() -> new CommandFailure(missing(name)));
      ImageJson.write(surroundings.out(), found);
      return ExitStatus.OK;
    }
  }

  @Command(name = "rm", description = "Remove images; a guest that runs keeps its own.")
  private final class Rm implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", arity = "1..*", description = "The images.")
    private List<String> images = new ArrayList<>();

    @Override
    public Integer call() throws ImageException {
      List<ImageName> names = images.stream().map(ImageCommand::name).toList();
      int status = ExitStatus.OK;
      for (ImageName name : names) {
        if (surroundings.images().remove(name)) {
          out().println(name);
        } else {
          surroundings.messages().say(missing(name));
          status = ExitStatus.FAILED;
        }
      }
      return status;
    }
  }

  private static String missing(ImageName name) {
    return "There is no image %s here; fetch it with: isola image pull %s".formatted(name, name);
  }
}
