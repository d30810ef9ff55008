import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Brings libraries that were compiled for Java 5 to a class file version that the JVM keeps in its class cache: older ones it
 * reads and verifies anew at each start, by a slow verifier, which for the command line's parser takes a quarter of a start's
 * processor time. What the classes do stays the same; they get the stack maps that newer versions have (Java Virtual Machine
 * Specification 4.10). The launcher runs this once after a build, from source, with the folder of the libraries.
 */
final class NewerClasses {
  /** The first version with stack maps in all classes, Java 7. */
  private static final int NEWER = 51;

  /** The first version that the class cache takes, Java 6. */
  private static final int KEPT = 50;

  private static final int VERSION_AT = 6;

  private NewerClasses() {}

  public static void main(String[] args) throws IOException {
    try (DirectoryStream<Path> archives = Files.newDirectoryStream(Path.of(args[0]), "*.jar")) {
      for (Path archive : archives) {
        convert(archive);
      }
    }
  }

  /** Replaces an archive at once, if it has old classes and all of them become good ones; a signed one stays as it is. */
  private static void convert(Path archive) throws IOException {
    List<JarEntry> entries = new ArrayList<>();
    Path fresh = archive.resolveSibling(archive.getFileName() + ".new");
    try (JarFile jar = new JarFile(archive.toFile())) {
      boolean old = false;
      for (JarEntry entry : Collections.list(jar.entries())) {
        if (entry.getName().endsWith(".SF")) {
          return;
        }
        entries.add(entry);
        old |= isOld(entry, read(jar, entry));
      }
      if (!old) {
        return;
      }
      try (URLClassLoader classes = new URLClassLoader(new URL[] {archive.toUri().toURL()});
          OutputStream file = Files.newOutputStream(fresh);
          ZipOutputStream out = new ZipOutputStream(file)) {
        ClassFile format =
            ClassFile.of(
                ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(classes)),
                ClassFile.StackMapsOption.GENERATE_STACK_MAPS);
        for (JarEntry entry : entries) {
          byte[] bytes = read(jar, entry);
          ZipEntry copy = new ZipEntry(entry.getName());
          copy.setTime(entry.getTime());
          out.putNextEntry(copy);
          out.write(isOld(entry, bytes) ? newer(format, bytes) : bytes);
          out.closeEntry();
        }
      }
    } catch (IOException | IllegalArgumentException | IllegalStateException e) {
      Files.deleteIfExists(fresh);
      throw e;
    }
    Files.move(fresh, archive, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static byte[] read(JarFile jar, JarEntry entry) throws IOException {
    try (var in = jar.getInputStream(entry)) {
      return in.readAllBytes();
    }
  }

  private static boolean isOld(JarEntry entry, byte[] bytes) {
    return entry.getName().endsWith(".class")
        && bytes.length > VERSION_AT + 1
        && ((bytes[VERSION_AT] & 0xff) << 8 | bytes[VERSION_AT + 1] & 0xff) < KEPT;
  }

  private static byte[] newer(ClassFile format, byte[] bytes) {
    ClassModel model = format.parse(bytes);
    // Bodies are written anew, element by element: copied as they are they would stay without stack maps.
    ClassTransform bodies = ClassTransform.transformingMethodBodies((code, element) -> code.with(element));
    ClassTransform version = ClassTransform.endHandler(type -> type.withVersion(NEWER, 0));
    byte[] result = format.transformClass(model, bodies.andThen(version));
    List<VerifyError> errors = format.verify(result);
    if (!errors.isEmpty()) {
      throw new IllegalStateException(errors.getFirst());
    }
    return result;
  }
}
