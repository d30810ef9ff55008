package isola.cpu.translator;

import isola.cpu.x86.decode.Insn;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Every place where generated code may leave to Java, by number: which guest instruction it is, and
 * what is to be done. Owner thread only.
 */
final class Sites {
  /** Why code is left. */
  static final byte LOOKUP = 0;

  /** A direct jump that leads nowhere yet: find or make its target and patch the jump. */
  static final byte CHAIN = 1;

  /** The instruction here is the interpreter's. */
  static final byte INTERPRET = 2;

  /** A load, a store that the TLB does not answer. */
  static final byte READ_MISS = 3;

  static final byte WRITE_MISS = 4;

  /** A block was entered while an event waits or its page is no longer mapped here. */
  static final byte ENTRY = 5;

  /** The block's code was changed. */
  static final byte STALE = 6;

  /** Java executes the instruction here, and the block goes on if nothing speaks against it. */
  static final byte AID = 7;

  /** Generated code itself faulted. */
  static final byte FAULT = 8;

  /** A probe for several operands found that they are not all in one page. */
  static final byte NARROW = 9;

  /** A block that has more instructions than may still be executed. */
  static final byte BUDGET = 10;

  /** An indirect jump, noted while it is made, in case that its target is no address. */
  static final byte JUMP = 11;

  /** Flags that are not in {@link Layout#FLAGS}, but follow from what {@link #source} tells. */
  static final byte PROMISE = 14;

  /** The flags themselves are wanted, of which there is a promise. */
  static final byte WANTED = 15;

  /** A {@link SelfCheck checking} block found that the guest's code is not what it was. */
  static final byte CHANGED = 12;

  /** A checking block was entered often enough to get ordinary code. */
  static final byte SETTLED = 13;

  /** How many kinds there are. */
  static final int KINDS = 16;

  private byte[] kind = new byte[1024];
  private short[] size = new short[1024];
  private short[] offset = new short[1024];
  private byte[] aligned = new byte[1024];
  private boolean[] saved = new boolean[1024];
  private long[] rip = new long[1024];
  private long[] host = new long[1024];
  private @Nullable Block[] block = new Block[1024];
  private @Nullable Insn[] insn = new Insn[1024];
  private @Nullable FlagSource[] source = new FlagSource[1024];

  /** Addresses of x87 instructions and 1, see {@link #currentX87}; empty until there is one. */
  private long[] x87 = {};

  /** What the flags follow from at sites to be added that do not have them saved, if known. */
  @Nullable FlagSource current;

  /** No x87 instruction. */
  static final long NONE = -1;

  /**
   * Linear address of the x87 instruction that was the last one at sites to be added, {@link #NONE}
   * if the state has it.
   */
  long currentX87 = NONE;

  private int count;

  /** Forgets all. */
  void clear() {
    Arrays.fill(block, null);
    Arrays.fill(insn, null);
    Arrays.fill(source, null);
    count = 0;
  }

  int count() {
    return count;
  }

  /**
   * Adds a site.
   *
   * @param host where to go on after a miss, or the jump to patch
   * @param saved whether the guest's flags are in {@link Layout#FLAGS} rather than in the host's
   */
  int add(byte kind, @Nullable Block block, long rip, long host, int size, boolean saved) {
    if (count == this.kind.length) {
      int more = count * 2;
      this.kind = Arrays.copyOf(this.kind, more);
      this.size = Arrays.copyOf(this.size, more);
      offset = Arrays.copyOf(offset, more);
      aligned = Arrays.copyOf(aligned, more);
      this.saved = Arrays.copyOf(this.saved, more);
      this.rip = Arrays.copyOf(this.rip, more);
      this.host = Arrays.copyOf(this.host, more);
      this.block = Arrays.copyOf(this.block, more);
      insn = Arrays.copyOf(insn, more);
      source = Arrays.copyOf(source, more);
    }
    this.kind[count] = kind;
    this.size[count] = (short) size;
    offset[count] = 0;
    aligned[count] = 0;
    this.saved[count] = saved;
    this.rip[count] = rip;
    this.host[count] = host;
    this.block[count] = block;
    source[count] = saved ? null : current;
    if (count < x87.length) {
      x87[count] = currentX87 + 1;
    } else if (currentX87 != NONE) {
      x87 = Arrays.copyOf(x87, this.kind.length);
      x87[count] = currentX87 + 1;
    }
    return count++;
  }

  /** Says which instruction is Java's at a site, and where the block goes on, 0 if nowhere. */
  void aid(int site, Insn executed, long next) {
    executed.kept = true;
    insn[site] = executed;
    host[site] = next;
  }

  /** Keeps the instruction of a site. */
  void keep(int site, Insn executed) {
    insn[site] = executed;
  }

  /** The instruction that was kept, null if none was. */
  @Nullable Insn kept(int site) {
    return insn[site];
  }

  /** The instruction that {@link #aid} told. */
  Insn insn(int site) {
    return Objects.requireNonNull(insn[site]);
  }

  /**
   * Says more of an access that misses.
   *
   * @param from how far behind the address of the probe the instruction's own operand begins
   * @param alignment bytes that it must be aligned to, or 0
   */
  void access(int site, int from, int alignment) {
    offset[site] = (short) from;
    aligned[site] = (byte) alignment;
  }

  /** How far behind the address of the probe the operand begins. */
  int offset(int site) {
    return offset[site];
  }

  /** Bytes that the operand must be aligned to, or 0. */
  int aligned(int site) {
    return aligned[site];
  }

  byte kind(int site) {
    return kind[site];
  }

  /** Bytes that were probed for and missed; which entry a chain takes. */
  int size(int site) {
    return size[site];
  }

  boolean saved(int site) {
    return saved[site];
  }

  /**
   * What the flags follow from; null if they are in {@link Layout#FLAGS}, or else the host's at the
   * exit.
   */
  @Nullable FlagSource source(int site) {
    return source[site];
  }

  /** Linear address of the last x87 instruction, {@link #NONE} if the state has it. */
  long x87(int site) {
    return site < x87.length ? x87[site] - 1 : NONE;
  }

  long rip(int site) {
    return rip[site];
  }

  long host(int site) {
    return host[site];
  }

  @Nullable Block block(int site) {
    return block[site];
  }
}
