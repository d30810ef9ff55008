package isola.cpu.translator;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import isola.core.cpu.HostCodeListener;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.interpreter.Accelerator;
import isola.host.ExecutableMemory;
import isola.host.GuardedCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The host code of one processor: finds the block for a guest address or has it written, connects
 * blocks, takes back those whose guest code was changed, and drops all when there is no room left.
 * Owner thread only.
 */
final class CodeCache implements AutoCloseable {
  /** More than the code of one block. */
  private static final int MOST_BLOCK_BYTES = 1 << 16;

  /** What a processor has at least, if there is as much. */
  private static final long LEAST_BYTES = 4L << 20;

  /** More than a way in takes. */
  private static final int MOST_WAY_BYTES = 256;

  /** Numbers of the sites that belong to no block. */
  private static final int LOOKUP_SITE = 0;

  private static final int FAULT_SITE = 1;

  /** Names of TLB tables. */
  private static final String[] MODES = {"kernel", "kernel-ac", "user"};

  private final Cpu cpu;
  private final GuestMemory memory;
  private final Accelerator.CodeHolder holder;
  private final long state;
  private final ExecutableMemory code;
  private final GuardedCode guard;
  private final @Nullable CodeWatch watch;
  private final HostAssembler assembler = new HostAssembler();
  private final BlockEmitter emitter;
  private final BlockMap blocks = new BlockMap();
  private final GuestCode guest;
  private final GuestCode.Source source = this::read;
  private final long firstFree;
  private long free;

  /** Host address after the last byte that is used. */
  private long last;

  /** Where generated code leaves. */
  final Sites sites = new Sites();

  /** What all blocks share. */
  final Thunks thunks;

  /** What {@link #find} gives where no code is to be made for now. */
  final Block oneByOne = new Block(0, 0, 0, 0);

  private final ChangingPages changing = new ChangingPages();

  /** Host address of the page that {@link #oneByOne} was given for. */
  private long singlePage;

  private final Map<FlagSource, Long> flagFunctions = new HashMap<>();
  private int generation;
  private long translated;
  private long translating;
  private long translatedInstructions;

  /**
   * Makes an empty one for {@code bytes} of host code.
   *
   * @param v3 whether the host executes what x86-64-v3 has
   */
  CodeCache(
      Cpu cpu,
      GuestMemory memory,
      Accelerator.CodeHolder holder,
      @Nullable CodeWatch watch,
      long bytes,
      boolean v3) {
    code = new ExecutableMemory(bytes);
    this.cpu = cpu;
    this.memory = memory;
    this.holder = holder;
    this.watch = watch;
    state = cpu.state;
    guest = new GuestCode(v3 ? OpcodeTable.offered(cpu.wiring.cpuid()) : OpcodeTable.x86(), v3);
    oneByOne.interpreted = true;
    addCommonSites();
    assembler.begin(code.executable());
    thunks = new Thunks(assembler, state, LOOKUP_SITE, FAULT_SITE);
    install(null, code.executable());
    firstFree = (code.executable() + assembler.size() + 63) & -64;
    free = firstFree;
    last = end();
    emitter = new BlockEmitter(assembler, sites, thunks, guest, watch);
    clearJumps();
    RawMemory.putLong(state + Layout.UPPER_ABSENT, 1);
    RawMemory.putLong(state + Layout.X87_ABSENT, 1);
    resetRuns();
    guard =
        new GuardedCode(
            thunks.guarded, code.executable() + code.size(), state + Layout.FAULT, thunks.faulted);
  }

  private void addCommonSites() {
    PageFaultThunks.forgetSites(state);
    sites.add(Sites.LOOKUP, null, 0, 0, 0, true);
    sites.add(Sites.FAULT, null, 0, 0, 0, false);
  }

  /** First address of the host code. */
  long begin() {
    return code.executable();
  }

  /** First address after it. */
  long end() {
    return code.executable() + code.size();
  }

  /**
   * Uses the part of it that is one processor's of so many, so that code, and with it what the JVM
   * keeps of each block and site, does not grow with their number.
   */
  void share(int processors) {
    long part = Math.max(code.size() / processors, Math.min(code.size(), LEAST_BYTES));
    last = code.executable() + part;
  }

