package isola.cpu.translator;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Rflags;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A straight run of guest instructions as it is read from one page, with what the emitter must know
 * of each. Reused for every block of a processor.
 */
final class GuestCode {
  /** Instructions of a block at most. */
  static final int LIMIT = 64;

  private static final int LOOK_AHEAD = 8;

  private final Decoder decoder;

  /** Whether the host executes what x86-64-v3 has. */
  final boolean v3;

  /**
   * The instructions; the first {@link #count} count. They are filled in again for the next block,
   * but for those that are {@link Insn#kept}.
   */
  final Insn[] insns = new Insn[LIMIT];

  final Coverage.Kind[] kinds = new Coverage.Kind[LIMIT];

  /** Where in {@link #bytes} each instruction begins. */
  final int[] offsets = new int[LIMIT];

  /** Status flags that are looked at after each instruction before they are set again. */
  final int[] liveAfter = new int[LIMIT];

  /** Status flags that are looked at from each instruction on. */
  final int[] liveBefore = new int[LIMIT];

  /** Status flags that are looked at after each conditional jump if it is taken. */
  final int[] liveTaken = new int[LIMIT];

  /** What {@link #later} says: the flags are looked at, or changed in part. */
  static final int READ = 1 << 16;

  /** What {@link #later} says: it is not known what comes. */
  static final int UNKNOWN = 1 << 17;

  /**
   * What happens to the flags where each jump leads to, and after the last instruction: {@link
   * #READ}, {@link #UNKNOWN}, or the general registers, by bit, that are written before the last
   * place at which the flags are only wanted for an exception.
   */
  final int[] later = new int[LIMIT];

  /** The same from each {@link #loopHead} on. */
  final int[] laterHere = new int[LIMIT];

  /** Where jumps backward inside the block lead to; flags that matter are saved there. */
  final boolean[] loopHead = new boolean[LIMIT];

  int count;

  /** Linear address of the first instruction. */
  long rip;

  /** Bytes of a pointer, a stack slot and a default operand: 8 in 64-bit code, else 4. */
  int word = 8;

  /** The {@link Block#mode} that it is read for. */
  private int mode;

  /** Whether any instruction works on XMM registers. */
  boolean vectors;

  /** Whether any works on YMM registers or zeroes their upper halves. */
  boolean wide;

  /** Whether any works on x87 or MMX registers. */
  boolean x87;

  /** Whether the only instruction runs into the next page. */
  boolean crosses;

  /** The bytes from {@link #rip} on. */
  final byte[] bytes = new byte[4096];

  int available;

  private final byte[] ahead = new byte[4096];

  /** Code of a processor that has the instructions of a table, on a host with or without v3. */
  GuestCode(OpcodeTable table, boolean v3) {
    decoder = new Decoder(table);
    this.v3 = v3;
    Arrays.setAll(insns, i -> new Insn());
    Arrays.setAll(lookedAt, i -> new Insn());
  }

  /** Gives the code bytes at a linear address up to the end of its page. */
  interface Source {
    /** Copies them, {@code most} at most, and returns how many; 0 where there is no memory. */
    int read(long linear, byte[] target, int most);
  }

