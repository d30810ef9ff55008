package isola.machine.board;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import isola.machine.board.boot.BootFile;
import isola.machine.board.saved.Description;
import isola.machine.board.saved.Description.DiskImage;
import isola.machine.board.saved.Description.Hardware;
import isola.machine.board.saved.SavedFile;
import isola.machine.board.saved.SavedFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** A machine in a file, which was read and checked and can go on. One thread. */
public final class SavedMachine {
  // What clocks can count without an overflow: 9 GHz, and a hundred years.
  private static final long SLOWEST_TSC = 1_000_000;
  private static final long FASTEST_TSC = 9_000_000_000L;
  private static final long LATEST = 100L * 366 * 86_400 * 1_000_000_000L;

  private final SavedFile file;
  private final Hardware hardware;

  private SavedMachine(SavedFile file) {
    this.file = file;
    hardware = file.description().hardware();
    String model = hardware.cpuModel();
    boolean right =
        hardware.cpus() == file.processors().size()
            && CpuModel.named(model).isPresent()
            && hardware.tscHz() >= SLOWEST_TSC
            && hardware.tscHz() <= FASTEST_TSC
            && file.description().nanos() >= 0
            && file.description().nanos() <= LATEST
            && hardware.serials() >= 0
            && hardware.serials() <= 2;
    if (!right) {
      throw new MachineException(
          "The saved machine %s is damaged: there is no such machine.".formatted(file.path()));
    }
  }

  /**
   * Reads a saved machine.
   *
   * @throws MachineException if it is none, or damaged, with one sentence for the user
   */
  public static SavedMachine open(Path path) {
    try {
      return new SavedMachine(SavedFile.open(path));
    } catch (NoSuchFileException e) {
      throw new MachineException("There is no saved machine %s.".formatted(path), e);
    } catch (IOException e) {
      throw new MachineException(sentence(path, e), e);
    }
  }

  private static String sentence(Path path, IOException e) {
    return e instanceof SavedFileException
        ? String.valueOf(e.getMessage())
        : "Cannot read the saved machine %s: %s.".formatted(path, HostErrors.reason(e));
  }

  /** What the user called the machine. */
  public String name() {
    return file.description().name();
  }

  /** The engine that it ran on. */
  public String engine() {
    return file.description().engine();
  }

  /** How many serial lines it has. */
  public int serials() {
    return hardware.serials();
  }

  SavedFile file() {
    return file;
  }

  /**
   * Builds the machine as it was, ready to go on.
   *
   * @param engine name of the CPU engine, or {@link EngineChoice#AUTO}
   * @param disks images in place of those that it had, all of them; none to take those
   * @param serials what its serial lines are joined to, as many as it has
   * @param countInstructions as in {@link MachineConfig}
   * @throws MachineException if something is missing, changed or refused, with one sentence
   */
  public Machine restore(
      String engine,
      List<MachineConfig.Disk> disks,
      List<MachineConfig.Serial> serials,
      boolean countInstructions) {
    CpuEngine chosen = EngineChoice.of(engine, EngineChoice.installed()).engine();
    return restore(chosen, disks, serials, countInstructions);
  }

  Machine restore(
      CpuEngine engine,
      List<MachineConfig.Disk> disks,
      List<MachineConfig.Serial> serials,
      boolean countInstructions) {
    if (serials.size() != hardware.serials()) {
      throw new MachineException(
          "The saved machine has %d serial lines.".formatted(hardware.serials()));
    }
    MachineConfig.Builder config =
        MachineConfig.of(BootFile.of(hardware.kernel(), new byte[0]))
            .cpus(hardware.cpus())
            .memory(hardware.memory())
            .cpuModel(hardware.cpuModel())
            .engine(engine.name())
            .entropy(hardware.entropy())
            .testDevices(hardware.testDevices())
            .countInstructions(countInstructions);
    serials.forEach(serial -> config.serial(serial.output()));
    for (MachineConfig.Disk disk : disks.isEmpty() ? unchanged() : replaced(disks)) {
      config.disk(disk.file(), disk.readOnly());
    }
    return new PcMachine(config.build(), engine, this);
  }

  /** The disks that it had, which nobody may have written since. */
  private List<MachineConfig.Disk> unchanged() {
    List<MachineConfig.Disk> disks = new ArrayList<>();
    for (DiskImage image : hardware.disks()) {
      Path path = path(image);
      Attributes now = attributes(path);
      if (now.size != image.size() || !now.modified.toString().equals(image.modified())) {
        throw new MachineException(
            "The disk image %s was changed after the machine was saved; --disk names the image to use."
                .formatted(path));
      }
      disks.add(new MachineConfig.Disk(path, image.readOnly()));
    }
    return disks;
  }

  /** Others in their place: copies, or what somebody knows to be the same. */
  private List<MachineConfig.Disk> replaced(List<MachineConfig.Disk> disks) {
    if (disks.size() != hardware.disks().size()) {
      throw new MachineException(
          "The saved machine has %d disks, and %d were named; name all of them or none."
              .formatted(hardware.disks().size(), disks.size()));
    }
    for (int i = 0; i < disks.size(); i++) {
      MachineConfig.Disk disk = disks.get(i);
      DiskImage image = hardware.disks().get(i);
      if (attributes(disk.file()).size != image.size()) {
        throw new MachineException(
            "The disk image %s has another size than the one that the machine was saved with, %d bytes."
                .formatted(disk.file(), image.size()));
      }
      if (disk.readOnly() != image.readOnly()) {
        throw new MachineException(
            "The machine was saved with disk %d %s, and goes on with it so."
                .formatted(i + 1, image.readOnly() ? "read-only" : "writable"));
      }
    }
    return disks;
  }

  private Path path(DiskImage image) {
    try {
      return Path.of(image.file());
    } catch (InvalidPathException e) {
      throw new MachineException(
          "The saved machine %s is damaged: the path of a disk makes no sense."
              .formatted(file.path()),
          e);
    }
  }

  private record Attributes(long size, Instant modified) {}

  private static Attributes attributes(Path path) {
    try {
      return new Attributes(Files.size(path), Files.getLastModifiedTime(path).toInstant());
    } catch (NoSuchFileException e) {
      throw new MachineException(
          "The disk image %s that the machine was saved with is not there; --disk names another."
              .formatted(path),
          e);
    } catch (IOException e) {
      throw new MachineException(
          "Cannot read the disk image %s: %s.".formatted(path, HostErrors.reason(e)), e);
    }
  }

  /** What a machine is made of, to be saved. Its disks are written out and rest. */
  static Hardware describe(PcBoard board) throws IOException {
    MachineConfig config = board.config;
    List<DiskImage> disks = new ArrayList<>();
    for (int i = 0; i < config.disks().size(); i++) {
      MachineConfig.Disk disk = config.disks().get(i);
      board.disks.get(i).flush();
      Attributes now = attributes(disk.file());
      disks.add(
          new DiskImage(
              disk.file().toAbsolutePath().toString(),
              disk.readOnly(),
              now.size,
              now.modified.toString()));
    }
    return new Description.Hardware(
        config.cpus(),
        config.memory(),
        board.model.name(),
        board.tscHz,
        board.features(),
        config.serials().size(),
        config.entropy(),
        config.testDevices(),
        config.kernel().name(),
        disks);
  }
}
