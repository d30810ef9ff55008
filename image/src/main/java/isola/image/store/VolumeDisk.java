package isola.image.store;

import java.nio.file.Path;

/**
 * A disk with a copy of a directory or file of this machine, for one guest. Closing removes it; a
 * guest that has it open keeps it.
 *
 * @param file the disk: a read-only EROFS file system
 * @param single whether it holds one file, named {@code file}, instead of a directory
 */
public record VolumeDisk(Path file, boolean single) implements AutoCloseable {
  @Override
  public void close() {
    Shelf.remove(file);
  }
}