  /** Counts how often all was dropped. */
  int generation() {
    return generation;
  }

  /** From now on blocks count their instructions, or do not. */
  void counting(boolean wanted) {
    emitter.counting(wanted);
    guest.counting = wanted;
    dropAll();
  }

  /** Whether there is no other processor. */
  void alone(boolean wanted) {
    emitter.alone(wanted);
    if (blocks.count() > 0) {
      dropAll();
    }
  }

  /** Copies what was assembled to where it will execute. */
  private void install(@Nullable Block block, long at) {
    int size = assembler.size();
    MemorySegment to = RawMemory.view(writable(at), size);
    MemorySegment.copy(assembler.bytes(), 0, to, JAVA_BYTE, 0, size);
    if (watch != null) {
      watch.emitted(block, at, assembler.bytes(), size);
    }
  }

  private long writable(long executable) {
    return executable - code.executable() + code.writable();
  }

  /** Whether a jump cache for 32-bit code was ever used: it is not touched before. */
  private boolean jumps32;

  /** Lets every indirect jump look its target up anew. */
  void clearJumps() {
    for (int table = 0; table < Layout.TABLES; table++) {
      clearJumps(table, false, thunks.lookup(table));
      long second = state + Layout.secondCache(table, 0);
      for (int i = 0; i < Layout.SECOND_CACHE_ENTRIES; i++) {
        RawMemory.putLong(second + i * 16L, 0);
        RawMemory.putLong(second + i * 16L + 8, thunks.unknown);
      }
      if (jumps32) {
        clearJumps(table, true, thunks.unknown);
      }
    }
  }

  private void clearJumps(int table, boolean code32, long lookup) {
    long at = state + Layout.jumpCache(table, code32);
    for (int i = 0; i < Layout.JUMP_CACHE_ENTRIES; i++) {
      RawMemory.putLong(at + i * 8L, lookup);
    }
  }

  /** To be called before 32-bit code is run. */
  void prepareJumps32() {
    if (!jumps32) {
      jumps32 = true;
      clearJumps();
    }
  }

  // Finding and making.

  /** The instruction at a linear address, or null if it cannot be read; the next call's too. */
  @Nullable Insn decode(long rip) {
    return guest.one(rip, source, cpu.codeSize());
  }

  /**
   * The instruction at a site whose access Java makes, or null if it cannot be read. It is kept for
   * the next time, as loops that copy come to the same ones at each end of a page.
   */
  @Nullable Insn accessing(int site) {
    Block block = sites.block(site);
    boolean lasting = block != null && !block.changed && !block.checking;
    Insn known = lasting ? sites.kept(site) : null;
    if (known != null) {
      return known;
    }
    Insn insn = decode(sites.rip(site));
    if (lasting && insn != null) {
      sites.keep(site, insn);
    }
    return insn;
  }

  /** The block that a host address is in the code of, stale ones aside. */
  @Nullable Block containing(long host) {
    return blocks.containing(host);
  }

  /** Whether an instruction lies in the same page as another, with all of its bytes. */
  static boolean sameRun(long from, long rip) {
    return ((from ^ rip) & -4096) == 0 && (rip & 4095) <= 4096 - 15;
  }

  /** Whether the next instruction, too, is to be executed alone, which is taken as done. */
  boolean single() {
    return changing.single(singlePage);
  }

  /**
   * The block for a linear address and a {@link Block#mode}, made if there is none; {@link
   * #oneByOne}; or null if the address has no code in memory.
   */
  @Nullable Block find(long rip, int mode) {
    return find(rip, mode, 0);
  }

  /**
   * The same for someone who goes there from a place in generated code.
   *
   * @param way the way in that {@link #connect} will want, 0 if it does not matter
   */
  @Nullable Block find(long rip, int mode, int way) {
    if (!cpu.canonical(rip)) {
      return null;
    }
    long host;
    try {
      host = cpu.fetchHost(rip);
    } catch (Fault ignored) {
      return null;
    }
    if (host == 0) {
      return null;
    }
    Block found = blocks.find(rip, host, mode);
    if (found != null) {
      return found;
    }
    if (!guest.counting && sameRun(rip, rip) && changing.single(host & -4096)) {
      singlePage = host & -4096;
      return oneByOne;
    }
    boolean checking = !guest.counting && sameRun(rip, rip) && changing.checking(host & -4096);
    return translate(rip, host, mode, checking, way);
  }

