package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** {@code isola image}: what is in the store of images. */
final class ImageCommand implements Subcommand {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  ImageCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec = Syntax.command(this, "image", "Fetch, list, show and remove images.");
    for (Subcommand command : List.of(new Pull(), new Ls(), new Inspect(), new Rm())) {
      CommandSpec below = command.describe();
      spec.addSubcommand(below.name(), below);
    }
    return spec;
  }

  @Override
  public Integer call() {
    throw new UsageFailure("Say what to do with images: isola image ls, for instance.");
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

  private static PositionalParamSpec image(String description, Consumer<String> to) {
    return Syntax.parameter(0, String.class, to)
        .required(true)
        .paramLabel("IMAGE")
        .description(description)
        .build();
  }

  private final class Pull implements Subcommand {
    private String image = "";

    @Override
    public CommandSpec describe() {
      CommandSpec spec =
          Syntax.command(
              this,
              "pull",
              "Fetch an image anew from Debian's mirrors, and check every byte of it.");
      spec.addPositional(image("debian, debian:12 or debian:13.", name -> image = name));
      return spec;
    }

    @Override
    public Integer call() throws ImageException {
      Image pulled = Pulling.pull(surroundings, all, name(image));
      out().println(pulled.digest());
      return ExitStatus.OK;
    }
  }

  private final class Ls implements Subcommand {
    private boolean quiet;

    @Override
    public CommandSpec describe() {
      CommandSpec spec = Syntax.command(this, "ls", "List the images that are there.");
      spec.addOption(
          Syntax.flag(on -> quiet = on, "-q", "--quiet").description("Names alone.").build());
      return spec;
    }

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

  private final class Inspect implements Subcommand {
    private String image = "";

    @Override
    public CommandSpec describe() {
      CommandSpec spec =
          Syntax.command(this, "inspect", "Show an image as JSON: its files and packages.");
      spec.addPositional(image("The image.", name -> image = name));
      return spec;
    }

    @Override
    public Integer call() throws ImageException {
      ImageName name = name(image);
      Image found =
          surroundings.images().find(name).orElseThrow(() -> new CommandFailure(missing(name)));
      ImageJson.write(surroundings.out(), found);
      return ExitStatus.OK;
    }
  }

  private final class Rm implements Subcommand {
    private List<String> images = List.of();

    @Override
    public CommandSpec describe() {
      CommandSpec spec =
          Syntax.command(this, "rm", "Remove images; a guest that runs keeps its own.");
      spec.addPositional(
          Syntax.parameters(0, names -> images = names)
              .arity("1..*")
              .required(true)
              .paramLabel("IMAGE")
              .description("The images.")
              .build());
      return spec;
    }

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
