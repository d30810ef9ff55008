package isola.cpu.translator;

import org.jspecify.annotations.Nullable;

/** One translated run of guest instructions. Owner thread only. */
final class Block {
  /** In a {@link #mode}: SSE instructions may be executed on the host. */
  static final int MODE_VECTORS = 4;

  /** In a {@link #mode}: AVX instructions may be too. */
  static final int MODE_WIDE = 16;

  /** In a {@link #mode}: 32-bit code with flat segments. */
  static final int MODE_32 = 32;

  /** In a {@link #mode} with {@link #MODE_32}: FS lets all be read and written. */
  static final int MODE_FS = 64;

  /** The same of GS. */
  static final int MODE_GS = 128;

  /** In a {@link #mode}: x87 and MMX instructions may be executed on the host. */
  static final int MODE_X87 = 256;

  /** In a {@link #mode}: each operand has a probe of its own. */
  static final int MODE_NARROW = 8;

  /** Ways into a block, see {@link #entry}. */
  static final int FLAGS_IN_HOST = 0;

  static final int FLAGS_SAVED = 1;

  /** Looks for events and whether the page is still mapped here; flags saved. Made when needed. */
  static final int CHECKED = 2;

  /** Also compares the address in {@link Layout#TEMPORARY}; flags saved. Made when needed. */
  static final int INDIRECT = 3;

  /** Linear address of the first guest instruction. */
  final long rip;

  /** Host address of that instruction's bytes. */
  final long guestBytes;

  /** Guest physical page number. */
  final long page;

  /** Guest physical number of the page that its only instruction runs into, else -1. */
  long secondPage = -1;

  /** Host address of that page. */
  long secondHost;

  /** What it was translated for: the TLB table, and which instructions were allowed. */
  final int mode;

  /** Host addresses of the ways in, 0 for one that is not made. */
  final long[] entry = new long[4];

  /** Bytes of guest code. */
  int length;

  /** Guest instructions from its head to its end. */
  int count;

  /** Pieces of 64 bytes of its page that it relies on beside its own, by bit. */
  long ahead;

  /** Whether nothing sees the status flags that it is entered with: they may be any then. */
  boolean flagsDead;

  /** Where its host code begins, and the first address after it. */
  long hostBegin;

  long hostEnd;

  /**
   * Pairs in host order: offset of an instruction's host code from {@link #hostBegin}, and of the
   * guest instruction's address from {@link #rip}.
   */
  int[] marks = {};

  /** Whether its code works on XMM registers. */
  boolean vectors;

  /** Whether it also works on the upper halves of YMM registers, as all that VEX encodes does. */
  boolean wide;

  /** Whether its code works on x87 or MMX registers. */
  boolean x87;

  /** Host addresses of the ways out once its guest code was changed, by way in. */
  final long[] stale = new long[2];

  /** Whether it is one that {@link SelfCheck looks for itself} whether its guest code changed. */
  boolean checking;

  /** Whether its guest code was changed since. */
  boolean changed;

  /** Whether there is no code: the first instruction is left to the interpreter. */
  boolean interpreted;

  /** The next in its bucket of {@link BlockMap}. */
  @Nullable Block next;

  Block(long rip, long guestBytes, long page, int mode) {
    this.rip = rip;
    this.guestBytes = guestBytes;
    this.page = page;
    this.mode = mode;
  }

  /** Whether it is 32-bit code. */
  boolean code32() {
    return (mode & MODE_32) != 0;
  }

  /** How many instructions of it come before the one at a guest address. */
  int before(long at) {
    int index = 0;
    while (2 * index + 1 < marks.length && rip + marks[2 * index + 1] != at) {
      index++;
    }
    return index;
  }

  /** Address of the guest instruction that host code inside this block is of. */
  long guestAt(long host) {
    long found = rip;
    for (int i = 0; i < marks.length && hostBegin + marks[i] <= host; i += 2) {
      found = rip + marks[i + 1];
    }
    return found;
  }
}
