package isola.cli;

import isola.image.ImageException;
import isola.image.guest.GuestRequest.Volume;
import isola.image.store.VolumeDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The disks that carry {@code --volume}s into a guest, for as long as it runs. */
final class VolumeDisks implements AutoCloseable {
  /** Disk {@code vda} is the root. */
  private static final char FIRST = 'b';

  private static final int MOST = 14;

  private final List<VolumeDisk> disks = new ArrayList<>();
  private final List<Volume> requests = new ArrayList<>();

  /**
   * Writes the disks.
   *
   * @throws ImageException if something cannot be read, or the disk is full
   */
  VolumeDisks(Images images, List<VolumeOption> volumes) throws ImageException {
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
    VolumeDisk disk = images.volume(volume.host());
    String device = "vd" + (char) (FIRST + disks.size());
    disks.add(disk);
    Volume.Kind kind =
        disk.single()
            ? Volume.Kind.FILE
            : volume.readOnly() ? Volume.Kind.READ_ONLY : Volume.Kind.COPY;
    requests.add(new Volume(device, kind, volume.guest()));
  }

  /** The disks in order. */
  List<Path> files() {
    return disks.stream().map(VolumeDisk::file).toList();
  }

  /** What the guest is asked to do with them. */
  List<Volume> requests() {
    return requests;
  }

  /** Whether the guest may write to one, to no lasting effect. */
  boolean writable() {
    return requests.stream().anyMatch(request -> request.kind() == Volume.Kind.COPY);
  }

  /** Deletes the disks; a guest that still runs keeps what it has open. */
  @Override
  public void close() {
    disks.forEach(VolumeDisk::close);
  }
}
