package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.state.CpuState;
import org.jspecify.annotations.Nullable;

/** Writes the ways into blocks and the jumps from one to another. */
final class Ways {
  private final Emitter e;
  private final HostAssembler a;
  private final Sites sites;
  private final Thunks thunks;

  // Taken sides of conditional jumps that need more than a jump, written behind the straight code.
  private final int[] sideJump = new int[GuestCode.LIMIT];
  private final long[] sideTarget = new long[GuestCode.LIMIT];
  private final int[] sideLive = new int[GuestCode.LIMIT];
  private final boolean[] sideSaved = new boolean[GuestCode.LIMIT];
  private final boolean[] sidePromised = new boolean[GuestCode.LIMIT];
  private final @Nullable FlagSource[] sideSource = new FlagSource[GuestCode.LIMIT];
  private final int[] sideLater = new int[GuestCode.LIMIT];
  private final Insn[] sideInsn = new Insn[GuestCode.LIMIT];
  private final long[] sideLoop = new long[GuestCode.LIMIT];
  private final int[] sideRest = new int[GuestCode.LIMIT];
  private int sides;

  // Direct conditional jumps that lead to Java until they are patched.
  private final int[] openJump = new int[GuestCode.LIMIT];
  private final int[] openSite = new int[GuestCode.LIMIT];
  private int opens;

  Ways(Emitter emitter) {
    e = emitter;
    a = emitter.a;
    sites = emitter.sites;
    thunks = emitter.thunks;
  }

  /** Begins a block. */
  void begin() {
    sides = 0;
    opens = 0;
  }

  /**
   * Writes the way in that checks the page and looks for events, or the one that also compares the
   * address in {@link Layout#TEMPORARY}; flags are saved. {@link Block#entry} says where they are
   * once they are there.
   */
  void wayIn(Block block, int way) {
    checks(block, way);
    a.jump(block.entry[Block.FLAGS_SAVED]);
  }

  private void checks(Block block, int way) {
    int table = block.mode & 3;
    boolean indirect = way == Block.INDIRECT;
    long event = thunks.unknown;
    if (!indirect) {
      event = a.here();
      e.leave(sites.add(Sites.ENTRY, block, block.rip, 0, 0, true), thunks.exit);
    }
    long absent = event;
    int found = 0;
    if (!block.code32()) {
      // A fault there would be delivered as one of 64-bit code.
      absent = a.here();
      a.movImmediate(ADDRESS, block.rip);
      if (indirect) {
        a.register(W, 0x3b, TEMPORARY, ADDRESS);
        a.jump(HostAssembler.CC_NZ, thunks.lookup(table));
      }
      a.call(thunks.fetch(table));
      a.movImmediate(ADDRESS, key(block));
      compareKey(block, table);
      a.jump(HostAssembler.CC_NZ, event);
      found = a.jumpForward();
    }
    block.entry[way] = a.here();
    if (indirect) {
      // Another target gives another number than the key, but for a chance as two pages' keys have.
      a.movImmediate(ADDRESS, key(block) - block.rip);
      a.register(W, 0x03, ADDRESS, TEMPORARY);
    } else {
      a.movImmediate(ADDRESS, key(block));
    }
    compareKey(block, table);
    a.jump(HostAssembler.CC_NZ, absent);
    if (found != 0) {
      a.bind(found);
    }
    compareAttention();
    a.jump(HostAssembler.CC_NZ, event);
  }

  private static long key(Block block) {
    return Tlb.codeKey(block.rip & -4096, block.guestBytes & -4096);
  }

  private void compareKey(Block block, int table) {
    a.state(W, 0x3b, ADDRESS, Layout.tlb(table, block.rip, Tlb.CODE_KEY));
  }

  /**
   * Writes the heads that other blocks' jumps lead to.
   *
   * @param way the way in that stands before them, 0 for none
   * @param liveIn flags that matter at the head
   * @param savedFirst whether the block wants them in the state rather than in the host's
   */
  void heads(Block block, int way, int table, int liveIn, boolean savedFirst) {
    int over = 0;
    if (savedFirst) {
      block.entry[Block.FLAGS_IN_HOST] = a.here();
      Thunks.saveFlags(a);
      if (way != 0) {
        over = a.jumpForwardShort();
      }
    }
    if (way != 0) {
      checks(block, way);
    }
    if (over != 0) {
      a.bindShort(over);
    }
    block.entry[Block.FLAGS_SAVED] = a.here();
    if (!savedFirst) {
      if (liveIn != 0) {
        e.wanted(null, block.rip);
        Thunks.restoreFlags(a);
      }
      block.entry[Block.FLAGS_IN_HOST] = a.here();
    }
    e.charge(block.count, savedFirst);
    if (block.secondPage >= 0) {
      long nextPage = (block.rip & -4096) + 4096;
      a.load(TEMPORARY, Layout.tlb(table, nextPage, Tlb.CODE_KEY));
      a.movImmediate(ADDRESS, -Tlb.codeKey(nextPage, block.secondHost));
      a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
      int there = a.jumpIfRcxZero();
      // The interpreter fetches from the second page, which brings it into the TLB.
      e.leave(sites.add(Sites.INTERPRET, block, block.rip, 0, 0, savedFirst), thunks.exit);
      a.bindShort(there);
    }
    if (block.x87) {
      a.load(TEMPORARY, Layout.X87_ABSENT);
      int there = a.jumpIfRcxZero();
      a.call(thunks.loadX87);
      a.bindShort(there);
    }
    if (block.vectors) {
      a.load(TEMPORARY, block.wide ? Layout.UPPER_ABSENT : Layout.FP_ABSENT);
      int there = a.jumpIfRcxZero();
      a.call(block.wide ? thunks.loadWide : thunks.loadVectors);
      a.bindShort(there);
    }
  }