  private @Nullable Block translate(long rip, long host, int mode, boolean checking, int way) {
    long physical;
    try {
      physical = cpu.fetchPhysical(rip);
    } catch (Fault ignored) {
      return null;
    }
    if (free + MOST_BLOCK_BYTES > last) {
      dropAll();
    }
    Block block = new Block(rip, host, physical >>> 12, mode);
    block.checking = checking;
    if (!checking) {
      holder.hold(physical >>> 12);
    }
    long second = (rip & -4096) + 4096;
    MemorySlot secondSlot = null;
    if (second - rip < 15) {
      long there = cpu.mmu.probe(second);
      secondSlot = there < 0 ? null : memory.slotAt(there);
      if (secondSlot != null) {
        holder.hold(there >>> 12);
        block.secondPage = there >>> 12;
        block.secondHost = secondSlot.host(there);
      }
    }
    guest.checking = checking;
    guest.read(rip, source, mode);
    if (!guest.crosses && block.secondPage >= 0) {
      if (!blocks.pages().contains(block.secondPage)) {
        holder.release(block.secondPage);
      }
      block.secondPage = -1;
    }
    if (guest.count == 0 || (guest.crosses && secondSlot == null)) {
      block.length = 1;
      block.interpreted = true;
    } else {
      long before = System.nanoTime();
      assembler.begin(free);
      emitter.emit(block, guest, way, mode & 3, (mode & Block.MODE_NARROW) == 0);
      install(block, free);
      free = (free + assembler.size() + 15) & -16;
      translating += System.nanoTime() - before;
      translated++;
      translatedInstructions += guest.count;
    }
    blocks.add(block);
    return block;
  }

  /** Copies guest code without an effect that the guest could see. */
  private int read(long linear, byte[] target, int most) {
    long physical = cpu.mmu.probe(linear);
    MemorySlot slot = physical < 0 ? null : memory.slotAt(physical);
    if (slot == null) {
      return 0;
    }
    int length = Math.min(most, 4096 - (int) (linear & 4095));
    MemorySegment from = RawMemory.view(slot.host(physical), length);
    MemorySegment.copy(from, JAVA_BYTE, 0, target, 0, length);
    return length;
  }

  // Connecting.

  /** The way into a block that a site wants, 0 if any will do. */
  int way(int site, byte kind) {
    if (kind == Sites.LOOKUP) {
      return Block.INDIRECT;
    }
    return kind == Sites.CHAIN && sites.size(site) == Block.CHECKED ? Block.CHECKED : 0;
  }

  /** Lets generated code find a block by itself the next time. */
  void connect(int site, byte kind, Block to) {
    switch (kind) {
      case Sites.CHAIN -> {
        long entry = entry(to, sites.size(site));
        if (entry != 0) {
          patch(sites.host(site), entry);
        }
      }
      case Sites.NARROW -> patch(sites.host(site), to.entry[Block.FLAGS_SAVED]);
      case Sites.STALE, Sites.CHANGED, Sites.SETTLED -> forward(sites.block(site), to);
      case Sites.LOOKUP -> {
        long entry = entry(to, Block.INDIRECT);
        if (entry != 0) {
          long slot = (to.rip & 0xffff) * 8 + Layout.jumpCache(to.mode & 3, to.code32());
          RawMemory.putLong(state + slot, entry);
          if (!to.code32()) {
            long pair = state + Layout.secondCache(to.mode & 3, to.rip);
            RawMemory.putLong(pair, to.rip);
            RawMemory.putLong(pair + 8, entry);
          }
        }
      }
      default -> {}
    }
  }

  /** A way into a block, made now if it is not there; 0 if there is no room for it. */
  private long entry(Block block, int way) {
    if (block.entry[way] == 0 && free + MOST_WAY_BYTES <= last) {
      assembler.begin(free);
      emitter.wayIn(block, way);
      install(block, free);
      free = (free + assembler.size() + 15) & -16;
    }
    return block.entry[way];
  }

