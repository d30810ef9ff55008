package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.R14;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RBX;
import static isola.cpu.translator.HostAssembler.RCX;
import static isola.cpu.translator.HostAssembler.RDI;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.RSI;
import static isola.cpu.translator.HostAssembler.W;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.PageTable;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;

/**
 * The page walk in generated code (Intel SDM vol. 3A 4.5), for what is common: four levels, access
 * allowed, accessed and dirty bits set already, all in plain memory. It fills the TLB and goes back
 * to the probe; everything else is left to Java, which begins anew.
 */
final class WalkThunks {
  private static final int BASE = Layout.WALK;

  /** Not 0 while paging is as the walk wants it, 4 bytes. */
  private static final int WALKABLE = BASE;

  /** Walks that filled the TLB. */
  private static final int WALKS = BASE + 8;

  /** The same for code. */
  private static final int CODE_WALKS = BASE + 48;

  /** Bits of an entry that must be 0. */
  private static final int RESERVED = BASE + 16;

  /** Masks of the page's address in an entry, for 4 KiB, 2 MiB and 1 GiB. */
  static final int FRAME = BASE + 24;

  private static final int FRAME_LARGE = BASE + 32;
  private static final int FRAME_GIGA = BASE + 40;

  /** Guest registers, while the walk uses theirs. */
  private static final int SPILLS = BASE + 64;

  private static final int[] SPILLED = {RAX, RDX, RBX, RSI, RDI};

  /** The two largest memory slots: guest address, size, host address, host address of flags. */
  private static final int SLOTS = BASE + 128;

  private static final int SLOT_SIZE = 32;
  private static final int SLOT_COUNT = 2;

  /** Condition code: negative. */
  private static final int CC_S = 8;

  private final HostAssembler a;
  private final long[] read = new long[Layout.TABLES];
  private final long[] write = new long[Layout.TABLES];
  private final long[] fetch = new long[Layout.TABLES];

  private final PageFaultThunks faults;
  private final long leave;
  private final long giveUp;

  // Jumps to the way out to Java, and to page faults of absent and refused pages, while a thunk is
  // written.
  private final List<Integer> slow = new ArrayList<>();
  private final List<Integer> absent = new ArrayList<>();
  private final List<Integer> refused = new ArrayList<>();

  WalkThunks(HostAssembler assembler, long exit) {
    a = assembler;
    leave = a.here();
    restore(a);
    a.lea(HostAssembler.RSP, HostAssembler.RSP, 8);
    a.jump(exit);
    giveUp = a.here();
    restore(a);
    a.load(RCX, Layout.TARGET);
    a.emit(0xc3);
    faults = new PageFaultThunks(a, leave, giveUp);
    for (int table = 0; table < Layout.TABLES; table++) {
      read[table] = walk(table, Tlb.READ);
      write[table] = walk(table, Tlb.WRITE);
      fetch[table] = fetch(table);
    }
  }

  /**
   * The function to call after a probe that missed, with what the probe left in its registers. It
   * returns with the TLB filled, so that the probe is to be tried again, or leaves to Java.
   */
  long miss(int table, boolean writes) {
    return writes ? write[table] : read[table];
  }

  /**
   * The function that brings code's page into the TLB, or delivers a page fault: its address is in
   * ADDRESS, the flags are saved.
   */
  long fetched(int table) {
    return fetch[table];
  }

  /** Writes down what the walk must know of the machine. */
  static void prepare(Cpu cpu, GuestMemory memory) {
    long state = cpu.state;
    List<MemorySlot> slots = new ArrayList<>(memory.slots());
    slots.removeIf(MemorySlot::readOnly);
    slots.sort((one, other) -> Long.compare(other.size(), one.size()));
    for (int i = 0; i < SLOT_COUNT; i++) {
      long at = state + SLOTS + i * SLOT_SIZE;
      MemorySlot slot = i < slots.size() ? slots.get(i) : null;
      RawMemory.putLong(at, slot == null ? 0 : slot.guestBase());
      RawMemory.putLong(at + 8, slot == null ? 0 : slot.size());
      RawMemory.putLong(at + 16, slot == null ? 0 : slot.hostAddress());
      RawMemory.putLong(at + 24, slot == null ? 0 : slot.flagsAddress());
    }
    long frame = (1L << cpu.mmu.physicalBits()) - 4096;
    RawMemory.putLong(state + RESERVED, 0x000f_ffff_ffff_f000L & ~frame);
    RawMemory.putLong(state + FRAME, frame);
    RawMemory.putLong(state + FRAME_LARGE, frame & -(1L << 21));
    RawMemory.putLong(state + FRAME_GIGA, frame & -(1L << 30));
  }

