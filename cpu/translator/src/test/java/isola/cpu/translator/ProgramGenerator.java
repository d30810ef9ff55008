package isola.cpu.translator;

import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Random programs from the opcode table: instructions on registers and on memory by every kind of
 * address, jumps, loops, calls; they end with HLT. Flags that the manual leaves undefined are set
 * again at once.
 */
final class ProgramGenerator {
  private static final int RSP = 4;

  /** Not generated: control flow and stack (made by hand below), faults, other engines' matters. */
  private static final Set<String> LEFT_OUT =
      Set.of(
          "JMP",
          "CALL",
          "RET",
          "PUSH",
          "POP",
          "LEAVE",
          "ENTER",
          "PUSHF",
          "POPF",
          "HLT",
          "IN",
          "OUT",
          "INS",
          "OUTS",
          "MOVS",
          "STOS",
          "LODS",
          "SCAS",
          "CMPS",
          "DIV",
          "IDIV",
          "UD",
          "UD0",
          "UD1",
          "UD2",
          "LOOP",
          "LOOPE",
          "LOOPNE",
          "JCXZ",
          "XLAT",
          "CLI",
          "STI",
          "STD",
          "CLD",
          "LDMXCSR",
          "MASKMOVDQU",
          "MASKMOVQ",
          "RCPPS",
          "RCPSS",
          "RSQRTPS",
          "RSQRTSS",
          "PAUSE",
          "FLDCW",
          "FLDENV",
          "FRSTOR",
          "FSIN",
          "FCOS",
          "FSINCOS",
          "FPTAN",
          "FPATAN",
          "F2XM1",
          "FYL2X",
          "FYL2XP1",
          "SHLD",
          "SHRD");

  /** Leave flags undefined. */
  private static final Set<String> UNDEFINED_FLAGS =
      Set.of(
          "MUL", "IMUL", "SHL", "SHR", "SAR", "ROL", "ROR", "RCL", "RCR", "BT", "BTS", "BTR", "BTC",
          "BSF", "BSR", "AND", "OR", "XOR", "TEST", "ANDN", "BEXTR", "BLSI", "BLSMSK", "BLSR",
          "BZHI", "LZCNT", "TZCNT");

  /** Not generated in 32-bit code either: what only that has and needs more than plain data. */
  private static final Set<String> LEFT_OUT_32 =
      Set.of(
          "AAA", "AAD", "AAM", "AAS", "BOUND", "DAA", "DAS", "INTO", "LDS", "LES", "POPA", "PUSHA",
          "SALC", "ARPL");

  private static final OpcodeTable TABLE =
      BareMachine.LEVEL >= 3 ? OpcodeTable.v3() : OpcodeTable.x86();

  private final Decoder decoder = new Decoder(TABLE);
  private final List<Form> forms = new ArrayList<>();
  private final Random random;
  private final int word;
  private final byte[] code = new byte[1 << 14];
  private int size;

  /** While several operands share a base register: which, and what it holds; else -1. */
  private int sharedBase = -1;

  private long sharedAt;

  /** 64-bit programs. */
  ProgramGenerator(long seed) {
    this(seed, 8);
  }

  /** Programs of 64-bit or 32-bit code, by the bytes of a pointer. */
  ProgramGenerator(long seed, int word) {
    this.word = word;
    random = new Random(seed);
    for (Form form : TABLE.forms()) {
      String name = form.op().name();
      if (form.group() != Group.SYSTEM
          && form.mode() != (word == 8 ? Form.Mode.NOT_64 : Form.Mode.ONLY_64)
          && !(word == 4 && LEFT_OUT_32.contains(name))
          && !LEFT_OUT.contains(name)
          && !name.startsWith("J")
          && !form.features().contains("segment")
          && !form.gathers()
          && !form.operands().contains("Sw")) {
        // More of what makes the x87 stack neither empty nor full.
        int times =
            switch (name) {
              case "FLD", "FILD" -> 4;
              case "EMMS", "FNINIT" -> 5;
              default -> 1;
            };
        forms.addAll(Collections.nCopies(times, form));
      }
    }
  }

