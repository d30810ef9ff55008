package isola.qa.gates;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.Architectures.LayeredArchitecture;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The arrows of docs/architecture.md: which layer may know which, and no packages in a circle. */
final class LayersTest {

  /** What each layer may use, by module folder. A layer that is not named here fails the test. */
  private static final Map<String, String[]> ARROWS = new LinkedHashMap<>();

  static {
    ARROWS.put("platform/core", new String[] {});
    ARROWS.put("platform/host", new String[] {"platform/core"});
    ARROWS.put("cpu/x86", new String[] {"platform/core"});
    ARROWS.put("cpu/translator", new String[] {"platform/core", "platform/host", "cpu/x86"});
    ARROWS.put("cpu/kvm", new String[] {"platform/core", "platform/host", "cpu/x86"});
    ARROWS.put("machine/devices", new String[] {"platform/core"});
    ARROWS.put(
        "machine/board",
        new String[] {"platform/core", "platform/host", "cpu/x86", "machine/devices"});
    ARROWS.put("image", new String[] {"platform/core"});
    ARROWS.put(
        "manage/cli",
        new String[] {"platform/core", "platform/host", "cpu/x86", "machine/board", "image"});
  }

  private final Checkout checkout = Checkout.here();

  private JavaClasses classes() {
    return new ClassFileImporter().importPaths(checkout.classFolders());
  }

  /** {@code machine/board} holds {@code isola.machine.board}; platform and manage are left out. */
  private static String packageOf(String module) {
    return "isola." + module.replaceFirst("^(platform|manage)/", "").replace('/', '.');
  }

  @Test
  void everyModuleHasItsPlaceInTheTree() {
    assertThat(checkout.modules())
        .map(Path::toString)
        .filteredOn(module -> !module.equals("qa"))
        .isSubsetOf(ARROWS.keySet());
  }

  @Test
  void arrowsGoUpOnly() {
    LayeredArchitecture layers = layeredArchitecture().consideringOnlyDependenciesInLayers();
    for (String module : ARROWS.keySet()) {
      layers = layers.optionalLayer(module).definedBy(packageOf(module) + "..");
    }
    for (Map.Entry<String, String[]> arrow : ARROWS.entrySet()) {
      layers =
          arrow.getValue().length == 0
              ? layers.whereLayer(arrow.getKey()).mayNotAccessAnyLayer()
              : layers.whereLayer(arrow.getKey()).mayOnlyAccessLayers(arrow.getValue());
    }
    layers.check(classes());
  }

  @Test
  void everyClassIsInItsModulesPackage() {
    for (Path module : checkout.modules()) {
      if (!module.startsWith("qa")) {
        Path folder = checkout.root().resolve(module).resolve("target/classes");
        assertThat(new ClassFileImporter().importPath(folder))
            .allSatisfy(
                type ->
                    assertThat(type.getPackageName() + ".")
                        .startsWith(packageOf(module.toString()) + "."));
      }
    }
  }

  @Test
  void packagesDoNotGoInCircles() {
    slices().matching("isola.(**)").should().beFreeOfCycles().check(classes());
  }
}
