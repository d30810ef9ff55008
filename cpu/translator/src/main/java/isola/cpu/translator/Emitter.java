package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * What all instructions of a block share while host code is written: where the flags are, effective
 * addresses, the TLB probe with its way out, and leaving.
 *
 * <p>Flags are in the host's register, in {@link Layout#FLAGS}, in both, or (dead) in neither.
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

  /** The instruction in work, and where it goes on after a miss: nothing before is done again. */
  Insn insn;

  long resume;

  // Ways out of line, written after the block's code: the jump to bind, what to do.
  private int[] stubJump = new int[64];
  private int[] stubSite = new int[64];
  private long[] stubGoal = new long[64];
  private long[] stubAfter = new long[64];
  private int stubs;

  Emitter(HostAssembler a, Sites sites, Thunks thunks) {
    this.a = a;
    this.sites = sites;
    this.thunks = thunks;
    this.block = new Block(0, 0, 0, 0);
    this.insn = new Insn();
  }

  /** Begins the ways out of a block. */
  final void beginStubs() {
    stubs = 0;
  }

  /** Notes that a jump leads to a stub which stores a site's number and goes on elsewhere. */
  final void stub(int jump, int site, long goal) {
    stub(jump, site, goal, 0);
  }

  /** The same, but calls {@code goal} and then goes on at {@code after}, unless that is 0. */
  final void stub(int jump, int site, long goal, long after) {
    if (stubs == stubJump.length) {
      stubJump = java.util.Arrays.copyOf(stubJump, stubs * 2);
      stubSite = java.util.Arrays.copyOf(stubSite, stubs * 2);
      stubGoal = java.util.Arrays.copyOf(stubGoal, stubs * 2);
      stubAfter = java.util.Arrays.copyOf(stubAfter, stubs * 2);
    }
    stubJump[stubs] = jump;
    stubSite[stubs] = site;
    stubGoal[stubs] = goal;
    stubAfter[stubs] = after;
    stubs++;
  }

  /** Writes the ways out noted so far. */
  final void writeStubs() {
    for (int i = 0; i < stubs; i++) {
      a.bind(stubJump[i]);
      if (stubAfter[i] == 0) {
        leave(stubSite[i], stubGoal[i]);
      } else {
        a.storeImmediate32(Layout.EXIT_SITE, stubSite[i]);
        a.call(stubGoal[i]);
        a.jump(stubAfter[i]);
      }
    }
    stubs = 0;
  }

  /** Leaves by a site through a thunk. */
  final void leave(int site, long goal) {
    a.storeImmediate32(Layout.EXIT_SITE, site);
    a.jump(goal);
  }

  // Which host code is of which guest instruction.

  private int[] marks = new int[128];
  private int marked;

  /** Notes that the host code of the instruction in work begins here. */
  final void mark() {
    if (marked + 2 > marks.length) {
      marks = java.util.Arrays.copyOf(marks, marked * 2);
    }
    marks[marked++] = (int) (a.here() - block.hostBegin);
    marks[marked++] = (int) (insn.rip - block.rip);
  }

  /** Hands the notes of a block over to it. */
  final void handMarks() {
    block.marks = java.util.Arrays.copyOf(marks, marked);
    block.hostEnd = a.here();
    marked = 0;
  }

  // Counting instructions.

  /** Whether instructions are counted. */
  boolean counting;

  /** Pays for the block's instructions, or leaves. Keeps the flags. */
  final void charge(int instructions) {
    if (!counting) {
      return;
    }
    pay(-instructions);
    // movsx ecx, byte [BUDGET + 7]: 0 unless it is overdrawn
    a.state(HostAssembler.MAP_0F, 0xbe, TEMPORARY, Layout.BUDGET + 7);
    int enough = a.jumpIfRcxZero();
    leave(sites.add(Sites.BUDGET, block, block.rip, 0, 0, false), thunks.exit);
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

  // Flags.

  /** To be called before host flags are lost while {@code live} ones of the guest matter. */
  final void protectFlags(int live) {
    if (live != 0 && inHost && !saved) {
      Thunks.saveFlags(a);
      saved = true;
    }
  }

  /** To be called where the next host instruction needs the guest's flags. */
  final void wantFlags() {
    if (!inHost && saved) {
      Thunks.restoreFlags(a);
      inHost = true;
    }
  }

  /** To be called after an instruction that changed the guest's flags. */
  final void flagsChanged() {
    inHost = true;
    saved = false;
  }

  // Addresses.

  /** Leaves the linear address of the instruction's memory operand in {@link Layout#ADDRESS}. */
  final void address(Insn i) {
    offset(i);
    if (i.segment == Segment.FS || i.segment == Segment.GS) {
      a.state(
          W,
          0x03,
          ADDRESS,
          CpuState.SEGMENTS + i.segment * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_BASE);
    }
  }

  /** Leaves the offset of the instruction's memory operand in {@link Layout#ADDRESS}. */
  final void offset(Insn i) {
    boolean wide = i.addressSize == 8;
    if (i.base == Insn.RIP) {
      long value = i.rip + i.length + i.displacement;
      a.movImmediate(ADDRESS, wide ? value : value & 0xffff_ffffL);
      return;
    }
    if (i.displacement != (int) i.displacement || (i.base < 0 && i.index < 0)) {
      a.movImmediate(ADDRESS, wide ? i.displacement : i.displacement & 0xffff_ffffL);
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
    if (wide && index == NONE && i.displacement == 0) {
      a.mov(ADDRESS, base);
    } else {
      a.memory(wide ? W : 0, 0x8d, ADDRESS, base, index, i.scale, (int) i.displacement);
    }
  }

  /**
   * Turns the linear address in {@link Layout#ADDRESS} into a host address, or leaves.
   *
   * @param size bytes of the access
   * @param aligned whether it must be aligned to its size
   */
  final void probe(int size, boolean write, boolean aligned) {
    int field = write ? Tlb.WRITE : Tlb.READ;
    a.mov32(TEMPORARY, ADDRESS);
    // shr ecx, 7; and ecx, (entries - 1) * entry size
    a.register(0, 0xc1, 5, TEMPORARY);
    a.emit(12 - Tlb.ENTRY_SHIFT);
    a.register(0, 0x81, 4, TEMPORARY);
    a.emit32((Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT);
    a.stateIndexed(W, 0x33, ADDRESS, TEMPORARY, NONE, 0, Layout.tlb(table, field));
    int miss;
    if (aligned) {
      // test r14, ~(page - size)
      a.register(W, 0xf7, 0, ADDRESS);
      a.emit32(~(4096 - size));
      miss = a.jumpForward(HostAssembler.CC_NZ);
    } else {
      a.register(W, 0x81, 7, ADDRESS);
      a.emit32(4096 - size);
      miss = a.jumpForward(HostAssembler.CC_A);
    }
    byte kind = write ? Sites.WRITE_MISS : Sites.READ_MISS;
    int site = sites.add(kind, block, insn.rip, resume, size, saved);
    stub(miss, site, thunks.miss(table, write), resume);
    a.stateIndexed(W, 0x03, ADDRESS, TEMPORARY, NONE, 0, Layout.tlb(table, Tlb.HOST));
    inHost = false;
  }

  /** Makes the instruction in work go on here after a miss of the next probe. */
  final void resumeHere() {
    resume = a.here();
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
