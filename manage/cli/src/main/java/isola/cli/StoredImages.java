package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The images in this user's store. */
final class StoredImages implements Images {
  @Override
  public Optional<Image> find(ImageName name) throws ImageException {
    throw new ImageException("There is no store of images yet.");
  }

  @Override
  public Image pull(ImageName name, Progress progress) throws ImageException {
    throw new ImageException("There is no store of images yet.");
  }

  @Override
  public List<Image> list() throws ImageException {
    throw new ImageException("There is no store of images yet.");
  }

  @Override
  public boolean remove(ImageName name) throws ImageException {
    throw new ImageException("There is no store of images yet.");
  }

  @Override
  public void volume(Path from, Path disk) throws ImageException {
    throw new ImageException("There is no store of images yet.");
  }
}