  /** To be called when control registers may have changed. */
  static void modeChanged(Cpu cpu) {
    int efer = cpu.intField(CpuState.EFER);
    int cr4 = cpu.intField(CpuState.CR4);
    boolean fine =
        (efer & (Efer.LMA | Efer.NXE)) == (Efer.LMA | Efer.NXE)
            && (cr4 & (Cr4.PGE | Cr4.LA57)) == Cr4.PGE;
    cpu.intField(WALKABLE, fine ? 1 : 0);
  }

  static long walks(Cpu cpu) {
    return cpu.field(WALKS);
  }

  static long codeWalks(Cpu cpu) {
    return cpu.field(CODE_WALKS);
  }

  private void slowIf(int condition) {
    slow.add(a.jumpForward(condition));
  }

  private void test(int register, int bits) {
    a.register(0, 0xf7, 0, register);
    a.emit32(bits);
  }

  private void and(int flags, int register, int bits) {
    a.register(flags, 0x81, 4, register);
    a.emit32(bits);
  }

  private void shiftRight(int flags, int register, int by) {
    a.register(flags, 0xc1, 5, register);
    a.emit(by);
  }

  private void entryField(int opcode, int register, int table, int field) {
    a.stateIndexed(W, opcode, register, RCX, NONE, 0, Layout.tlb(table, field));
  }

  private long walk(int table, int field) {
    slow.clear();
    absent.clear();
    refused.clear();
    a.align(16);
    final long at = a.here();
    // The probe left its address exclusive-ored with the tag; once more gives it back.
    entryField(0x33, R14, table, field);
    a.store(Layout.EXIT_LINEAR, R14);
    for (int i = 0; i < SPILLED.length; i++) {
      a.store(SPILLS + i * 8, SPILLED[i]);
    }
    a.state(0, 0x83, 7, WALKABLE);
    a.emit(0);
    slowIf(HostAssembler.CC_Z);
    // A page that is there: the access crosses its end or is not aligned.
    a.mov(RAX, R14);
    and(W, RAX, -4096);
    entryField(0x3b, RAX, table, field);
    slowIf(HostAssembler.CC_Z);
    a.mov(RAX, R14);
    a.register(W, 0xc1, 7, RAX);
    a.emit(47);
    a.lea(RAX, RAX, 1);
    a.register(W, 0x83, 7, RAX);
    a.emit(1);
    slowIf(HostAssembler.CC_A);

    levels(false, () -> leaf(table, field == Tlb.WRITE));

    for (int jump : slow) {
      a.bind(jump);
    }
    a.jump(leave);
    int kind =
        (field == Tlb.WRITE ? PageTable.ERROR_W : 0) | (table == Tlb.USER ? PageTable.ERROR_U : 0);
    fault(absent, table, kind);
    fault(refused, table, kind | PageTable.ERROR_P);
    return at;
  }

  /**
   * Goes through the tables to the page of the address in R14: in {@code leaf} RDX is the 4 KiB
   * page, RAX the last entry, RBX the rights, RDI {@link Tlb#LARGE} or 0.
   */
  private void levels(boolean execute, Runnable leaf) {
    a.load(RDX, CpuState.CR3);
    and(W, RDX, -4096);
    a.movImmediate(RBX, 6);
    level(4, execute);
    slowIf(HostAssembler.CC_NZ);
    frame(FRAME);
    level(3, execute);
    final int giga = a.jumpForward(HostAssembler.CC_NZ);
    frame(FRAME);
    level(2, execute);
    final int large = a.jumpForward(HostAssembler.CC_NZ);
    frame(FRAME);
    level(1, execute);
    frame(FRAME);
    a.register(0, 0x33, RDI, RDI);
    final long at = a.here();
    leaf.run();

    a.bind(large);
    large(FRAME_LARGE, 21);
    a.jump(at);
    a.bind(giga);
    large(FRAME_GIGA, 30);
    a.jump(at);
  }

