package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The images that commands work with. */
interface Images {
  /** An image that is there, or empty. */
  Optional<Image> find(ImageName name) throws ImageException;

  /** Fetches an image anew and stores it. */
  Image pull(ImageName name, Progress progress) throws ImageException;

  /** All that are there, by name. */
  List<Image> list() throws ImageException;

  /** Removes an image; whether there was one. */
  boolean remove(ImageName name) throws ImageException;

  /**
   * Writes a disk with a copy of a file or directory of this machine.
   *
   * @param from what to copy; of a file, the disk has it under the name {@code file}
   * @param disk the file to write, new
   */
  void volume(Path from, Path disk) throws ImageException;
}