  /**
   * Reads a block: up to an instruction that ends it, the page's end or {@link #LIMIT}. An
   * instruction that runs into the next page is a block of its own.
   *
   * @param mode the {@link Block#mode} that it is for
   */
  void read(long from, Source source, int mode) {
    final boolean privileged = (mode & 3) != Tlb.USER;
    word = (mode & Block.MODE_32) != 0 ? 4 : 8;
    this.mode = mode;
    rip = from;
    count = 0;
    vectors = false;
    wide = false;
    x87 = false;
    crosses = false;
    available = source.read(from, bytes, LIMIT * 15);
    int at = 0;
    if (available > 0 && available < 15) {
      readAcross(source);
    }
    while (count < LIMIT && at < available) {
      Insn insn = empty(insns, count);
      if (decoder.decode(insn, bytes, at, Math.min(available - at, 15), word)
          != Decoder.Status.OK) {
        break;
      }
      Coverage.Kind kind = insn.op == Op.MOVBE && !v3 ? Coverage.Kind.INTERPRET : kind(insn);
      Form form = insn.form;
      boolean vector = form != null && form.group() == Group.SSE;
      boolean interrupts =
          kind == Coverage.Kind.INTERRUPTS_OFF || kind == Coverage.Kind.INTERRUPTS_ON;
      if ((vector && !allowed(insn)) || (interrupts && !privileged)) {
        kind = Coverage.Kind.INTERPRET;
      } else if (kind == Coverage.Kind.INTERPRET
          && (Coverage.staysInBlock(insn) || (Coverage.changesPages(insn) && !counting))) {
        kind = Coverage.Kind.AID;
      }
      insn.rip = from + at;
      kinds[count] = kind;
      offsets[count] = at;
      count++;
      if (kind == Coverage.Kind.INTERPRET) {
        break;
      }
      if (vector && (kind == Coverage.Kind.PLAIN || VectorEmitter.covers(insn))) {
        vectors = true;
        wide |= insn.vex;
      }
      x87 |= form != null && Coverage.needsX87(insn, form, kind);
      if (crosses) {
        break;
      }
      at += insn.length;
      if (kind.ends() || (checking && Coverage.mayWrite(insn, kind))) {
        break;
      }
    }
    if (count > 0 && kinds[count - 1] == Coverage.Kind.INTERRUPTS_ON) {
      // One more instruction runs before an interrupt, so STI cannot end a block.
      kinds[count - 1] = Coverage.Kind.INTERPRET;
    }
    liveness(source);
  }

  private static Insn empty(Insn[] all, int number) {
    Insn insn = all[number];
    if (insn.kept) {
      insn = new Insn();
      all[number] = insn;
    } else {
      insn.clear();
    }
    return insn;
  }

  private Coverage.Kind kind(Insn insn) {
    return Coverage.kind(insn, mode);
  }

  /** Whether a vector instruction may be translated now. */
  private boolean allowed(Insn insn) {
    return (mode & (insn.vex ? Block.MODE_WIDE : Block.MODE_VECTORS)) != 0;
  }

  /**
   * One instruction, or null; what was read before is forgotten.
   *
   * @param codeSize default operand and address size of the code segment: 2, 4 or 8
   */
  @Nullable Insn one(long at, Source source, int codeSize) {
    rip = at;
    word = codeSize;
    available = source.read(at, bytes, 15);
    if (available > 0 && available < 15) {
      readAcross(source);
    }
    Insn insn = new Insn();
    insn.rip = at;
    boolean fine = decoder.decode(insn, bytes, 0, available, word) == Decoder.Status.OK;
    return fine && available > 0 ? insn : null;
  }

  /** Takes the next page's first bytes too if the first instruction needs them. */
  private void readAcross(Source source) {
    Insn insn = new Insn();
    if (decoder.decode(insn, bytes, 0, available, word) == Decoder.Status.MORE) {
      int more = source.read(rip + available, ahead, 15);
      System.arraycopy(ahead, 0, bytes, available, more);
      available += more;
      crosses = true;
    }
  }

  /** Linear address after the last instruction. */
  long end() {
    Insn last = insns[count - 1];
    return truncated(last.rip + last.length);
  }

  /** An instruction pointer as the code segment has it. */
  long truncated(long address) {
    return word == 8 ? address : address & 0xffff_ffffL;
  }

  /** Where a direct branch leads to. */
  long target(Insn insn) {
    return truncated(insn.rip + insn.length + insn.imm);
  }

