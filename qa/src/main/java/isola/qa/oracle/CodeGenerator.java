package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.CODE;
import static isola.qa.oracle.RecordSpec.DATA;
import static isola.qa.oracle.RecordSpec.PAGE;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Op;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Random machine code from the rows of the opcode table. */
final class CodeGenerator {
  private final List<Form> forms64 = new ArrayList<>();
  private final List<Form> forms32 = new ArrayList<>();
  private Values v = new Values(0);
  private ByteArrayOutputStream out = new ByteArrayOutputStream();
  private boolean is64;
  private boolean operand16;

  /** A generator of instructions that user code may have and {@code wanted} lets through. */
  CodeGenerator(Predicate<Form> wanted) {
    for (Form form : Level.table().forms()) {
      if (!wanted.test(form) || Exclusions.excluded(form)) {
        continue;
      }
      if (form.mode() != Form.Mode.NOT_64) {
        forms64.add(form);
      }
      if (form.mode() != Form.Mode.ONLY_64 && !form.features().contains("o64")) {
        forms32.add(form);
      }
    }
  }

  /** How many rows there are to choose from. */
  int forms(boolean sixtyFour) {
    return (sixtyFour ? forms64 : forms32).size();
  }

  /** A sequence of 1 to {@code longest} instructions. */
  byte[] generate(long seed, boolean sixtyFour, int longest) {
    v = new Values(seed);
    out = new ByteArrayOutputStream();
    is64 = sixtyFour;
    List<Form> forms = is64 ? forms64 : forms32;
    int count = 1 + v.below(longest);
    for (int i = 0; i < count; i++) {
      Form form = forms.get(v.below(forms.size()));
      while (Exclusions.alone(form) && count > 1) {
        form = forms.get(v.below(forms.size()));
      }
      instruction(form);
      if (i < count - 1) {
        if (Undefined.last(form)) {
          break;
        }
        if (Undefined.flags(form) != 0) {
          // Makes all status flags known again: CMP of two registers.
          out.write(0x39);
          out.write(0xc0 | v.below(8) << 3 | v.below(8));
        }
      }
    }
    return out.toByteArray();
  }

  /** Prefixes that change little or nothing, which the decoder must not stumble over. */
  private void noise(Form form) {
    switch (v.below(4)) {
      case 0 -> {
        // Segments are flat; a write through CS faults outside 64-bit code.
        int[] overrides = {0x26, 0x2e, 0x36, 0x3e};
        out.write(overrides[v.below(4)]);
      }
      case 1 -> {
        // Addresses of 32 bits; 16-bit ones would be encoded differently.
        if (is64 && !form.operands().contains("Ov") && !form.operands().contains("Ob")) {
          out.write(0x67);
        }
      }
      case 2 -> {
        // Does not count, as another prefix follows.
        if (is64) {
          out.write(0x40 | v.below(16));
          out.write(0x3e);
        }
      }
      default -> {
        if (Exclusions.repeatIsIgnored(form)) {
          out.write(0xf2 + v.below(2));
        }
      }
    }
  }

  /**
   * Saves the extended state to an area whose header is zero, most often, and takes it back from
   * there; or takes back what stands there by chance.
   */
  private void extendedState(Form form) {
    int area = (int) DATA + (v.oneIn(8) ? v.below(PAGE) : v.below(49) * 64);
    if (!v.oneIn(6)) {
      // mov edi,header; mov ecx,64; xor eax,eax; rep stosb
      out.write(0xbf);
      word(area + 512L, 4);
      out.write(0xb9);
      word(64, 4);
      word(0xaaf3_c031L, 4);
    }
    if (form.op() == Op.XRSTOR && !v.oneIn(4)) {
      extendedState(0xae, 4, area);
    } else if (form.op() == Op.XRSTOR && v.oneIn(2)) {
      extendedState(0xc7, 4, area);
    }
    extendedState(form.opcode(), form.extension(), area);
    if (form.op() != Op.XRSTOR && v.oneIn(2)) {
      extendedState(0xae, 5, area);
    }
  }