  /**
   * The function that works out the flags that follow from something and puts them into {@link
   * Layout#FLAGS}; 0 if there is no room for it. It changes RCX alone.
   */
  long flags(FlagSource source) {
    Long known = flagFunctions.get(source);
    if (known != null) {
      return known;
    }
    if (free + MOST_WAY_BYTES > last) {
      return 0;
    }
    assembler.begin(free);
    source.emit(assembler);
    Thunks.saveFlags(assembler);
    assembler.emit(0xc3);
    install(null, free);
    long at = free;
    free = (free + assembler.size() + 15) & -16;
    flagFunctions.put(source, at);
    return at;
  }

  /** Lets a jump in generated code lead elsewhere. */
  private void patch(long distanceAt, long target) {
    RawMemory.putInt(writable(distanceAt), (int) (target - (distanceAt + 4)));
  }

  // Taking back.

  /** Whether the code that a site belongs to was changed. */
  boolean stale(int site) {
    Block block = sites.block(site);
    return block != null && block.changed;
  }

  /** Guest code is about to change, see {@link Accelerator#written}. */
  void written(long physical, int length) {
    List<Block> stale = new ArrayList<>();
    boolean empty = blocks.written(physical, length, stale);
    MemorySlot slot = stale.isEmpty() ? null : memory.slotAt(physical);
    if (slot != null) {
      changing.changed(slot.host(physical & -4096), stale.size());
    }
    for (Block block : stale) {
      makeStale(block);
    }
    if (empty) {
      holder.release(physical >>> 12);
    }
  }

  /** From now on the flags that a site only promised are saved: they were looked at. */
  void saveFlags(int promise) {
    Block block = sites.block(promise);
    emitter.eager(sites.rip(promise));
    if (block != null && !block.changed) {
      blocks.drop(block);
      makeStale(block);
    }
  }

  /** A checking block left as its guest code was changed, or not for long. */
  void checked(Block block, boolean settled) {
    if (!block.changed) {
      blocks.drop(block);
      makeStale(block);
    }
    if (settled) {
      changing.settled(block.guestBytes & -4096);
      resetRuns();
    } else {
      changing.changed(block.guestBytes & -4096);
    }
  }

  private void resetRuns() {
    RawMemory.putInt(state + Layout.CHECKED_RUNS, SelfCheck.RUNS);
  }

  /** Overwrites a block's heads, so that whoever comes to it leaves at once. */
  private void makeStale(Block block) {
    block.changed = true;
    if (block.interpreted) {
      return;
    }
    for (int way = 0; way < 2; way++) {
      overwrite(block.entry[way], block.stale[way]);
    }
  }

  /** Lets a stale block lead straight to the one that took its place. */
  private void forward(@Nullable Block from, Block to) {
    if (from != null) {
      for (int way = 0; way < 2; way++) {
        overwrite(from.entry[way], to.entry[way]);
      }
    }
  }

  /** Turns one of a block's heads into a jump, at once for whoever executes it. */
  private void overwrite(long at, long target) {
    long distance = (target - (at + 5)) & 0xffff_ffffL;
    long old = RawMemory.getLong(writable(at));
    RawMemory.putLong(writable(at), (old & 0xffff_ff00_0000_0000L) | distance << 8 | 0xe9);
  }

  /** Drops all code and goes on with none. */
  void dropAll() {
    for (Long page : blocks.pages()) {
      holder.release(page);
    }
    blocks.clear();
    flagFunctions.clear();
    changing.clear();
    sites.clear();
    addCommonSites();
    free = firstFree;
    generation++;
    clearJumps();
  }

  // Telling.

  /** Names all code, see {@link isola.core.cpu.Vcpu#hostCode}. */
  void hostCode(HostCodeListener listener) {
    listener.code(code.executable(), firstFree - code.executable(), "isola:thunks");
    blocks.each(
        block ->
            listener.code(
                block.hostBegin,
                block.hostEnd - block.hostBegin,
                "guest:%s:%x".formatted(MODES[block.mode & 3], block.rip)));
  }

  /** Adds what was counted. */
  void count(Map<String, Long> counters) {
    counters.put("blocks translated", translated);
    counters.put("instructions translated", translatedInstructions);
    counters.put("microseconds of emission", translating / 1000);
    counters.put("code bytes", free - code.executable());
    counters.put("code drops", (long) generation);
  }

  @Override
  public void close() {
    guard.close();
    code.close();
  }
}
