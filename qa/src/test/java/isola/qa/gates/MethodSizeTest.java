package isola.qa.gates;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * HotSpot leaves a method of more than 8,000 bytes of bytecode to its own interpreter for ever
 * ({@code HugeMethodLimit}), which makes it some ten times slower; none may be on a path that runs
 * for each guest instruction or device access.
 */
final class MethodSizeTest {
  private static final int HUGE_METHOD_LIMIT = 8000;

  /** The modules whose code runs while the guest does. */
  private static final List<String> HOT = List.of("platform/core", "cpu", "machine/devices");

  @Test
  void noHotMethodIsTooLongToBeCompiled() throws IOException {
    Checkout checkout = Checkout.here();
    List<String> tooLong = new ArrayList<>();
    int seen = 0;
    for (Path folder : checkout.classFolders()) {
      if (HOT.stream().noneMatch(hot -> folder.startsWith(checkout.root().resolve(hot)))) {
        continue;
      }
      try (Stream<Path> files = Checkout.files(folder, ".class")) {
        for (Path file : files.toList()) {
          ClassModel type = ClassFile.of().parse(Files.readAllBytes(file));
          for (MethodModel method : type.methods()) {
            seen++;
            int size =
                method.findAttribute(Attributes.code()).map(CodeAttribute::codeLength).orElse(0);
            // A static initializer runs once: tables may be as long as the class file format lets
            // them.
            if (size > HUGE_METHOD_LIMIT && !method.methodName().equalsString("<clinit>")) {
              tooLong.add(
                  type.thisClass().asInternalName()
                      + "."
                      + method.methodName().stringValue()
                      + ": "
                      + size
                      + " bytes");
            }
          }
        }
      }
    }
    assertThat(seen).as("methods looked at").isPositive();
    assertThat(tooLong).as("methods over %d bytes of bytecode", HUGE_METHOD_LIMIT).isEmpty();
  }
}
