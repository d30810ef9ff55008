package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What all instructions of a block share while host code is written: where the flags are, effective
 * addresses, the TLB probe with its way out, and leaving.
 *
 * <p>Flags are in the host's register, in {@link Layout#FLAGS}, in both, or in neither, if they are
 * dead or follow from a {@link FlagSource}.
 */
class Emitter {
  final HostAssembler a;
  final Sites sites;
  final Thunks thunks;

  /** Number of the TLB table that this block's accesses use. */
  int table;

  Block block;

  /** Whether the guest's flags are in the host's register, in {@link Layout#FLAGS}. */
  boolean inHost;

  boolean saved;

  /** Whether what is in {@link Layout#FLAGS} may be a promise that the block does not know. */
  boolean promised;

  /**
   * What the flags follow from, if it is known and its operands are where it says: then they may be
   * in neither place.
   */
  private @Nullable FlagSource source;

  /** Instructions whose flags are to be saved, as what follows turned out to look at them. */
  final Set<Long> eager = new HashSet<>();

  /** The instruction in work, and where it goes on after a miss: nothing before is done again. */
  Insn insn;

  long resume;

  /** Kinds of ways out of line: to Java; a probe's, one for a constant address, for several. */
  private static final int PLAIN = 0;

  private static final int WALK = 1;
  private static final int CONSTANT = 2;
  private static final int WIDE = 3;

  // Ways out of line, written after the block's code: the jump to bind, what to do.
  private int[] stubJump = new int[64];
  private int[] stubSite = new int[64];
  private long[] stubGoal = new long[64];
  private long[] stubAfter = new long[64];
  private int[] stubKind = new int[64];
  private int stubs;

  Emitter(HostAssembler a, Sites sites, Thunks thunks, GuestCode code) {
    this.a = a;
    this.sites = sites;
    this.thunks = thunks;
    this.block = new Block(0, 0, 0, 0);
    this.insn = new Insn();
    this.code = code;
  }

  /** Begins the ways out of a block. */
  final void beginStubs() {
    stubs = 0;
  }

  /** Notes that a jump leads to a stub which stores a site's number and goes on elsewhere. */
  final void stub(int jump, int site, long goal) {
    stub(jump, site, goal, 0, PLAIN);
  }

  /** The same, or one that calls {@code goal} to fill the TLB and then goes on elsewhere. */
  private void stub(int jump, int site, long goal, long after, int kind) {
    if (stubs == stubJump.length) {
      stubJump = Arrays.copyOf(stubJump, stubs * 2);
      stubSite = Arrays.copyOf(stubSite, stubs * 2);
      stubGoal = Arrays.copyOf(stubGoal, stubs * 2);
      stubAfter = Arrays.copyOf(stubAfter, stubs * 2);
      stubKind = Arrays.copyOf(stubKind, stubs * 2);
    }
    stubJump[stubs] = jump;
    stubSite[stubs] = site;
    stubGoal[stubs] = goal;
    stubAfter[stubs] = after;
    stubKind[stubs] = kind;
    stubs++;
  }

  /** Writes the ways out noted so far. */
  final void writeStubs() {
    for (int i = 0; i < stubs; i++) {
      a.bind(stubJump[i]);
      int site = stubSite[i];
      switch (stubKind[i]) {
        case CONSTANT -> {
          // As if the usual probe had been made.
          boolean write = sites.kind(site) == Sites.WRITE_MISS;
          long linear = stubGoal[i];
          int field = write ? Tlb.WRITE : Tlb.READ;
          int index = (int) (linear >>> 12) & (Tlb.ENTRIES - 1);
          a.movImmediate(ADDRESS, linear);
          a.movImmediate(TEMPORARY, (long) index << Tlb.ENTRY_SHIFT);
          a.state(W, 0x33, ADDRESS, Layout.tlb(table, linear, field));
          walk(site, thunks.miss(table, write), stubAfter[i]);
        }
        case WALK -> walk(site, stubGoal[i], stubAfter[i]);
        case WIDE -> {
          // The page may be there, and only the window too wide for it.
          a.register(W, 0x81, 7, ADDRESS);
          a.emit32(4096);
          int elsewhere = a.jumpForward(HostAssembler.CC_AE);
          boolean inState = sites.saved(site);
          FlagSource from = sites.source(site);
          if (from != null) {
            from.emit(a);
            Thunks.saveFlags(a);
            inState = true;
          }
          storeX87(sites.x87(site));
          a.emit(0xe9);
          long distance = a.here();
          a.emit32(0);
          leave(sites.add(Sites.NARROW, block, sites.rip(site), distance, 0, inState), thunks.exit);
          a.bind(elsewhere);
          walk(site, stubGoal[i], stubAfter[i]);
        }
        default -> leave(site, stubGoal[i]);
      }
    }
    stubs = 0;
  }

