package isola.cpu.x86.decode;

import isola.core.cpu.CpuidTable;
import isola.cpu.x86.spec.CpuidSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The opcode table, {@code opcodes.txt} beside this class. It is gone through once to see which
 * lines belong to which opcode; what they say is read when the opcode is first asked for, as a
 * guest uses few of them, and all of them take a tenth of a second. Any thread.
 */
public final class OpcodeTable {
  /** Four maps without VEX, and the three that VEX.mmmmm names. */
  private static final int MAPS = 7;

  /** Added to the number of a map for its VEX forms. */
  static final int VEX = 3;

  private static final Form[] NONE = {};

  private static final Set<String> V3 =
      Set.of("avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "lzcnt");

  private static final OpcodeTable X86_64_V3 = new OpcodeTable(lines("opcodes.txt"), Set.of());
  private static final OpcodeTable X86_64 = new OpcodeTable(X86_64_V3.lines, V3);

  /** The rows of an opcode, those that ask for most first. */
  private static final class Opcode {
    final Form[] forms;
    final boolean hasModRm;

    Opcode(Form[] forms, boolean hasModRm) {
      this.forms = forms;
      this.hasModRm = hasModRm;
    }
  }

  /** The lines of the file by map and opcode. */
  private final String[][] lines;

  private final Set<String> without;
  private final AtomicReferenceArray<@Nullable Opcode> opcodes =
      new AtomicReferenceArray<>(MAPS * 256);

  private OpcodeTable(String[][] lines, Set<String> without) {
    this.lines = lines;
    this.without = without;
  }

  /** The table of every instruction up to x86-64-v2. */
  public static OpcodeTable x86() {
    return X86_64;
  }

  /** The table of every instruction up to x86-64-v3. */
  public static OpcodeTable v3() {
    return X86_64_V3;
  }

  /** The table of what a processor has that answers CPUID so. */
  public static OpcodeTable offered(CpuidTable cpuid) {
    CpuidTable.Row features = cpuid.find(CpuidSpec.FEATURES, 0);
    return features != null && (features.ecx() & CpuidSpec.AVX) != 0 ? X86_64_V3 : X86_64;
  }

  /** All rows, by map and opcode. */
  public List<Form> forms() {
    List<Form> all = new ArrayList<>();
    for (int i = 0; i < lines.length; i++) {
      Collections.addAll(all, opcode(i).forms);
    }
    return all;
  }

  /** Whether the instructions of an opcode have a ModRM byte. */
  boolean hasModRm(int map, int opcode) {
    return opcode(map << 8 | opcode).hasModRm;
  }

  /** The rows of an opcode, those that ask for most first. */
  Form[] candidates(int map, int opcode) {
    return opcode(map << 8 | opcode).forms;
  }

  private Opcode opcode(int index) {
    Opcode known = opcodes.get(index);
    return known != null ? known : read(index);
  }

  private Opcode read(int index) {
    List<Form> forms = new ArrayList<>();
    boolean hasModRm = false;
    for (String line : lines[index]) {
      Form form = OpcodeRow.parse(line);
      if (Collections.disjoint(form.features(), without)) {
        forms.add(form);
        hasModRm |= form.hasModRm();
      }
    }
    forms.sort((one, other) -> Integer.compare(breadth(one), breadth(other)));
    Opcode made = new Opcode(forms.toArray(NONE), hasModRm);
    // Whoever comes first: all see the same rows.
    return opcodes.compareAndSet(index, null, made)
        ? made
        : Objects.requireNonNull(opcodes.get(index));
  }

  private static int breadth(Form form) {
    int prefix =
        switch (form.prefix()) {
          case 0xf2, 0xf3 -> 0;
          case 0x66 -> 1;
          case Form.NP -> 2;
          default -> 3;
        };
    return prefix * 2 + (form.exact() >= 0 ? 0 : 1);
  }

  private static String[][] lines(String name) {
    String[][] all = new String[MAPS * 256][];
    Arrays.fill(all, new String[0]);
    try (InputStream in = OpcodeTable.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the module");
      }
      String text = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
      int end;
      for (int at = 0; at < text.length(); at = end + 1) {
        end = text.indexOf('\n', at);
        if (text.charAt(at) != '#' && end > at) {
          String line = text.substring(at, end);
          int index = OpcodeRow.index(line);
          String[] before = all[index];
          all[index] = Arrays.copyOf(before, before.length + 1);
          all[index][before.length] = line;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return all;
  }
}
