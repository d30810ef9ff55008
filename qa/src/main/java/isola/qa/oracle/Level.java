package isola.qa.oracle;

import isola.core.cpu.CpuidTable;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.model.CpuModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The level of x86-64 up to which instructions are compared: what the host processor has. */
final class Level {
  /** As Linux names them. */
  private static final List<String> V3 =
      List.of("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave");

  private static final boolean HOST_HAS_V3 = flags().containsAll(V3);

  private Level() {}

  static boolean hostHasV3() {
    return HOST_HAS_V3;
  }

  static OpcodeTable table() {
    return HOST_HAS_V3 ? OpcodeTable.v3() : OpcodeTable.x86();
  }

  /** What CPUID answers on the interpreter here. */
  static CpuidTable cpuid() {
    return cpuid(3);
  }

  /** What CPUID answers here on an engine of a level. */
  static CpuidTable cpuid(int level) {
    return CpuModel.level(HOST_HAS_V3 ? level : 2).table(0, 1, 1_000_000_000L, false);
  }

  /** The level that a form belongs to. */
  static int of(Form form) {
    return form.vex() != null || form.op() == Op.TZCNT || form.op() == Op.LZCNT ? 3 : 2;
  }

  private static Set<String> flags() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
        if (line.startsWith("flags")) {
          return new HashSet<>(Arrays.asList(line.substring(line.indexOf(':') + 1).split(" ", -1)));
        }
      }
    } catch (IOException e) {
      // No Linux, no oracle either.
    }
    return Set.of();
  }
}
