package isola.cli;

import isola.machine.board.Machine;
import isola.machine.board.MachineConfig;
import isola.machine.board.boot.BootFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code isola boot}: any kernel, with its serial console on our standard input and output. */
@Command(
    name = "boot",
    description = "Boot a kernel; its serial console is standard input and output.",
    footer = {
      "",
      "The kernel is a Linux bzImage, an ELF kernel with a PVH note, or a multiboot image.",
      "Ends with 0 when the guest switches itself off; with 1 on a reset, a triple fault or a failure;",
      "with 3 when isola save has saved the machine."
    })
final class BootCommand implements Callable<Integer> {
  private final Surroundings surroundings;
  private final OptionsOfAll all;

  @Mixin private MachineOptions options = new MachineOptions();

  @Mixin private NameOption name = new NameOption();

  @Option(
      names = {"-k", "--kernel"},
      paramLabel = "FILE",
      description = "The kernel; must be given.")
  private @Nullable Path kernel;

  @Option(
      names = {"-i", "--initrd"},
      paramLabel = "FILE",
      description = "An initial ramdisk, or a module for a multiboot kernel; may be repeated.")
  private List<Path> initrds = new ArrayList<>();

  @Option(
      names = {"-d", "--disk"},
      paramLabel = "FILE[,ro][,format=raw]",
      converter = DiskOption.Converter.class,
      description = "A raw disk image as the next virtio disk; may be repeated.")
  private List<DiskOption> disks = new ArrayList<>();

  @Mixin private SerialOption serial = new SerialOption();

  @Option(
      names = "--debug-exit",
      description =
          "Give the guest the ports that test programs end themselves with; the status is then"
              + " twice the value written, plus 1.")
  private boolean debugExit;

  BootCommand(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
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
