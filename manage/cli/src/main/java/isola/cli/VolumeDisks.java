package isola.cli;

import isola.image.ImageException;
import isola.image.guest.GuestRequest.Volume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The disks that carry {@code --volume}s into a guest, for as long as it runs. */
final class VolumeDisks implements AutoCloseable {
  /** Disk {@code vda} is the root. */
  private static final char FIRST = 'b';

  private static final int MOST = 14;

  private final List<VolumeOption> volumes;
  private final List<Path> files = new ArrayList<>();
  private final List<Volume> requests = new ArrayList<>();
  private @Nullable Path folder;

  /**
   * Writes the disks.
   *
   * @throws ImageException if something cannot be read, or the disk is full
   */
  VolumeDisks(Images images, List<VolumeOption> volumes) throws ImageException {
    this.volumes = volumes;
    if (volumes.size() > MOST) {
      throw new UsageFailure("A guest has at most %d volumes.".formatted(MOST));
    }
    for (VolumeOption volume : volumes) {
      if (!Files.exists(volume.host())) {
        throw new CommandFailure("There is no %s to give to the guest.".formatted(volume.host()));
      }
    }
    try {
      for (VolumeOption volume : volumes) {
        add(images, volume);
      }
    } catch (ImageException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private void add(Images images, VolumeOption volume) throws ImageException {
    int index = files.size();
    Path disk = folder().resolve("volume" + index);
    files.add(disk);
    images.volume(volume.host(), disk);
    Volume.Kind kind =
        Files.isDirectory(volume.host())
            ? volume.readOnly() ? Volume.Kind.READ_ONLY : Volume.Kind.COPY
            : Volume.Kind.FILE;
    requests.add(new Volume("vd" + (char) (FIRST + index), kind, volume.guest()));
  }

  private Path folder() {
    Path made = folder;
    if (made == null) {
      try {
        made = Files.createTempDirectory("isola-volumes");
      } catch (IOException e) {
        throw new CommandFailure(
            "Cannot make a temporary directory for the volumes: %s.".formatted(StatsFile.reason(e)),
            e);
      }
      folder = made;
    }
    return made;
  }

  /** The disks in order. */
  List<Path> files() {
    return files;
  }

  /** What the guest is asked to do with them. */
  List<Volume> requests() {
    return requests;
  }

  /** Whether the guest may write to one, to no lasting effect. */
  boolean writable() {
    return volumes.stream().anyMatch(volume -> !volume.readOnly() && Files.isDirectory(volume.host()));
  }

  /** Deletes the disks; the guest, if it still runs, keeps what it has open. */
  @Override
  public void close() {
    try {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
      if (folder != null) {
        Files.deleteIfExists(folder);
      }
    } catch (IOException e) {
      // They are temporary files; the system removes them too.
    }
  }
}
