package isola.host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What the host's processor and kernel let generated code do. Any thread. */
public final class HostProcessor {
  /** {@code AT_HWCAP2} of {@code getauxval(3)}. */
  private static final long AT_HWCAP2 = 26;

  /** Bit of {@code AT_HWCAP2} on x86: WRGSBASE may be used (Linux uapi asm/hwcap2.h). */
  private static final long HWCAP2_FSGSBASE = 2;

  private HostProcessor() {}

  /** Whether this is a 64-bit x86 Linux. */
  public static boolean isX86Linux() {
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    return (arch.equals("amd64") || arch.equals("x86_64")) && system.startsWith("linux");
  }

  /**
   * Which of these features the processors lack, by the names of the flags in {@code
   * /proc/cpuinfo}; all of them if that cannot be read.
   */
  public static Set<String> missing(Collection<String> features) {
    Set<String> missing = new TreeSet<>(features);
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .ifPresent(line -> missing.removeAll(List.of(line.split("[ \t]+", -1))));
    } catch (IOException | UncheckedIOException e) {
      return missing;
    }
    return missing;
  }

  /** Whether user code may set the GS base with WRGSBASE (Linux 5.9 and later). */
  public static boolean canSetGsBase() {
    return (NativeFunction.of("getauxval").call(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
  }
}