  /**
   * The same for code, which is about to be entered at the address in R14: keeps RCX too, returns
   * with nothing done where Java must look, and delivers the page fault of a page that is not
   * there.
   */
  private long fetch(int table) {
    slow.clear();
    absent.clear();
    a.align(16);
    final long at = a.here();
    a.store(Layout.TARGET, RCX);
    for (int i = 0; i < SPILLED.length; i++) {
      a.store(SPILLS + i * 8, SPILLED[i]);
    }
    a.state(0, 0x83, 7, WALKABLE);
    a.emit(0);
    slowIf(HostAssembler.CC_Z);
    levels(true, () -> codeLeaf(table));
    for (int jump : slow) {
      a.bind(jump);
    }
    a.jump(giveUp);
    for (int jump : absent) {
      a.bind(jump);
    }
    a.movImmediate(RBX, PageTable.ERROR_I | (table == Tlb.USER ? PageTable.ERROR_U : 0));
    a.mov(RDI, R14);
    a.mov(RDX, R14);
    a.jump(faults.ofFetch(table));
    return at;
  }

  private void codeLeaf(int table) {
    test(RBX, (int) PageTable.US);
    slowIf(table == Tlb.USER ? HostAssembler.CC_Z : HostAssembler.CC_NZ);
    int[] found = new int[SLOT_COUNT];
    for (int i = 0; i < SLOT_COUNT; i++) {
      int next = inSlot(RDX, i);
      a.mov(RDX, RSI);
      a.state(W, 0x03, RDX, SLOTS + i * SLOT_SIZE + 16);
      found[i] = a.jumpForwardShort();
      a.bind(next);
    }
    slow.add(a.jumpForward());
    for (int jump : found) {
      a.bindShort(jump);
    }
    a.mov32(RCX, R14);
    shiftRight(0, RCX, 12 - Tlb.ENTRY_SHIFT);
    and(0, RCX, (Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT);
    and(W, R14, -4096);
    entryField(0x89, R14, table, Tlb.EXECUTE);
    entryField(0x89, RDX, table, Tlb.EXECUTE + Tlb.HOST);
    a.mov(RBX, RDX);
    a.register(W, 0x2b, RBX, R14);
    entryField(0x89, RBX, table, Tlb.CODE_ADDEND);
    remember(Tlb.codeNumber(table));
    key(table);
    a.state(W, 0xff, 0, CODE_WALKS);
    note();
    a.jump(giveUp);
  }

  /** {@link Tlb#codeKey} of the page in R14 and the host's in RDX, to the entry. */
  private void key(int table) {
    a.mov(RAX, R14);
    shiftRight(W, RAX, 12);
    multiply(RAX, RBX, Tlb.KEY_PAGE);
    shiftRight(W, RDX, 12);
    multiply(RDX, RBX, Tlb.KEY_HOST);
    a.register(W, 0x03, RAX, RDX);
    a.mov(RBX, RAX);
    shiftRight(W, RBX, 29);
    a.register(W, 0x33, RAX, RBX);
    multiply(RAX, RBX, Tlb.KEY_MIX);
    a.register(W, 0xc1, 4, RAX);
    a.emit(12);
    entryField(0x89, RAX, table, Tlb.CODE_KEY);
  }

  private void multiply(int register, int other, long by) {
    a.movImmediate(other, by);
    a.register(W | MAP_0F, 0xaf, register, other);
  }

  /** Where jumps lead that found a page fault. */
  private void fault(List<Integer> jumps, int table, int error) {
    if (!jumps.isEmpty()) {
      for (int jump : jumps) {
        a.bind(jump);
      }
      a.movImmediate(RBX, error);
      a.jump(faults.of(table));
    }
  }

  /** Loads the guest's registers that a walk uses. */
  static void restore(HostAssembler a) {
    for (int i = 0; i < SPILLED.length; i++) {
      a.load(SPILLED[i], SPILLS + i * 8);
    }
  }

  /** RDX is the page that the entry in RAX names. */
  private void frame(int mask) {
    a.mov(RDX, RAX);
    a.state(W, 0x23, RDX, mask);
  }

  /** Loads to RAX the entry in the table at RDX; RBX gathers rights; then tests PS. */
  private void level(int level, boolean execute) {
    a.mov(RAX, R14);
    shiftRight(W, RAX, 12 + 9 * (level - 1) - 3);
    and(0, RAX, 0xff8);
    a.register(W, 0x03, RAX, RDX);
    int[] found = new int[SLOT_COUNT];
    for (int i = 0; i < SLOT_COUNT; i++) {
      int next = inSlot(RAX, i);
      a.state(W, 0x03, RSI, SLOTS + i * SLOT_SIZE + 16);
      found[i] = a.jumpForwardShort();
      a.bind(next);
    }
    slow.add(a.jumpForward());
    for (int jump : found) {
      a.bindShort(jump);
    }
    a.memory(W, 0x8b, RAX, RSI, NONE, 0, 0);
    test(RAX, (int) PageTable.P);
    absent.add(a.jumpForward(HostAssembler.CC_Z));
    test(RAX, (int) PageTable.A);
    slowIf(HostAssembler.CC_Z);
    a.state(W, 0x85, RAX, RESERVED);
    slowIf(HostAssembler.CC_NZ);
    if (execute) {
      a.register(W, 0x85, RAX, RAX);
      slowIf(CC_S);
    }
    a.register(0, 0x23, RBX, RAX);
    test(RAX, (int) PageTable.PS);
  }

  /** Offset of a guest physical address in a slot to RSI; the jump that is taken if outside. */
  private int inSlot(int address, int slot) {
    a.mov(RSI, address);
    a.state(W, 0x2b, RSI, SLOTS + slot * SLOT_SIZE);
    a.state(W, 0x3b, RSI, SLOTS + slot * SLOT_SIZE + 8);
    return a.jumpForward(HostAssembler.CC_AE);
  }

  /** Makes RDX the 4 KiB page of a large one, and notes that there is one. */
  private void large(int mask, int shift) {
    test(RAX, (1 << shift) - (1 << 13));
    slowIf(HostAssembler.CC_NZ);
    frame(mask);
    a.mov32(RSI, R14);
    and(0, RSI, (1 << shift) - (1 << 12));
    a.register(W, 0x03, RDX, RSI);
    setBit(21, 14, Tlb.LARGE_BITS);
    if (shift == 30) {
      setBit(30, 9, Tlb.GIGA_BITS);
    }
    a.movImmediate(RDI, Tlb.LARGE);
  }

  private void setBit(int shift, int width, int bits) {
    // The half of the address space above the bits that count, by a shift that copies bit 63.
    a.mov(RSI, R14);
    a.register(W, 0xc1, 7, RSI);
    a.emit(63);
    and(0, RSI, 1 << width);
    a.mov(RDI, R14);
    shiftRight(W, RDI, shift);
    and(0, RDI, (1 << width) - 1);
    a.register(0, 0x0b, RSI, RDI);
    // bts [bits], esi
    a.state(MAP_0F, 0xab, RSI, bits);
  }

  private void leaf(int table, boolean writes) {
    if (table == Tlb.USER) {
      test(RBX, (int) PageTable.US);
      refused.add(a.jumpForward(HostAssembler.CC_Z));
    } else if (table == Tlb.SUPERVISOR) {
      test(RBX, (int) PageTable.US);
      slowIf(HostAssembler.CC_NZ);
    }
    if (table != Tlb.SUPERVISOR) {
      a.mov(RSI, RAX);
      shiftRight(W, RSI, PageTable.KEY_SHIFT);
      and(0, RSI, 15);
      slowIf(HostAssembler.CC_NZ);
      a.state(0, 0xf7, 0, CpuState.PKRU);
      a.emit32(3);
      slowIf(HostAssembler.CC_NZ);
    }
    if (writes) {
      test(RBX, (int) PageTable.RW);
      if (table == Tlb.USER) {
        refused.add(a.jumpForward(HostAssembler.CC_Z));
      } else {
        int writable = a.jumpForwardShort(HostAssembler.CC_NZ);
        // Read-only is so for the supervisor too with CR0.WP alone.
        a.state(0, 0xf7, 0, CpuState.CR0);
        a.emit32(Cr0.WP);
        refused.add(a.jumpForward(HostAssembler.CC_NZ));
        slow.add(a.jumpForward());
        a.bindShort(writable);
      }
      test(RAX, (int) PageTable.D);
      slowIf(HostAssembler.CC_Z);
    }
    int[] found = new int[SLOT_COUNT];
    for (int i = 0; i < SLOT_COUNT; i++) {
      int next = inSlot(RDX, i);
      a.mov(RDX, RSI);
      a.state(W, 0x03, RDX, SLOTS + i * SLOT_SIZE + 16);
      shiftRight(W, RSI, 12);
      a.state(W, 0x03, RSI, SLOTS + i * SLOT_SIZE + 24);
      found[i] = a.jumpForwardShort();
      a.bind(next);
    }
    slow.add(a.jumpForward());
    for (int jump : found) {
      a.bindShort(jump);
    }
    enter(table, writes);
    restore(a);
    a.emit(0xc3);
  }

  /** Fills the entry: RDX is the host's page, RSI where its flags are. */
  private void enter(int table, boolean writes) {
    if (writes) {
      a.memory(0, 0x80, 7, RSI, NONE, 0, 0);
      a.emit(0);
      slowIf(HostAssembler.CC_NZ);
    }
    and(W, R14, -4096);
    entryField(0x89, R14, table, Tlb.READ);
    entryField(0x89, RDX, table, Tlb.HOST);
    a.register(W, 0x2b, RDX, R14);
    entryField(0x89, RDX, table, Tlb.ADDEND);
    if (!writes) {
      // Not writable, not dirty or looked after: no tag for stores.
      a.memory(MAP_0F, 0xb6, RDX, RSI, NONE, 0, 0);
      a.register(0, 0xf7, 2, RBX);
      a.mov32(RSI, RAX);
      a.register(0, 0xf7, 2, RSI);
      and(0, RBX, (int) PageTable.RW);
      and(0, RSI, (int) PageTable.D);
      a.register(0, 0x0b, RDX, RBX);
      a.register(0, 0x0b, RDX, RSI);
      int writable = a.jumpForwardShort(HostAssembler.CC_Z);
      // not r14: as Tlb.empty, odd and of another entry's pages
      a.register(W, 0xf7, 2, R14);
      a.bindShort(writable);
    }
    entryField(0x89, R14, table, Tlb.WRITE);
    // As Tlb.hostBits; what RAX and RDI say of the page stays for what comes then.
    entryField(0x8b, RDX, table, Tlb.HOST);
    shiftRight(0, RDX, 10);
    and(0, RDX, Tlb.HOST_BITS);
    a.register(0, 0x0b, RDI, RDX);
    remember(table * Tlb.ENTRIES);
    a.state(W, 0xff, 0, WALKS);
    note();
  }

  /** Leaves the entry's number in RSI and its kind in RDI, and stores that. */
  private void remember(int first) {
    a.mov32(RSI, RCX);
    shiftRight(0, RSI, Tlb.ENTRY_SHIFT);
    a.register(0, 0x81, 0, RSI);
    a.emit32(first);
    shiftRight(0, RAX, 8);
    and(0, RAX, 1);
    a.register(0, 0x0b, RDI, RAX);
    // mov byte [KINDS + rsi], dil
    a.stateIndexed(HostAssembler.REX, 0x88, RDI, RSI, NONE, 0, Tlb.KINDS);
  }

  /** Notes the entry in its journal. */
  private void note() {
    test(RDI, Tlb.GLOBAL);
    int global = a.jumpForwardShort(HostAssembler.CC_NZ);
    journal(Tlb.JOURNAL, Tlb.JOURNALLED);
    int done = a.jumpForwardShort();
    a.bindShort(global);
    journal(Tlb.GLOBAL_JOURNAL, Tlb.GLOBALS_JOURNALLED);
    a.bindShort(done);
  }

  private void journal(int journal, int counter) {
    a.load32(RDX, counter);
    a.register(0, 0x81, 7, RDX);
    a.emit32(Tlb.JOURNAL_LIMIT);
    int full = a.jumpForwardShort(HostAssembler.CC_AE);
    // mov [journal + rdx * 2], si
    a.stateIndexed(HostAssembler.P66, 0x89, RSI, NONE, RDX, 1, journal);
    a.state(0, 0xff, 0, counter);
    a.bindShort(full);
  }
}
