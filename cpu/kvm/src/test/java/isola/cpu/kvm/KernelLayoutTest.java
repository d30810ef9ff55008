package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import isola.cpu.kvm.abi.KvmCapability;
import isola.cpu.kvm.abi.KvmCpuid2;
import isola.cpu.kvm.abi.KvmCpuidEntry2;
import isola.cpu.kvm.abi.KvmDebugregs;
import isola.cpu.kvm.abi.KvmDeviceAttr;
import isola.cpu.kvm.abi.KvmDirtyLog;
import isola.cpu.kvm.abi.KvmDtable;
import isola.cpu.kvm.abi.KvmEnableCap;
import isola.cpu.kvm.abi.KvmIoeventfd;
import isola.cpu.kvm.abi.KvmIrqRouting;
import isola.cpu.kvm.abi.KvmIrqRoutingEntry;
import isola.cpu.kvm.abi.KvmLapicState;
import isola.cpu.kvm.abi.KvmMpState;
import isola.cpu.kvm.abi.KvmMsi;
import isola.cpu.kvm.abi.KvmMsrEntry;
import isola.cpu.kvm.abi.KvmMsrs;
import isola.cpu.kvm.abi.KvmRegs;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSegment;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmSregs;
import isola.cpu.kvm.abi.KvmSregs2;
import isola.cpu.kvm.abi.KvmUserspaceMemoryRegion;
import isola.cpu.kvm.abi.KvmVcpuEvents;
import isola.cpu.kvm.abi.KvmXcr;
import isola.cpu.kvm.abi.KvmXcrs;
import isola.cpu.kvm.abi.KvmXsave;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every offset, size and number of the package {@code abi} against the C headers of this host. */
class KernelLayoutTest {
  private static final List<Class<?>> STRUCTURES =
      List.of(
          KvmCpuid2.class,
          KvmCpuidEntry2.class,
          KvmDebugregs.class,
          KvmDeviceAttr.class,
          KvmDirtyLog.class,
          KvmDtable.class,
          KvmEnableCap.class,
          KvmIoeventfd.class,
          KvmIrqRouting.class,
          KvmIrqRoutingEntry.class,
          KvmLapicState.class,
          KvmMpState.class,
          KvmMsi.class,
          KvmMsrEntry.class,
          KvmMsrs.class,
          KvmRegs.class,
          KvmRun.class,
          KvmSegment.class,
          KvmSregs.class,
          KvmSregs2.class,
          KvmUserspaceMemoryRegion.class,
          KvmVcpuEvents.class,
          KvmXcr.class,
          KvmXcrs.class,
          KvmXsave.class);

  @TempDir Path work;

  @Test
  void everyStructureIsAsTheHeadersSay() throws Exception {
    Map<String, Integer> ours = new LinkedHashMap<>();
    for (Class<?> structure : STRUCTURES) {
      String name = "struct " + snake(structure.getSimpleName());
      collect(structure, name, "", ours);
    }
    assertThat(ours.size()).isGreaterThan(STRUCTURES.size() * 2);
    assertThat(asked(ours)).isEqualTo(ours);
  }

  private static void collect(
      Class<?> type, String structure, String member, Map<String, Integer> ours)
      throws IllegalAccessException {
    for (Field field : type.getDeclaredFields()) {
      if (Modifier.isPublic(field.getModifiers())) {
        String name = field.getName().toLowerCase(Locale.ROOT);
        String expression =
            name.equals("size") && member.isEmpty()
                ? "sizeof(%s)".formatted(structure)
                : "offsetof(%s, %s%s)".formatted(structure, member, name);
        ours.put(expression, field.getInt(null));
      }
    }
    for (Class<?> inner : type.getDeclaredClasses()) {
      collect(inner, structure, member + snake(inner.getSimpleName()) + ".", ours);
    }
  }

  @Test
  void everyNumberIsAsTheHeadersSay() throws Exception {
    Map<String, Integer> ours = new LinkedHashMap<>();
    for (Field field : KvmSpec.class.getDeclaredFields()) {
      if (field.getName().startsWith("KVM_")) {
        ours.put(field.getName(), field.getInt(null));
      }
    }
    for (KvmCapability capability : KvmCapability.values()) {
      ours.put(capability.name(), capability.number());
    }
    assertThat(ours).hasSizeGreaterThan(80);
    assertThat(asked(ours)).isEqualTo(ours);
  }

  /** {@code KvmCpuidEntry2} is {@code kvm_cpuid_entry2}. */
  private static String snake(String name) {
    return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
  }

  /** What a C compiler says to each expression that its headers know. */
  private Map<String, Integer> asked(Map<String, Integer> expressions) throws Exception {
    StringBuilder program =
        new StringBuilder(
            "#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\nint main() {\n");
    for (String expression : expressions.keySet()) {
      boolean macro = expression.startsWith("KVM_");
      if (macro) {
        program.append("#ifdef ").append(expression).append('\n');
      }
      program.append("printf(\"%s=%%d\\n\", (int)(%s));\n".formatted(expression, expression));
      if (macro) {
        program.append("#else\nprintf(\"%s=%d\\n\");\n#endif\n".formatted(expression, -1));
      }
    }
    Path source = work.resolve("layout.c");
    Files.writeString(source, program + "}\n");
    Path binary = work.resolve("layout");
    String compiled = run(List.of("gcc", "-w", "-o", binary.toString(), source.toString()));
    Assumptions.assumeFalse(
        compiled.contains("linux/kvm.h: No such file"), "no layouts without linux/kvm.h");
    Map<String, Integer> answers = new LinkedHashMap<>();
    for (String line : run(List.of(binary.toString())).split("\n", -1)) {
      int equals = line.lastIndexOf('=');
      if (equals > 0) {
        String expression = line.substring(0, equals);
        int value = Integer.parseInt(line.substring(equals + 1));
        // Older headers do not have every macro; those that are enumerators cannot be asked for.
        Integer own = expressions.get(expression);
        answers.put(expression, value == -1 && own != null ? own : value);
      }
    }
    assertThat(answers).as(compiled).isNotEmpty();
    return answers;
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      return Assumptions.abort("no layouts without " + command.getFirst());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return output;
  }
}