  private void walk(int site, long goal, long after) {
    a.storeImmediate32(Layout.EXIT_SITE, site);
    a.call(goal);
    a.jump(after);
  }

  /** Leaves by a site through a thunk. */
  final void leave(int site, long goal) {
    a.storeImmediate32(Layout.EXIT_SITE, site);
    a.jump(goal);
  }

  /** Lets Java execute the instruction in work, and go on from there, on a condition. */
  final void interpretIf(int condition) {
    int jump = a.jumpForward(condition);
    int site = sites.add(Sites.AID, block, insn.rip, 0, 0, saved);
    sites.aid(site, insn, 0);
    stub(jump, site, thunks.exit);
  }

  // Which host code is of which guest instruction.

  private int[] marks = new int[128];
  private int marked;

  /** Notes that the host code of the instruction in work begins here. */
  final void mark() {
    if (marked + 2 > marks.length) {
      marks = Arrays.copyOf(marks, marked * 2);
    }
    marks[marked++] = (int) (a.here() - block.hostBegin);
    marks[marked++] = (int) (insn.rip - block.rip);
  }

  /** Hands the notes of a block over to it. */
  final void handMarks() {
    block.marks = Arrays.copyOf(marks, marked);
    block.hostEnd = a.here();
    marked = 0;
  }

  // Counting instructions.

  /** Whether the machine has no other processor. */
  boolean alone;

  /** Whether instructions are counted. */
  boolean counting;

  /** Pays for the block's instructions, or leaves. Keeps the flags. */
  final void charge(int instructions, boolean flagsSaved) {
    if (!counting) {
      return;
    }
    pay(-instructions);
    // movsx ecx, byte [BUDGET + 7]: 0 unless it is overdrawn
    a.state(HostAssembler.MAP_0F, 0xbe, TEMPORARY, Layout.BUDGET + 7);
    int enough = a.jumpIfRcxZero();
    leave(sites.add(Sites.BUDGET, block, block.rip, 0, 0, flagsSaved), thunks.exit);
    a.bindShort(enough);
  }

  /** Gives back what was paid for instructions that are passed by. Keeps the flags. */
  final void refund(int instructions) {
    if (counting && instructions > 0) {
      pay(instructions);
    }
  }

  private void pay(int instructions) {
    a.load(TEMPORARY, Layout.BUDGET);
    a.lea(TEMPORARY, TEMPORARY, instructions);
    a.store(Layout.BUDGET, TEMPORARY);
  }

  /**
   * Goes on only if the block's own page is still mapped where it was; else leaves, with {@code
   * next} to be executed next. The flags are saved.
   */
  final void checkOwnPage(long next) {
    long key = Tlb.codeKey(block.rip & -4096, block.guestBytes & -4096);
    a.movImmediate(ADDRESS, key);
    a.state(W, 0x3b, ADDRESS, Layout.tlb(table, block.rip, Tlb.CODE_KEY));
    int elsewhere = a.jumpForward(HostAssembler.CC_NZ);
    stub(elsewhere, sites.add(Sites.ENTRY, block, next, 0, 0, true), thunks.exit);
    inHost = false;
  }

  // Flags.

  /** To be called before host flags are lost while {@code live} ones of the guest matter. */
  final void protectFlags(int live) {
    if (live != 0 && inHost && !saved && source == null) {
      saveFlags();
    }
  }

  private void saveFlags() {
    Thunks.saveFlags(a);
    saved = true;
    promised = false;
  }

  /** To be called where the next host instruction needs the guest's flags. */
  final void wantFlags() {
    if (inHost) {
      return;
    }
    if (source != null) {
      source.emit(a);
      inHost = true;
    } else if (saved) {
      realFlags();
      Thunks.restoreFlags(a);
      inHost = true;
    }
  }

  /** Puts the flags into {@link Layout#FLAGS}; a promise that is there already may stay. */
  final void storeFlags() {
    if (!saved) {
      wantFlags();
      if (inHost) {
        saveFlags();
      }
    }
  }

