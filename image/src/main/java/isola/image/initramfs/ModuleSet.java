package isola.image.initramfs;

import isola.image.ImageException;
import isola.image.tree.Content;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.tukaani.xz.XZInputStream;

/**
 * The modules of a kernel that a guest loads, unpacked, each after those that it depends on. What
 * the kernel has built in needs no module.
 */
public final class ModuleSet {
  private static final int MOST_MEMORY_KIB = 128 << 10;
  private static final int LARGEST = 64 << 20;

  private final Map<String, Content> available;
  private final Set<String> builtIn;
  private final Map<String, byte[]> modules = new LinkedHashMap<>();

  private ModuleSet(Map<String, Content> available, Set<String> builtIn) {
    this.available = available;
    this.builtIn = builtIn;
  }

  /**
   * Chooses modules by name.
   *
   * @param wanted such as {@code virtio_blk}
   * @param files all modules of the kernel by path, {@code .ko} or {@code .ko.xz}
   * @param builtIn the lines of the kernel's {@code modules.builtin}
   * @throws ImageException if the kernel has neither a module of the name nor has it built in
   */
  public static ModuleSet choose(
      List<String> wanted, Map<String, Content> files, List<String> builtIn)
      throws ImageException, IOException {
    Map<String, Content> available = new LinkedHashMap<>();
    files.forEach(
        (path, content) -> available.put(KernelModule.name(path) + extension(path), content));
    Set<String> names =
        builtIn.stream()
            .map(KernelModule::name)
            .collect(java.util.stream.Collectors.toUnmodifiableSet());
    ModuleSet set = new ModuleSet(available, names);
    for (String name : wanted) {
      set.add(name, 0);
    }
    return set;
  }

  /** The modules by name, in an order in which they can be loaded. */
  public Map<String, byte[]> modules() {
    return modules;
  }

  private static String extension(String path) {
    return path.substring(path.indexOf(".ko", path.lastIndexOf('/') + 1));
  }

  private void add(String name, int depth) throws ImageException, IOException {
    String key = name.replace('-', '_');
    if (builtIn.contains(key) || modules.containsKey(key)) {
      return;
    }
    Content content = available.get(key + ".ko");
    boolean packed = content == null;
    if (content == null) {
      content = available.get(key + ".ko.xz");
    }
    if (content == null || depth > 32) {
      throw new ImageException(
          "The kernel has no module " + name + ", which a guest needs to find its disk.");
    }
    byte[] module = content.bytes();
    if (packed) {
      try (InputStream in = new XZInputStream(new ByteArrayInputStream(module), MOST_MEMORY_KIB)) {
        module = in.readNBytes(LARGEST);
      }
    }
    for (String dependency : KernelModule.dependencies(module)) {
      add(dependency, depth + 1);
    }
    modules.put(key, KernelModule.withoutSignature(module));
  }
}
