package isola.qa.gates;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The checkout under test: its modules, sources and compiled classes.
 *
 * @param root the folder of the parent POM
 */
record Checkout(Path root) {

  /** The checkout that Maven runs in. */
  static Checkout here() {
    String root = System.getProperty("isola.root");
    if (root == null) {
      throw new IllegalStateException("isola.root is not set; run the tests through ./dev");
    }
    return new Checkout(Path.of(root));
  }

  /** The folders of all modules, relative to the root, such as {@code cpu/x86}. */
  List<Path> modules() {
    try (Stream<Path> poms = Files.walk(root, 3)) {
      return poms.filter(path -> path.endsWith("pom.xml") && !path.toString().contains("/target/"))
          .map(pom -> root.relativize(pom.getParent()))
          .filter(module -> !module.toString().isEmpty())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Every Java source of every module, tests as well. */
  List<Path> sources() {
    return modules().stream()
        .flatMap(module -> files(root.resolve(module).resolve("src"), ".java"))
        .toList();
  }

  /** The class folders of the modules that are part of the product, so without {@code qa}. */
  List<Path> classFolders() {
    return modules().stream()
        .filter(module -> !module.startsWith("qa"))
        .map(module -> root.resolve(module).resolve("target/classes"))
        .filter(Files::isDirectory)
        .toList();
  }

  /** The files below a folder whose name ends so; none where there is no such folder. */
  static Stream<Path> files(Path folder, String ending) {
    if (!Files.isDirectory(folder)) {
      return Stream.empty();
    }
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(path -> path.toString().endsWith(ending)).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
