package isola.cli;

import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import isola.image.Progress;
import isola.image.store.ImageStore;
import isola.image.store.VolumeDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The images in this user's store, which is opened when it is first needed. */
final class StoredImages implements Images {
  private @Nullable ImageStore opened;

  private ImageStore store() throws ImageException {
    ImageStore store = opened;
    if (store == null) {
      store = ImageStore.open(System.getenv());
      opened = store;
    }
    return store;
  }

  @Override
  public Optional<Image> find(ImageName name) throws ImageException {
    return store().find(name);
  }

  @Override
  public Image obtain(ImageName name, Progress progress) throws ImageException {
    return store().obtain(name, progress);
  }

  @Override
  public Image pull(ImageName name, Progress progress) throws ImageException {
    return store().pull(name, progress);
  }

  @Override
  public List<Image> list() throws ImageException {
    return store().list();
  }

  @Override
  public boolean remove(ImageName name) throws ImageException {
    return store().remove(name);
  }

  @Override
  public VolumeDisk volume(Path from) throws ImageException {
    return store().volume(from);
  }
}
