package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.store.VolumeDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The images that commands work with. */
interface Images {
  /** An image that is there, or empty. */
  Optional<Image> find(ImageName name) throws ImageException;

  /** The image that is there, or else one fetched now; no other process makes it meanwhile. */
  Image obtain(ImageName name, Progress progress) throws ImageException;

  /** Brings an image up to date. */
  Image pull(ImageName name, Progress progress) throws ImageException;

  /** All that are there, by name. */
  List<Image> list() throws ImageException;

  /** Removes an image; whether there was one. */
  boolean remove(ImageName name) throws ImageException;

  /** A disk with a copy of a file or directory of this machine; whoever asked closes it. */
  VolumeDisk volume(Path from) throws ImageException;
}