  /** What heads become once the guest's code was changed. */
  void stale(Block block) {
    boolean one = block.entry[Block.FLAGS_SAVED] == block.entry[Block.FLAGS_IN_HOST];
    block.stale[Block.FLAGS_SAVED] = a.here();
    e.leave(sites.add(Sites.STALE, block, block.rip, 0, 0, true), thunks.exit);
    if (one) {
      block.stale[Block.FLAGS_IN_HOST] = block.stale[Block.FLAGS_SAVED];
    } else {
      block.stale[Block.FLAGS_IN_HOST] = a.here();
      e.leave(sites.add(Sites.STALE, block, block.rip, 0, 0, false), thunks.exit);
    }
  }

  private void compareAttention() {
    // cmp dword [attention], 0
    a.state(0, 0x83, 7, CpuState.ATTENTION);
    a.emit(0);
  }

  private static boolean samePage(long target, Insn from) {
    return ((target ^ from.rip) & -4096) == 0;
  }

  /**
   * A jump on a condition that goes on behind it otherwise.
   *
   * @param loopHead where it leads to inside the block, or 0
   * @param rest how many instructions of the block come after it
   * @param later what {@link GuestCode#later} says of the target
   */
  void jumpIf(Insn insn, int condition, int liveTaken, long loopHead, int rest, int later) {
    long target = e.code.target(insn);
    e.wantFlags();
    boolean onwards = samePage(target, insn) && target > insn.rip;
    boolean elsewhere = !samePage(target, insn);
    boolean promise = onwards && liveTaken != 0 && !e.saved && e.promises(later);
    if (e.counting || promise || (elsewhere && liveTaken != 0 && !e.saved)) {
      sideJump[sides] = a.jumpForward(condition);
      sideTarget[sides] = target;
      sideLive[sides] = liveTaken;
      sideSaved[sides] = e.saved;
      sidePromised[sides] = e.promised;
      sideSource[sides] = e.source();
      sideLater[sides] = later;
      sideInsn[sides] = insn;
      sideRest[sides] = rest;
      sideLoop[sides] = loopHead;
      sides++;
    } else if (onwards) {
      open(condition, target, Block.FLAGS_IN_HOST);
    } else if (!elsewhere) {
      int over = a.jumpForwardShort(condition ^ 1);
      final boolean saved = e.saved;
      final boolean promised = e.promised;
      e.handFlags(liveTaken, later);
      backward(target, loopHead);
      a.bindShort(over);
      // The way behind the jump did not pass here.
      e.saved = saved;
      e.promised = promised;
    } else {
      open(condition, target, Block.CHECKED);
    }
  }

  private void open(int condition, long target, int entry) {
    int jump = a.jumpForward(condition);
    openJump[opens] = jump;
    openSite[opens] = sites.add(Sites.CHAIN, e.block, target, a.base() + jump, entry, e.saved);
    opens++;
  }

  /** Looks for events, then jumps to a block before this one in the page; no flags in the host. */
  private void backward(long target, long loopHead) {
    compareAttention();
    if (loopHead != 0) {
      a.jump(HostAssembler.CC_Z, loopHead);
      e.leave(sites.add(Sites.ENTRY, e.block, target, 0, 0, e.saved), thunks.exit);
      return;
    }
    int jump = a.jumpForward(HostAssembler.CC_Z);
    a.bind(jump);
    long at = a.base() + jump;
    e.leave(sites.add(Sites.CHAIN, e.block, target, at, Block.FLAGS_SAVED, e.saved), thunks.exit);
  }

  /** Goes on at another block, through Java until it is known. */
  void chain(long target, int live, long loopHead, int later) {
    if (samePage(target, e.insn) && target > e.insn.rip) {
      if (live != 0 && !e.saved) {
        if (e.promises(later)) {
          e.handFlags(live, later);
        } else {
          e.wantFlags();
        }
      }
      boolean inState = e.saved && (!e.inHost || (later & GuestCode.READ) == 0);
      jump(target, live != 0 && inState ? Block.FLAGS_SAVED : Block.FLAGS_IN_HOST);
      return;
    }
    e.handFlags(live, later);
    if (samePage(target, e.insn)) {
      backward(target, loopHead);
    } else {
      jump(target, Block.CHECKED);
    }
  }

  private void jump(long target, int entry) {
    int jump = a.jumpForward();
    a.bind(jump);
    long at = a.base() + jump;
    e.leave(sites.add(Sites.CHAIN, e.block, target, at, entry, e.saved), thunks.exit);
  }

  /** Writes what stands behind a block's straight code. */
  void end() {
    for (int i = 0; i < sides; i++) {
      a.bind(sideJump[i]);
      e.insn = sideInsn[i];
      e.inHost = true;
      e.saved = sideSaved[i];
      e.promised = sidePromised[i];
      e.source(sideSource[i]);
      e.refund(sideRest[i]);
      chain(sideTarget[i], sideLive[i], sideLoop[i], sideLater[i]);
    }
    for (int i = 0; i < opens; i++) {
      a.bind(openJump[i]);
      e.leave(openSite[i], thunks.exit);
    }
  }
}