  /** The same, and there is no promise: else Java is left to, which begins the instruction anew. */
  final void realFlags() {
    storeFlags();
    if (promised) {
      wanted(block, insn.rip);
      promised = false;
    }
  }

  /** Leaves to Java if there is a promise where flags are wanted. */
  final void wanted(@Nullable Block of, long rip) {
    // test byte [FLAGS + 1], 2
    a.state(0, 0xf6, 0, Layout.FLAGS + 1);
    a.emit(Layout.FLAGS_REAL >> 8);
    stub(
        a.jumpForward(HostAssembler.CC_Z),
        sites.add(Sites.WANTED, of, rip, 0, 0, true),
        thunks.exit);
  }

  /** Says what the flags follow from, or null if that is not known. */
  final void source(@Nullable FlagSource from) {
    source = from;
    sites.current = from;
  }

  /** What the flags follow from, or null. */
  final @Nullable FlagSource source() {
    return source;
  }

  /**
   * Sees to the flags before code elsewhere is gone to that takes them in {@link Layout#FLAGS}.
   *
   * @param live flags that matter there
   * @param later what {@link GuestCode#later} says of the code there
   */
  final void handFlags(int live, int later) {
    if (live == 0 || saved) {
      return;
    }
    if (promises(later)) {
      promise(later);
    } else {
      storeFlags();
    }
  }

  /** Whether a promise will do where {@link GuestCode#later} says what is done with the flags. */
  final boolean promises(int later) {
    return source != null && (later & GuestCode.READ) == 0 && !eager.contains(insn.rip);
  }

  /** Writes down what the flags follow from, in place of the flags. Keeps those in the host. */
  private void promise(int later) {
    promise(later, TEMPORARY, Sites.PROMISE);
  }

  /**
   * The same.
   *
   * @param scratch host register that is lost
   * @param kind of the site
   */
  final void promise(int later, int scratch, byte kind) {
    FlagSource from = source;
    if (from != null) {
      int written = (later & GuestCode.UNKNOWN) != 0 ? -1 : later;
      sites.current = from.spill(a, written, scratch);
      int site = sites.add(kind, block, insn.rip, 0, 0, false);
      a.storeImmediate32(Layout.FLAGS, Layout.promise(site));
      sites.current = from;
      saved = true;
      promised = true;
    }
  }

  /** To be called before guest registers, by bit, are written while {@code live} flags matter. */
  final void beforeWrite(int registers, int live) {
    FlagSource from = source;
    if (from == null || (from.registers() & registers) == 0) {
      return;
    }
    if (live == 0 || saved && !promised) {
      source(null);
    } else {
      source(from.spill(a, registers, TEMPORARY));
    }
  }

  /** To be called when a constant was added to the guest's stack pointer. */
  final void stackMoved(int by) {
    if (source != null) {
      source(source.moved(4, by));
    }
  }

  /** To be called before that, as only a first operand can move along. */
  final void beforeStackMoves(int live) {
    if (source != null && source.right() == 4) {
      beforeWrite(1 << 4, live);
    }
  }

  /** To be called after an instruction that changed the guest's flags. */
  final void flagsChanged() {
    inHost = true;
    saved = false;
    promised = false;
    source(null);
  }

  /** Flags at a place that is reached from elsewhere: in {@link Layout#FLAGS} if they matter. */
  final void flagsFromElsewhere(boolean matter) {
    inHost = false;
    saved = matter;
    promised = matter;
    source(null);
  }

  // The address of the last x87 instruction.

  /** The instruction in work is an x87 instruction that the guest may ask for. */
  final void rememberX87() {
    sites.currentX87 = insn.rip;
  }

  /** Puts the address of the last x87 instruction into the state. Keeps all registers. */
  final void settleX87() {
    storeX87(sites.currentX87);
    sites.currentX87 = Sites.NONE;
  }

  private void storeX87(long rip) {
    if (rip == Sites.NONE) {
      return;
    }
    if (rip == (int) rip) {
      a.storeImmediate(CpuState.FIP, (int) rip);
    } else {
      a.storeImmediate32(CpuState.FIP, (int) rip);
      a.storeImmediate32(CpuState.FIP + 4, (int) (rip >>> 32));
    }
  }

  // Memory operands.

  /** What ADDRESS is known to hold. */
  final Window window = new Window();

  /** The block in work, and where in it the instruction is. */
  GuestCode code;

  int at;