  private void extendedState(int opcode, int extension, int area) {
    // mov eax,mask; xor edx,edx
    out.write(0xb8);
    word(v.below(8), 4);
    word(0xd231, 2);
    if (is64 && v.oneIn(2)) {
      out.write(0x48);
    }
    out.write(0x0f);
    out.write(opcode);
    if (is64) {
      out.write(extension << 3 | 4);
      out.write(0x25);
    } else {
      out.write(extension << 3 | 5);
    }
    word(area, 4);
  }

  private void instruction(Form form) {
    if (Exclusions.extended(form.op())) {
      extendedState(form);
      return;
    }
    if (form.vex() != null) {
      vexInstruction(form, form.vex());
      return;
    }
    if (v.oneIn(6)) {
      noise(form);
    }
    int rex = is64 && v.oneIn(2) ? 0x40 | v.below(16) : 0;
    operand16 =
        form.prefix() == Form.ANY && sized(form) && v.oneIn(4) && !Exclusions.no66(form, is64);
    if (operand16) {
      out.write(0x66);
    }
    if (form.map() == 0 && Exclusions.string(form.op()) && v.oneIn(3)) {
      out.write(0xf2 + v.below(2));
    }
    boolean memory =
        form.rm() == Form.Rm.MEMORY
            || Exclusions.noRegister(form)
            || (form.rm() == Form.Rm.ANY && form.exact() < 0 && v.oneIn(2));
    if (form.lockable() && memory && v.oneIn(4)) {
      out.write(0xf0);
    }
    if (form.prefix() > 0) {
      out.write(form.prefix());
    }
    if (rex != 0) {
      out.write(rex);
    }
    switch (form.map()) {
      case 1 -> out.write(0x0f);
      case 2 -> {
        out.write(0x0f);
        out.write(0x38);
      }
      case 3 -> {
        out.write(0x0f);
        out.write(0x3a);
      }
      default -> {}
    }
    out.write(form.opcode());
    if (form.exact() >= 0) {
      out.write(form.exact());
    } else if (form.hasModRm()) {
      modRm(form, memory, rex);
    }
    for (String operand : form.operands()) {
      immediate(form, operand, (rex & 8) != 0);
    }
  }

  private void vexInstruction(Form form, Form.Vex vex) {
    boolean l256 =
        switch (vex.length()) {
          case L128 -> false;
          case L256 -> true;
          case BOTH, IGNORED -> v.oneIn(2);
        };
    boolean w = vex.w() == Form.ANY ? v.oneIn(3) : vex.w() == 1;
    int rex = (is64 && v.oneIn(2) ? v.below(8) : 0) | (w ? 8 : 0);
    boolean memory = form.rm() == Form.Rm.MEMORY || (form.rm() == Form.Rm.ANY && v.oneIn(2));
    int index = v.below(8);
    if (form.gathers()) {
      inRange(form, index | (rex & 2) << 2);
    }
    if (v.oneIn(6)) {
      noise(form);
    }
    int vvvv = form.has('H') || form.has('B') ? v.below(is64 ? 16 : 8) : 0;
    vex(form.map(), form.prefix(), rex, vvvv, l256);
    out.write(form.opcode());
    if (form.gathers()) {
      int base = StateGenerator.POINTERS[v.below(4)];
      out.write(0x44 | v.below(8) << 3);
      out.write(v.below(4) << 6 | index << 3 | base);
      out.write(v.below(128));
    } else if (form.hasModRm()) {
      modRm(form, memory, rex);
    }
    for (String operand : form.operands()) {
      immediate(form, operand, w);
    }
  }

  /** A VEX prefix, of two bytes where they do and chance will. */
  private void vex(int map, int prefix, int rex, int vvvv, boolean l256) {
    int pp = prefix == 0x66 ? 1 : prefix == 0xf3 ? 2 : prefix == 0xf2 ? 3 : 0;
    int last = (~vvvv & 15) << 3 | (l256 ? 4 : 0) | pp;
    if (map == 1 && (rex & 11) == 0 && v.oneIn(2)) {
      out.write(0xc5);
      out.write((~rex & 4) << 5 | last);
    } else {
      out.write(0xc4);
      out.write((~rex & 7) << 5 | map);
      out.write((rex & 8) << 4 | last);
    }
  }