  private void liveness(Source source) {
    seen = 0;
    looking = false;
    int live = 0;
    if (count > 0 && !kinds[count - 1].ends()) {
      live = liveAt(end(), source);
      later[count - 1] = later(end(), source);
    }
    for (int i = count - 1; i >= 0; i--) {
      Insn insn = insns[i];
      switch (kinds[i]) {
        case AID, INTERPRET, JUMP_INDIRECT, CALL_INDIRECT, RETURN -> live = Rflags.STATUS;
        case JUMP, CALL -> {
          live = liveAt(target(insn), source);
          later[i] = later(target(insn), source);
        }
        case JUMP_IF -> {
          liveTaken[i] = liveAt(target(insn), source);
          later[i] = later(target(insn), source);
          live |= liveTaken[i];
        }
        default -> {}
      }
      liveAfter[i] = live;
      Form form = insn.form;
      if (form != null && kinds[i] != Coverage.Kind.INTERPRET && kinds[i] != Coverage.Kind.AID) {
        live = live & ~Coverage.writes(insn, form) | Coverage.reads(insn, form);
      }
      if (form == null || Coverage.mayFault(insn, form, kinds[i])) {
        live = Rflags.STATUS;
      }
      liveBefore[i] = live;
    }
    if (counting && count > 0) {
      liveBefore[0] = Rflags.STATUS;
    }
    savedFirst = false;
    for (int i = 0; i < count; i++) {
      Form form = insns[i].form;
      if (form == null || Coverage.mayFault(insns[i], form, kinds[i])) {
        savedFirst = true;
        break;
      }
      int touches = Coverage.touches(insns[i], form);
      if (Coverage.reads(insns[i], form) != 0 || touches != 0) {
        // Where instructions are counted, the head is such a place.
        savedFirst =
            counting
                && Coverage.reads(insns[i], form) == 0
                && Coverage.writes(insns[i], form) == Rflags.STATUS;
        break;
      }
    }
    findLoops(source);
  }

  private void findLoops(Source source) {
    Arrays.fill(loopHead, 0, count, false);
    for (int i = 0; i < count; i++) {
      if (kinds[i] == Coverage.Kind.JUMP_IF || kinds[i] == Coverage.Kind.JUMP) {
        int head = loopHead(i);
        if (head >= 0) {
          loopHead[head] = true;
          laterHere[head] = later(insns[head].rip, source);
        }
      }
    }
  }

  /** Which instruction of the block a direct jump backward leads to, -1 if there is none such. */
  int loopHead(int jump) {
    long target = target(insns[jump]);
    if (target < rip || target > insns[jump].rip || crosses || checking) {
      return -1;
    }
    for (int i = jump; i >= 0; i--) {
      if (insns[i].op == Op.STAC || insns[i].op == Op.CLAC) {
        // What follows these uses another table of the TLB.
        return -1;
      }
      if (insns[i].rip == target) {
        return i;
      }
    }
    return -1;
  }

  /** The bits of {@link #seen} for {@code length} bytes of a page, as far as they are in it. */
  static long chunks(int offset, int length) {
    int last = Math.min(offset + Math.max(length, 1) - 1, 4095) >>> 6;
    int first = offset >>> 6;
    return -1L << first & -1L >>> 63 - last;
  }

  /**
   * Whether the flags that come in are wanted in the state before they are wanted anywhere else.
   */
  boolean savedFirst;

  /** Whether the block ends where it writes to memory, and nothing beyond it is looked at. */
  boolean checking;

  /** Whether all flags are wanted between blocks, as execution may stop at any instruction. */
  boolean counting;

  /** Pieces of 64 bytes of the block's page that were looked at beyond the block, by bit. */
  long seen;

  // Instructions beyond the block, decoded once for all that is asked of them.
  private boolean looking;
  private long lookedFrom;
  private byte[] lookedCode = ahead;
  private int lookedStart;
  private int lookedNext;
  private int lookedEnd;
  private final Insn[] lookedAt = new Insn[LOOK_AHEAD];
  private int lookedCount;

  /** Number of the instruction to be looked at next. */
  private int looked;

