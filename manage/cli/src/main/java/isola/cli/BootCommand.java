package isola.cli;

import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.boot.BootFile;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code isola boot}: any kernel, with its serial console on our standard input and output. */
final class BootCommand implements Subcommand {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  private final MachineOptions options = new MachineOptions();
  private final NameOption name = new NameOption();
  private final SerialOption serial = new SerialOption();
  private @Nullable Path kernel;
  private List<Path> initrds = List.of();
  private List<DiskOption> disks = List.of();
  private boolean debugExit;

  BootCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public CommandSpec describe() {
    CommandSpec spec =
        Syntax.command(
            this, "boot", "Boot a kernel; its serial console is standard input and output.");
    spec.usageMessage()
        .footer(
            "",
            "The kernel is a Linux bzImage, an ELF kernel with a PVH note, or a multiboot image.",
            "Ends with 0 when the guest switches itself off; with 1 on a reset, a triple fault or a failure;",
            "with 3 when isola save has saved the machine.");
    options.declare(spec);
    name.declare(spec);
    spec.addOption(
        Syntax.option(Path.class, Path::of, file -> kernel = file, "-k", "--kernel")
            .paramLabel("FILE")
            .description("The kernel; must be given.")
            .build());
    spec.addOption(
        Syntax.options(Path.class, Path::of, files -> initrds = files, "-i", "--initrd")
            .paramLabel("FILE")
            .description("An initial ramdisk, or a module for a multiboot kernel; may be repeated.")
            .build());
    spec.addOption(
        DiskOption.option(list -> disks = list)
            .description("A raw disk image as the next virtio disk; may be repeated.")
            .build());
    serial.declare(spec);
    spec.addOption(
        Syntax.flag(on -> debugExit = on, "--debug-exit")
            .description(
                "Give the guest the ports that test programs end themselves with; the status is"
                    + " then twice the value written, plus 1.")
            .build());
    return spec;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (kernel == null) {
      throw new UsageFailure("Say which kernel to boot: isola boot --kernel FILE");
    }
    Path image = kernel;
    String engine = options.check(surroundings, all);
    try (GuestRun run = new GuestRun(surroundings)) {
      return run.endWith(boot(run, image, engine));
    }
  }

  private int boot(GuestRun run, Path image, String engine) throws InterruptedException {
    MachineConfig.Builder config =
        options.machine(image, options.append, engine).testDevices(debugExit);
    initrds.forEach(initrd -> config.initrd(BootFile.of(initrd)));
    disks.forEach(disk -> config.disk(disk.file(), disk.readOnly()));
    SerialConsole console = new SerialConsole(surroundings, all, options, run, serial.to);
    config.serial(console.sink());
    Machine machine = run.build(config.build());
    return console.runToTheEnd("boot", machine, name, String.valueOf(image.getFileName()));
  }
}