  byte[] next() {
    size = 0;
    int length = 5 + random.nextInt(60);
    boolean loop = random.nextBoolean();
    int head = 0;
    if (loop) {
      // push count
      emit(0x6a, 3 + random.nextInt(5));
      head = size;
    }
    int skip = -1;
    int left = 0;
    for (int i = 0; i < length; i++) {
      switch (random.nextInt(23)) {
        case 0 -> {
          if (skip < 0 && !loop) {
            emit(0x70 | random.nextInt(16), 0);
            skip = size - 1;
            left = 1 + random.nextInt(3);
          }
        }
        case 1 -> {
          push();
          instruction();
          pop();
        }
        case 2 -> {
          emit(0xe8, 1, 0, 0, 0, 0x90);
          pop();
        }
        // A call of the RET behind the next jump.
        case 3 -> emit(0xe8, 2, 0, 0, 0, 0xeb, 1, 0xc3);
        case 4 -> {
          int by = register();
          move(by, BareMachine.CODE + size + (word == 8 ? 13 : 7));
          rex(by >> 3);
          emit(0xff, 0xe0 | by & 7);
        }
        case 5 -> {
          // Too long for a short jump over it.
          if (skip < 0) {
            neighbours();
          }
        }
        case 6 -> {
          if (skip < 0) {
            stackNeighbours();
          }
        }
        case 7 -> {
          // push control; fldcw [rsp]; pop
          emit(0x6a, 0x7f, 0xc6, 0x44, 0x24, 1, random.nextInt(4) << 2 | 2 + random.nextInt(2));
          emit(0xd9, 0x2c, 0x24);
          pop();
        }
        default -> instruction();
      }
      if (skip >= 0 && left-- == 0) {
        code[skip] = (byte) (size - skip - 1);
        skip = -1;
      }
    }
    if (skip >= 0) {
      code[skip] = (byte) (size - skip - 1);
    }
    if (loop) {
      // dec [rsp]; jnz head; lea rsp, [rsp + word]
      rex(8);
      emit(0xff, 0x0c, 0x24, 0x0f, 0x85);
      number(head - (size + 4), 4);
      rex(8);
      emit(0x8d, 0x64, 0x24, word);
    }
    emit(0xf4);
    return Arrays.copyOf(code, size);
  }

  /** Operands close to each other and to a page's end, while the base moves by constants. */
  private void neighbours() {
    int[] bases = {5, 6, 7, 8, 12, 13, 15};
    sharedBase = bases[random.nextInt(word == 8 ? bases.length : 3)];
    sharedAt = BareMachine.DATA + 0x1000L * (1 + random.nextInt(8)) - random.nextInt(160);
    move(sharedBase, sharedAt);
    for (int n = 2 + random.nextInt(8); n > 0; n--) {
      if (random.nextInt(4) == 0) {
        int by = random.nextInt(64) - 32;
        int rex = 8 | sharedBase >> 3;
        int low = sharedBase & 7;
        switch (random.nextInt(4)) {
          case 0 -> {
            rex(rex);
            emit(0x83, 0xc0 | low, by);
          }
          case 1 -> {
            rex(rex);
            emit(0x83, 0xe8 | low, -by);
          }
          case 2 -> {
            // inc
            by = 1;
            rex(rex);
            emit(0xff, 0xc0 | low);
          }
          default -> {
            // lea base, [base + by]
            rex(rex | (sharedBase >> 3) << 2);
            emit(0x8d, 0x44 | low << 3, 0x20 | low, by);
          }
        }
        sharedAt += by;
      } else {
        instruction();
      }
    }
    sharedBase = -1;
  }

  /** Pushes, pops and operands on the stack between them. */
  private void stackNeighbours() {
    int depth = random.nextInt(4);
    rex(8);
    emit(0x83, 0xec, depth * word);
    int pushed = 1 + random.nextInt(4);
    for (int i = 0; i < pushed; i++) {
      push();
      if (random.nextInt(3) == 0) {
        // mov [rsp + word * n], register
        rex(8);
        emit(0x89, 0x44 | (register() & 3) << 3, 0x24, word * random.nextInt(i + 1));
      }
    }
    for (int i = 0; i < pushed; i++) {
      if (random.nextInt(3) == 0) {
        // add register, [rsp + word * n]
        rex(8);
        emit(0x03, 0x44 | (register() & 3) << 3, 0x24, word * random.nextInt(2));
      }
      pop();
    }
    rex(8);
    emit(0x83, 0xc4, depth * word);
  }

  private void emit(int... bytes) {
    for (int b : bytes) {
      code[size++] = (byte) b;
    }
  }

