package isola.qa.oracle;

import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import java.util.Arrays;

/**
 * Random bytes where an instruction could be: prefixes, an opcode of any map, ModRM, then HLT as
 * far as one can see. Whether they are an instruction, and of what length, is what both sides must
 * agree on.
 */
final class EncodingGenerator {
  private static final int[] PREFIXES = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x3e, 0x26, 0x36};
  private static final int LENGTH = 32;

  private final Decoder decoder = new Decoder(Level.table());
  private final byte[] bytes = new byte[LENGTH];
  private Values v = new Values(0);
  private int at;

  // What was written last.
  private boolean vex;
  private int map;
  private int opcode;
  private int prefix;
  private boolean l256;

  /** The bytes of a case; the same for the same seed. */
  byte[] generate(long seed, boolean is64) {
    v = new Values(seed);
    do {
      write(is64);
    } while (!comparable(is64));
    return bytes.clone();
  }

  private void write(boolean is64) {
    Arrays.fill(bytes, (byte) 0xf4);
    at = 0;
    prefix = 0;
    for (int left = v.oneIn(3) ? v.below(4) : v.below(2); left > 0; left--) {
      int p = PREFIXES[v.below(PREFIXES.length)];
      prefix = p == 0x66 || p == 0xf2 || p == 0xf3 ? p : prefix;
      put(p);
    }
    if (is64 && v.oneIn(3)) {
      put(0x40 | v.below(16));
    }
    vex = v.oneIn(3);
    opcode = v.below(256);
    l256 = false;
    if (vex) {
      vexPrefix(is64);
    } else {
      map = v.below(4);
      if (map > 0) {
        put(0x0f);
      }
      if (map > 1) {
        put(map == 2 ? 0x38 : 0x3a);
      }
    }
    put(opcode);
    // A register, or the address in a register that points somewhere.
    int rm = v.oneIn(2) ? 0xc0 | v.below(8) : StateGenerator.POINTERS[v.below(4)];
    put(rm | v.below(8) << 3);
  }

  private void vexPrefix(boolean is64) {
    int last = v.below(256);
    if (v.oneIn(2)) {
      map = 1;
      put(0xc5);
      last |= is64 ? 0 : 0xc0;
    } else {
      map = v.oneIn(8) ? v.below(32) : 1 + v.below(3);
      put(0xc4);
      put((is64 ? v.below(8) << 5 : 0xe0) | map);
    }
    if (v.oneIn(2)) {
      // Most instructions want no third register there.
      last |= 0x78;
    }
    l256 = (last & 4) != 0;
    put(last);
  }

  private void put(int b) {
    bytes[at++] = (byte) b;
  }

  private boolean comparable(boolean is64) {
    Insn insn = new Insn();
    Decoder.Status status = decoder.decode(insn, bytes, 0, LENGTH, is64 ? 8 : 4);
    Form form = insn.form;
    if (!vex && reachesOn(is64)) {
      return false;
    }
    if (status == Decoder.Status.OK && form != null) {
      // HLT follows even an instruction without ModRM.
      Arrays.fill(bytes, insn.length, LENGTH, (byte) 0xf4);
      boolean odd = Exclusions.no66(form, is64) || Exclusions.noRegister(form);
      return !Exclusions.excluded(form)
          && !Exclusions.extended(form.op())
          && !odd
          && !(repeats() && unknownRepeat(form));
    }
    return !(vex ? otherVex() : other());
  }

  /** Whether the opcode is none, but a prefix or the way to another map. */
  private boolean reachesOn(boolean is64) {
    return switch (map) {
      case 0 ->
          switch (opcode) {
            case 0x0f, 0xc4, 0xc5, 0x64, 0x65 -> true;
            default ->
                is64 && opcode >> 4 == 4
                    || Arrays.stream(PREFIXES).anyMatch(known -> known == opcode);
          };
      case 1 -> opcode == 0x38 || opcode == 0x3a;
      default -> false;
    };
  }

  private boolean repeats() {
    for (int i = 0; i < at; i++) {
      if ((bytes[i] & 0xfe) == 0xf2) {
        return true;
      }
    }
    return false;
  }

  /** Whether F2 or F3 before a form is reserved, so that any processor may give it a meaning. */
  private static boolean unknownRepeat(Form form) {
    return form.vex() == null
        && form.prefix() != 0xf2
        && form.prefix() != 0xf3
        && !Exclusions.repeatIsIgnored(form)
        && !Exclusions.string(form.op());
  }

  /** Opcodes that newer processors than the level's have, and that the host may execute. */
  private boolean otherVex() {
    return switch (map) {
      // Mask registers of AVX-512.
      case 1 -> opcode >= 0x41 && opcode <= 0x4b || opcode >= 0x90 && opcode <= 0x99;
      // AVX-VNNI, AVX-IFMA, AMX, GFNI, VAES and conversions.
      case 2 ->
          opcode >= 0x48 && opcode <= 0x4b
              || opcode >= 0x50 && opcode <= 0x53
              || opcode >= 0x5c && opcode <= 0x5f
              || opcode == 0x72
              || opcode >= 0xb0 && opcode <= 0xb5
              || opcode >= 0xcb && opcode <= 0xdf
              || opcode >= 0xe0 && opcode <= 0xef;
      // VPERMQ and VPERMPD with W clear, which AMD processors take.
      case 3 ->
          opcode < 2
              || opcode >= 0x30 && opcode <= 0x33
              || opcode == 0x44 && l256
              || opcode >= 0xcc && opcode <= 0xdf;
      default -> false;
    };
  }

  private boolean other() {
    return switch (map) {
      // EVEX, XOP, a far jump, calls of the operating system or a debugger.
      case 0 ->
          opcode == 0x62 || opcode == 0x8f || opcode >= 0xcc && opcode <= 0xce || opcode == 0xf1;
      case 1 ->
          switch (opcode) {
            // MOV CR8 with LOCK, too.
            case 0x00, 0x01, 0x20, 0x22, 0x05, 0x07, 0x2b, 0x34, 0x35, 0x78, 0x79, 0xae, 0xc7 ->
                true;
            default -> false;
          };
      // INVEPT, GFNI, SHA, ADX, key locker, direct stores.
      case 2 ->
          opcode >= 0x80 && opcode <= 0x82
              || opcode >= 0xc8 && opcode <= 0xcf
              || opcode >= 0xd8 && opcode <= 0xdf
              || opcode >= 0xf5;
      default -> opcode >= 0xcc && opcode <= 0xcf || opcode == 0xf0;
    };
  }
}