  /** Whether a probe may be made for the operands of several instructions. */
  boolean sharing = true;

  /** Distance of the operand from {@link Layout#ADDRESS} after {@link #operand}. */
  int displacement;

  /**
   * Makes the memory operand of an instruction one at {@link #displacement} from {@link
   * Layout#ADDRESS}, or leaves.
   *
   * @param aligned whether it must be aligned to its size
   * @param live status flags that matter before the instruction
   */
  final void operand(Insn i, int size, boolean write, boolean aligned, int live) {
    long found = window.find(i, size, write, aligned);
    if (found != Long.MIN_VALUE) {
      displacement = (int) found;
      return;
    }
    protectFlags(live);
    resume = a.here();
    window.close();
    if (sharing && Window.constant(i) && constant(i, size, write, aligned)) {
      return;
    }
    displacement = 0;
    window.begin(i, size, write, aligned);
    if (sharing) {
      window.widen(code, at);
      displacement = (int) (i.displacement - window.low());
    } else {
      window.close();
    }
    offset(i, displacement);
    addBase(i);
    probe(sharing ? window.span() : size, size, write, aligned);
  }

  /** The same for an operand of the stack's width relative to a register that is pinned. */
  final void operand(int register, int from, boolean write, int live) {
    long found = window.find(register, from, code.word, write);
    if (found != Long.MIN_VALUE) {
      displacement = (int) found;
      return;
    }
    protectFlags(live);
    resume = a.here();
    displacement = 0;
    int low = from;
    if (sharing) {
      window.begin(register, from, code.word, write);
      window.widen(code, at);
      low = (int) window.low();
      displacement = from - low;
    } else {
      window.close();
    }
    if (low == 0) {
      a.register(wide(), 0x8b, ADDRESS, Layout.host(register));
    } else {
      a.memory(wide(), 0x8d, ADDRESS, Layout.host(register), NONE, 0, low);
    }
    probe(sharing ? window.span() : code.word, code.word, write, false);
  }

  /** What makes a host instruction work on all of a pointer or stack slot. */
  final int wide() {
    return code.word == 8 ? W : 0;
  }

  // For an instruction that makes its own probes.

  /** Makes the instruction go on here after a miss of the next probe. */
  final void resumeHere() {
    window.close();
    resume = a.here();
  }

  /** Leaves the linear address of the memory operand in {@link Layout#ADDRESS}. */
  final void address(Insn i) {
    offset(i, 0);
    addBase(i);
  }

  /** Turns the linear address in {@link Layout#ADDRESS} into a host address, or leaves. */
  final void probe(int size, boolean write, boolean aligned) {
    displacement = 0;
    probe(size, size, write, aligned);
  }

  private void addBase(Insn i) {
    if (i.segment == Segment.FS || i.segment == Segment.GS) {
      a.state(
          wide(),
          0x03,
          ADDRESS,
          CpuState.SEGMENTS + i.segment * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_BASE);
    }
  }

  /** Another use of ADDRESS is at hand. */
  final void useAddress() {
    window.close();
  }

  /** A probe for a page that is known: its entry is too. False if it cannot be one. */
  private boolean constant(Insn i, int size, boolean write, boolean aligned) {
    long linear = Window.constantAddress(i);
    int inPage = (int) (linear & 4095);
    if (inPage + size > 4096 || (aligned && (inPage & size - 1) != 0)) {
      return false;
    }
    long page = linear & -4096;
    int tag = Layout.tlb(table, linear, write ? Tlb.WRITE : Tlb.READ);
    if (page == (int) page) {
      a.state(W, 0x81, 7, tag);
      a.emit32((int) page);
    } else {
      a.movImmediate(ADDRESS, page);
      a.state(W, 0x3b, ADDRESS, tag);
    }
    int miss = a.jumpForward(HostAssembler.CC_NZ);
    byte kind = write ? Sites.WRITE_MISS : Sites.READ_MISS;
    int site = sites.add(kind, block, insn.rip, resume, size, saved);
    sites.access(site, 0, aligned ? size : 0);
    stub(miss, site, linear, resume, CONSTANT);
    a.load(ADDRESS, Layout.tlb(table, linear, Tlb.HOST));
    inHost = false;
    window.openConstant(page, write);
    displacement = inPage;
    return true;
  }