  private void number(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      emit((int) (value >> i * 8));
    }
  }

  /** A REX prefix, where there is one. */
  private void rex(int bits) {
    if (word == 8) {
      emit(0x40 | bits);
    }
  }

  private void move(int register, long value) {
    rex(8 | register >> 3);
    emit(0xb8 | register & 7);
    number(value, word);
  }

  private void push() {
    int from = register();
    rex(from >> 3);
    emit(0x50 | from & 7);
  }

  private void pop() {
    int to = register();
    rex(to >> 3);
    emit(0x58 | to & 7);
  }

  /** Any register but the stack pointer. */
  private int register() {
    int r = random.nextInt(2 * word - 1);
    return r < RSP ? r : r + 1;
  }

  private void instruction() {
    int before = size;
    if (!tryInstruction(forms.get(random.nextInt(forms.size())))) {
      size = before;
    }
  }

  private boolean tryInstruction(Form form) {
    int modRm = random.nextInt(256);
    if (form.rm() == Form.Rm.MEMORY) {
      modRm &= 0x7f;
    } else if (form.rm() == Form.Rm.REGISTER) {
      modRm |= 0xc0;
    }
    if (form.extension() >= 0) {
      modRm = modRm & ~0x38 | form.extension() << 3;
    }
    if (form.exact() >= 0) {
      modRm = form.exact();
    }
    boolean memory = form.hasModRm() && modRm < 0xc0;
    if (memory && form.op().name().startsWith("BT") && form.operand(1).startsWith("G")) {
      return false;
    }
    int rex = word == 8 && random.nextBoolean() ? 0x40 | random.nextInt(16) : 0;
    boolean small = form.prefix() == 0x66 || (form.prefix() == Form.ANY && random.nextInt(4) == 0);
    Place place = memory ? place(form) : null;
    if (place != null) {
      rex =
          place.base < 0 || word == 4
              ? rex
              : rex & ~3 | 0x40 | place.base >> 3 | place.indexBit() << 1;
      modRm = modRm & 0x38 | (place.base < 0 ? 5 : place.mod << 6 | 4);
    }
    if (touches(RSP, form, modRm, rex, memory)
        || (sharedBase >= 0 && touches(sharedBase, form, modRm, rex, memory))) {
      return false;
    }
    int start = size;
    Form.Vex vex = form.vex();
    if (vex != null) {
      return vex(form, vex, rex, modRm, place);
    }
    if (small) {
      emit(0x66);
    }
    if (form.prefix() == 0xf2 || form.prefix() == 0xf3) {
      emit(form.prefix());
    }
    if (memory && form.lockable() && random.nextInt(4) == 0) {
      emit(0xf0);
    }
    if (rex != 0) {
      emit(rex);
    }
    if (form.map() > 0) {
      emit(0x0f);
    }
    if (form.map() > 1) {
      emit(form.map() == 2 ? 0x38 : 0x3a);
    }
    return rest(form, start, modRm, place);
  }

  private boolean vex(Form form, Form.Vex vex, int rex, int modRm, @Nullable Place place) {
    int start = size;
    int named = 0;
    if (form.has('H') || form.has('B')) {
      do {
        named = random.nextInt(2 * word);
      } while (form.has('B') && (named == RSP || named == sharedBase));
    }
    int length =
        switch (vex.length()) {
          case L128 -> 0;
          case L256 -> 4;
          case BOTH, IGNORED -> random.nextInt(2) << 2;
        };
    int prefix =
        switch (form.prefix()) {
          case 0x66 -> 1;
          case 0xf3 -> 2;
          case 0xf2 -> 3;
          default -> 0;
        };
    int w = vex.w() == Form.ANY ? rex & 8 : vex.w() << 3;
    int last = ~named << 3 & 0x78 | length | prefix;
    int inverted = ~rex & 7;
    if ((inverted & 3) == 3 && w == 0 && form.map() == 1 && random.nextBoolean()) {
      emit(0xc5, (inverted & 4) << 5 | last);
    } else {
      emit(0xc4, inverted << 5 | form.map(), w << 4 | last);
    }
    return rest(form, start, modRm, place);
  }

  /** Writes an instruction from its opcode byte on. */
  private boolean rest(Form form, int start, int modRm, @Nullable Place place) {
    emit(form.opcode());
    if (form.hasModRm()) {
      emit(modRm);
    }
    int relative = size;
    if (place != null) {
      address(place);
    }
    return finish(form, start, relative, place);
  }

  /** Lets random bytes follow, and keeps what the decoder takes for the instruction. */
  private boolean finish(Form form, int start, int relative, @Nullable Place place) {
    if (form.operand(0).startsWith("O") || form.operand(1).startsWith("O")) {
      number(BareMachine.DATA + random.nextInt(0x8000), word);
    } else {
      for (int i = 0; i < 12; i++) {
        emit(random.nextInt(256));
      }
    }
    Insn insn = new Insn();
    if (decoder.decode(insn, code, start, 15, word) != Decoder.Status.OK
        || !form.equals(insn.form)) {
      return false;
    }
    size = start + insn.length;
    if (place != null && place.base < 0) {
      int end = size;
      size = relative;
      number(place.displacement - (word == 8 ? BareMachine.CODE + (long) end : 0), 4);
      size = end;
    }
    switch (form.op()) {
      // Processors differ in C1, which turning the stack clears.
      case FCOMI, FCOMIP, FUCOMI, FUCOMIP -> emit(0xd9, 0xf7, 0xd9, 0xf6);
      default -> {}
    }
    if (UNDEFINED_FLAGS.contains(form.op().name())) {
      rex(8);
      emit(0x85, 0xc0);
    }
    return true;
  }

  private static boolean touches(int register, Form form, int modRm, int rex, boolean memory) {
    int reg = modRm >> 3 & 7 | (rex & 4) << 1;
    int rm = modRm & 7 | (rex & 1) << 3;
    for (String operand : form.operands()) {
      boolean hit =
          switch (operand.charAt(0)) {
            case 'G' -> same(reg, register, operand, rex);
            case 'E', 'R' -> form.hasModRm() && !memory && same(rm, register, operand, rex);
            case 'Z' -> same(form.opcode() & 7 | (rex & 1) << 3, register, operand, rex);
            default -> false;
          };
      if (hit) {
        return true;
      }
    }
    return false;
  }

  private static boolean same(int named, int register, String operand, int rex) {
    boolean high = operand.endsWith("b") && rex == 0 && named >= 4;
    return named == register || (high && (named & 3) == register);
  }

  /** A memory operand; without a base it is relative to RIP. */
  private record Place(int base, int index, int scale, int mod, int displacement) {
    int indexBit() {
      return index == RSP ? 0 : index >> 3;
    }
  }

  /** Chooses an address and emits what loads its registers. */
  private Place place(Form form) {
    if (sharedBase >= 0) {
      int displacement = random.nextInt(256) - 128;
      if (form.aligned() || form.op().name().equals("CMPXCHG8B")) {
        displacement = (int) (((sharedAt + displacement) & ~31L) - sharedAt);
      }
      return new Place(sharedBase, RSP, 0, 2, displacement);
    }
    long at = BareMachine.DATA + 0x1000L + random.nextInt(0x7000);
    if (random.nextInt(8) == 0) {
      at = BareMachine.DATA + 0x1000L * (1 + random.nextInt(8)) - random.nextInt(24);
    }
    if (form.aligned() || form.op().name().equals("CMPXCHG8B")) {
      at &= ~31L;
    }
    if (random.nextInt(6) == 0) {
      return new Place(-1, RSP, 0, 0, (int) at);
    }
    int base = register();
    int index = random.nextInt(3) == 0 ? register() : RSP;
    if (index == base) {
      index = RSP;
    }
    int mod = random.nextInt(4) == 0 && (base & 7) != 5 ? 0 : 1 + random.nextInt(2);
    int displacement =
        switch (mod) {
          case 1 -> random.nextInt(256) - 128;
          case 2 -> random.nextInt(20000) - 10000;
          default -> 0;
        };
    int scale = random.nextInt(4);
    long count = random.nextInt(2000);
    move(base, at - displacement - (index == RSP ? 0 : count << scale));
    if (index != RSP) {
      move(index, count);
    }
    return new Place(base, index, scale, mod, displacement);
  }

  private void address(Place place) {
    if (place.base < 0) {
      number(0, 4);
      return;
    }
    emit(place.scale << 6 | (place.index & 7) << 3 | place.base & 7);
    if (place.mod > 0) {
      number(place.displacement, place.mod == 1 ? 1 : 4);
    }
  }
}