  /** VPSRLD or VPSRLQ of a YMM register, so that its elements are small indices. */
  private void inRange(Form form, int register) {
    if (v.oneIn(16)) {
      return;
    }
    boolean quads = (form.opcode() & 1) != 0;
    vex(1, 0x66, register >> 3, register, true);
    out.write(quads ? 0x73 : 0x72);
    out.write(0xd0 | register & 7);
    out.write(quads ? 56 : 24);
  }

  private static boolean sized(Form form) {
    return switch (form.width()) {
      case V, Z -> true;
      default -> false;
    };
  }

  private void modRm(Form form, boolean memory, int rex) {
    int reg = form.extension() >= 0 ? form.extension() : v.below(8);
    if (!memory) {
      out.write(0xc0 | reg << 3 | v.below(8));
      return;
    }
    long address =
        switch (v.below(24)) {
          case 0 -> DATA + PAGE - v.below(24);
          case 1 -> DATA + v.below(PAGE);
          case 2 -> RecordSpec.READ_ONLY + v.below(PAGE / 16) * 16;
          case 3 -> DATA - v.below(20);
          default -> DATA + 256 + v.below(200) * 16;
        };
    int kind = v.below(8);
    if (kind < 2) {
      // An absolute address.
      if (is64) {
        out.write(reg << 3 | 4);
        out.write(0x25);
      } else {
        out.write(reg << 3 | 5);
      }
      word(address, 4);
    } else if (kind == 2 && is64) {
      out.write(reg << 3 | 5);
      // Relative to the next instruction, whose address depends on an immediate to come.
      long next = CODE + out.size() + 4 + immediateBytes(form, rex);
      word(address - next, 4);
    } else if (kind == 3) {
      // Base and scaled index.
      out.write(0x44 | reg << 3);
      int base = StateGenerator.POINTERS[v.below(4)];
      out.write(v.below(4) << 6 | v.below(8) << 3 | base);
      out.write(v.below(16) * 8);
    } else {
      int base = StateGenerator.POINTERS[v.below(4)];
      boolean wide = v.oneIn(4);
      out.write((wide ? 0x80 : 0x40) | reg << 3 | base);
      if (wide) {
        word(v.below(64) * 16 - 512, 4);
      } else {
        out.write(v.oneIn(4) ? v.below(128) - 64 : v.below(8) * 16);
      }
    }
  }

  private void word(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >>> (i * 8)));
    }
  }

  private int operandSize(Form form, boolean wide) {
    return switch (form.width()) {
      case B -> 1;
      case W -> 2;
      case D -> 4;
      case Q -> 8;
      case Y -> is64 && wide ? 8 : 4;
      case V, Z ->
          is64 && (wide || form.size64() == Form.Size64.FORCED)
              ? 8
              : operand16 ? 2 : is64 && form.size64() == Form.Size64.DEFAULT ? 8 : 4;
    };
  }

  private int immediateBytes(Form form, int rex) {
    int bytes = 0;
    for (String operand : form.operands()) {
      bytes += immediateSize(form, operand, (rex & 8) != 0);
    }
    return bytes;
  }

  private int immediateSize(Form form, String operand, boolean wide) {
    int size = operandSize(form, wide);
    return switch (operand.charAt(0)) {
      case 'I' ->
          switch (operand) {
            case "Ib", "Ibs" -> 1;
            case "Iw" -> 2;
            case "Iz" -> Math.min(size, 4);
            default -> size;
          };
      case 'J' -> operand.equals("Jb") ? 1 : Math.min(size, 4);
      case 'O' -> is64 ? 8 : 4;
      case 'L' -> 1;
      default -> 0;
    };
  }

  private void immediate(Form form, String operand, boolean wide) {
    int size = immediateSize(form, operand, wide);
    switch (operand.charAt(0)) {
      case 'I', 'L' -> word(v.oneIn(3) ? v.below(70) : v.integer(), size);
      case 'J' -> {
        // Over some HLT: whether it jumped shows in where it stops.
        int over = v.below(4);
        word(over, size);
        for (int i = 0; i < over; i++) {
          out.write(0xf4);
        }
      }
      case 'O' -> word(DATA + v.below(PAGE), size);
      default -> {}
    }
  }
}