  /** Leaves the offset of the instruction's memory operand in {@link Layout#ADDRESS}. */
  final void offset(Insn i, int less) {
    boolean wide = i.addressSize == 8;
    if (i.base == Insn.RIP) {
      long value = i.rip + i.length + i.displacement - less;
      a.movImmediate(ADDRESS, wide ? value : value & 0xffff_ffffL);
      return;
    }
    long from = i.displacement - less;
    if (from != (int) from || (i.base < 0 && i.index < 0)) {
      a.movImmediate(ADDRESS, wide ? from : from & 0xffff_ffffL);
      return;
    }
    int base = i.base < 0 ? NONE : Layout.host(i.base);
    if (i.base >= 0 && base == NONE) {
      a.load(ADDRESS, Layout.gpr(i.base));
      base = ADDRESS;
    }
    int index = i.index < 0 ? NONE : Layout.host(i.index);
    if (i.index >= 0 && index == NONE) {
      a.load(TEMPORARY, Layout.gpr(i.index));
      index = TEMPORARY;
    }
    if (wide && index == NONE && from == 0) {
      a.mov(ADDRESS, base);
    } else {
      a.memory(wide ? W : 0, 0x8d, ADDRESS, base, index, i.scale, (int) from);
    }
  }

  /**
   * Turns the linear address in {@link Layout#ADDRESS} into a host address, or leaves.
   *
   * @param span bytes from there that must be in the page
   * @param size bytes of the access
   * @param aligned whether it must be aligned to its size
   */
  private void probe(int span, int size, boolean write, boolean aligned) {
    compareTag(write);
    byte kind = write ? Sites.WRITE_MISS : Sites.READ_MISS;
    int site = sites.add(kind, block, insn.rip, resume, span, saved);
    sites.access(site, displacement, aligned ? size : 0);
    int how = span > size ? WIDE : WALK;
    long miss = thunks.miss(table, write);
    if (aligned && span == size) {
      // test r14, ~(page - size)
      a.register(W, 0xf7, 0, ADDRESS);
      a.emit32(~(4096 - size));
      stub(a.jumpForward(HostAssembler.CC_NZ), site, miss, resume, how);
    } else {
      a.register(W, 0x81, 7, ADDRESS);
      a.emit32(4096 - span);
      stub(a.jumpForward(HostAssembler.CC_A), site, miss, resume, how);
      if (aligned) {
        // test r14b, size - 1
        a.register(HostAssembler.REX, 0xf6, 0, ADDRESS);
        a.emit(size - 1);
        stub(a.jumpForward(HostAssembler.CC_NZ), site, miss, resume, how);
      }
    }
    addHost();
  }

  /** The entry's offset to TEMPORARY, and to ADDRESS how its page and the tag differ. */
  private void compareTag(boolean write) {
    // The page's number to bit 5, then and ecx, (entries - 1) * entry size
    if (code.v3) {
      // rorx ecx, r14d, 7
      a.vexRegister(HostAssembler.PF2 | 3 << HostAssembler.MAP_SHIFT, 0xf0, TEMPORARY, 0, ADDRESS);
    } else {
      a.mov32(TEMPORARY, ADDRESS);
      a.register(0, 0xc1, 5, TEMPORARY);
    }
    a.emit(12 - Tlb.ENTRY_SHIFT);
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32((Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT);
    int field = write ? Tlb.WRITE : Tlb.READ;
    a.stateIndexed(W, 0x33, ADDRESS, TEMPORARY, NONE, 0, Layout.tlb(table, field));
  }

  private void addHost() {
    a.stateIndexed(W, 0x03, ADDRESS, TEMPORARY, NONE, 0, Layout.tlb(table, Tlb.HOST));
    inHost = false;
  }

  /** A probe without a way out: the jump that is taken if the TLB does not answer. */
  final int probeOrElse(int size, boolean write) {
    compareTag(write);
    a.register(W, 0x81, 7, ADDRESS);
    a.emit32(4096 - size);
    int miss = a.jumpForward(HostAssembler.CC_A);
    addHost();
    return miss;
  }

  // Registers that are not pinned.

  /** Host register that holds guest register {@code guest}: its own, or {@code other} loaded. */
  final int read(int guest, int other) {
    int host = Layout.host(guest);
    if (host >= 0) {
      return host;
    }
    a.load(other, Layout.gpr(guest));
    return other;
  }

  /** Puts a changed temporary back where guest register {@code guest} lives. */
  final void written(int guest, int host) {
    if (Layout.host(guest) < 0) {
      a.store(Layout.gpr(guest), host);
    }
  }
}