  private void lookFrom(long linear, Source source) {
    if (looking && lookedFrom == linear) {
      return;
    }
    looking = true;
    lookedFrom = linear;
    lookedCount = 0;
    boolean here = linear >= rip && linear - rip < available;
    lookedCode = here ? bytes : ahead;
    lookedStart = here ? (int) (linear - rip) : 0;
    lookedEnd = here ? available : source.read(linear, ahead, LOOK_AHEAD * 15);
    lookedNext = lookedStart;
  }

  /** One of the instructions there, which the block relies on from now on; null after the last. */
  private @Nullable Insn ahead(int number) {
    looked = number + 1;
    if (number < lookedCount) {
      return lookedAt[number];
    }
    int left = Math.min(lookedEnd - lookedNext, 15);
    if (number == LOOK_AHEAD || left <= 0) {
      return null;
    }
    Insn insn = empty(lookedAt, number);
    if (decoder.decode(insn, lookedCode, lookedNext, left, word) != Decoder.Status.OK) {
      return null;
    }
    seen |= chunks((int) (lookedFrom & 4095) + lookedNext - lookedStart, insn.length);
    lookedCount++;
    lookedNext += insn.length;
    return insn;
  }

  /**
   * Status flags that code at a linear address looks at, or shows in an exception's frame, before
   * it sets them; all if not known. Code of other pages is not known, as nobody would say if it
   * changed.
   */
  int liveAt(long linear, Source source) {
    if (counting || checking || ((linear ^ rip) & -4096) != 0) {
      return Rflags.STATUS;
    }
    lookFrom(linear, source);
    int undecided = Rflags.STATUS;
    int live = 0;
    for (Insn insn = ahead(0); insn != null; insn = ahead(looked)) {
      Coverage.Kind kind = kind(insn);
      Form form = insn.form;
      if (form == null || kind == Coverage.Kind.INTERPRET) {
        break;
      }
      if (Coverage.mayFault(insn, form, kind) || (form.group() == Group.SSE && !allowed(insn))) {
        break;
      }
      live |= Coverage.reads(insn, form) & undecided;
      undecided &= ~Coverage.writes(insn, form);
      if (undecided == 0) {
        return live;
      }
      if (kind.ends() || kind == Coverage.Kind.JUMP_IF) {
        break;
      }
    }
    return live | undecided;
  }

  /** See {@link #later}. */
  private int later(long linear, Source source) {
    if (checking || ((linear ^ rip) & -4096) != 0) {
      return UNKNOWN;
    }
    lookFrom(linear, source);
    int undecided = Rflags.STATUS;
    int written = 0;
    int lost = 0;
    for (Insn insn = ahead(0); insn != null; insn = ahead(looked)) {
      Coverage.Kind kind = kind(insn);
      Form form = insn.form;
      if (form == null || kind == Coverage.Kind.INTERPRET) {
        return READ;
      }
      // An XMM instruction may turn out to be the interpreter's.
      if (Coverage.mayFault(insn, form, kind) || form.group() == Group.SSE) {
        lost = written;
      }
      int touches = Coverage.touches(insn, form) & undecided;
      if ((Coverage.reads(insn, form) & undecided) != 0) {
        return READ;
      }
      undecided &= ~Coverage.writes(insn, form);
      if (undecided == 0) {
        return lost;
      }
      if (touches != 0) {
        return READ;
      }
      if (kind.ends() || kind == Coverage.Kind.JUMP_IF) {
        break;
      }
      written |= written(insn, form, kind);
      if (Coverage.mayWrite(insn, kind)) {
        // Some blocks end there.
        lost = written;
      }
    }
    return UNKNOWN;
  }

  private static int written(Insn insn, Form form, Coverage.Kind kind) {
    return switch (kind) {
      case PLAIN, LEA -> Window.written(insn, form);
      case NOTHING -> 0;
      case PUSH -> 1 << 4;
      case POP -> 1 << 4 | 1 << (form.operands().kind(0) == 'Z' ? insn.reg : insn.rm);
      default -> 0xffff;
    };
  }
}
