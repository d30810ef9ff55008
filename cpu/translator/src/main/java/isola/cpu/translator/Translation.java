package isola.cpu.translator;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import isola.core.cpu.HostCodeListener;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.interpreter.Accelerator;
import isola.cpu.x86.interpreter.SingleInstruction;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import isola.host.ExecutableMemory;
import isola.host.GuardedCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One processor's translations: finds and makes blocks, runs them, and sees to what they leave for.
 * Owner thread only.
 */
final class Translation implements Accelerator {
  /** More than the code of one block. */
  private static final int MOST_BLOCK_BYTES = 1 << 16;

  /** In a {@link Block#mode}: SSE instructions may be executed on the host. */
  private static final int MODE_VECTORS = 4;

  /** In a {@link Block#mode}: each operand has a probe of its own. */
  private static final int MODE_NARROW = 8;

  /** More than a way in takes. */
  private static final int MOST_WAY_BYTES = 256;

  /**
   * Instructions paid in advance at most: generated code sees by the top byte whether all is spent.
   */
  private static final long MOST_BUDGET = (1L << 55) - 1;

  /** MXCSR: all exceptions masked. */
  private static final int MXCSR_MASKS = 0x1f80;

  /** Numbers of the sites that belong to no block. */
  private static final int LOOKUP_SITE = 0;

  private static final int FAULT_SITE = 1;

  /** Names of TLB tables. */
  private static final String[] MODES = {"kernel", "kernel-ac", "user"};

  /** Entries into generated code that are remembered. */
  private static final int WAY = 16;

  /** Blocks that the interpreter executes at once where translation is not to be had. */
  private static final int ELSEWHERE = 1000;

  /** What {@link #fillTlb} says besides error codes. */
  private static final int FILLED = -1;

  private static final int DIRECT_NEVER = -2;

  private final Cpu cpu;
  private final GuestMemory memory;
  private final CodeHolder holder;
  private final long state;
  private final ExecutableMemory code;
  private final HostAssembler assembler = new HostAssembler();
  private final Sites sites = new Sites();
  private final Thunks thunks;
  private final HostTicks ticks;
  private final BlockEmitter emitter;
  private final BlockMap blocks = new BlockMap();
  private final GuestCode guest = new GuestCode();
  private final GuestCode.Source source = this::read;
  private final long firstFree;
  private long free;

  /** {@link #MODE_VECTORS} as the jump caches were filled with, -1 if they are empty. */
  private int cachedVectors = -1;

  /** Counts how often all code was dropped. */
  private int generation;

  private long translated;
  private long translating;
  private long translatedInstructions;
  private long entered;
  private final long[] left = new long[Sites.KINDS];

  /** Instructions that Java executed, by operation. */
  private final long[] aided = new long[Op.values().length];

  /** The moves among them, by opcode. */
  private final long[] moves = new long[256];

  /** The same after accesses that the TLB never answers, all together. */
  private long missesAided;

  /** Whether {@link #run} was ever called: the machine is complete by then. */
  private boolean begun;

  private final ChangingPages changing = new ChangingPages();

  /** What {@link #find} gives where no code is to be made for now. */
  private final Block oneByOne = new Block(0, 0, 0, 0);

  /** What {@link #singly} says if generated code may go on. */
  private static final int GO_ON = -3;

  /** Host address of the page that {@link #singly} is in. */
  private long singlePage;

  private long singles;

  private int faultVector;
  private int faultError;

  private final GuardedCode guard;
  private final @Nullable CodeWatch watch;

  /** Guest addresses of the last entries into generated code, a ring. */
  private final long[] way = new long[WAY];

  private String failure = "";

  /** Whether instructions are counted, and how many there were to execute at the last entry. */
  private boolean counting;

  private long budget;

  Translation(
      Cpu cpu, GuestMemory memory, CodeHolder holder, @Nullable CodeWatch watch, long codeBytes) {
    code = new ExecutableMemory(codeBytes);
    this.cpu = cpu;
    this.memory = memory;
    this.holder = holder;
    state = cpu.state;
    oneByOne.interpreted = true;
    addCommonSites();
    assembler.begin(code.executable());
    thunks = new Thunks(assembler, state, LOOKUP_SITE, FAULT_SITE);
    ticks = new HostTicks(cpu, thunks.readTicks);
    this.watch = watch;
    install(null, code.executable());
    firstFree = (code.executable() + assembler.size() + 63) & -64;
    free = firstFree;
    emitter = new BlockEmitter(assembler, sites, thunks, watch);
    clearJumps();
    guard =
        new GuardedCode(
            thunks.guarded, code.executable() + code.size(), state + Layout.FAULT, thunks.faulted);
  }

  private void addCommonSites() {
    sites.add(Sites.LOOKUP, null, 0, 0, 0, true);
    sites.add(Sites.FAULT, null, 0, 0, 0, false);
  }

  /** Copies what was assembled to where it will execute. */
  private void install(@Nullable Block block, long at) {
    long to = at - code.executable() + code.writable();
    int size = assembler.size();
    MemorySegment.copy(assembler.bytes(), 0, RawMemory.view(to, size), JAVA_BYTE, 0, size);
    if (watch != null) {
      watch.emitted(block, at, assembler.bytes(), size);
    }
  }

  private long writable(long executable) {
    return executable - code.executable() + code.writable();
  }

  private void clearJumps() {
    for (int table = 0; table < Layout.TABLES; table++) {
      clearJumps(table);
    }
  }

  private void clearJumps(int table) {
    long at = state + Layout.jumpCache(table);
    for (int i = 0; i < Layout.JUMP_CACHE_ENTRIES; i++) {
      RawMemory.putLong(at + i * 8L, thunks.lookup);
    }
  }

  // Running.

  @Override
  public int run() {
    if (!cpu.is64()) {
      return ELSEWHERE;
    }
    budget = 0;
    long limit = cpu.field(CpuState.INSTRUCTION_LIMIT);
    if (limit != 0 != counting) {
      counting = limit != 0;
      ticks.forget();
      emitter.counting(counting);
      guest.counting = counting;
      dropAll();
    }
    if (!begun) {
      begun = true;
      WalkThunks.prepare(cpu, memory);
      SystemEmitter.remember(cpu, false);
    }
    int mode = mode();
    if (mode < 0) {
      return -mode;
    }
    Block block = find(cpu.rip(), mode);
    if (block == null || block.interpreted) {
      return 1;
    }
    giveFlags();
    if (counting) {
      budget = Math.min(limit - cpu.field(CpuState.INSTRUCTIONS), MOST_BUDGET);
      RawMemory.putLong(state + Layout.BUDGET, budget);
    }
    return run(block.entry[Block.FLAGS_IN_HOST], mode);
  }

  @Override
  public long retired() {
    return budget == 0 ? 0 : budget - RawMemory.getLong(state + Layout.BUDGET);
  }

  /** Takes back the payment for the instructions of a site's block that were not executed. */
  private void refund(int site, int executed) {
    Block block = sites.block(site);
    if (counting && block != null) {
      int rest = block.count - block.before(sites.rip(site)) - executed;
      long left = RawMemory.getLong(state + Layout.BUDGET);
      RawMemory.putLong(state + Layout.BUDGET, left + rest);
    }
  }

  /**
   * The {@link Block#mode} for now; negative, how many blocks are the interpreter's, if none is.
   */
  private int mode() {
    WalkThunks.modeChanged(cpu);
    int table = (int) (cpu.tlbTable() - state - Tlb.OFFSET) / Tlb.TABLE_SIZE;
    if (table >= Layout.TABLES) {
      return -1;
    }
    if (table != Tlb.USER && cpu.cpl() != 0) {
      // What is privileged is told from the table alone.
      return -ELSEWHERE;
    }
    int mode = table | (vectors() ? MODE_VECTORS : 0);
    if (cachedVectors != (mode & MODE_VECTORS)) {
      if (cachedVectors >= 0) {
        clearJumps();
      }
      cachedVectors = mode & MODE_VECTORS;
    }
    return mode;
  }

  /** Hands RFLAGS to generated code. */
  private void giveFlags() {
    int status = cpu.statusFlags();
    int raw = (status >> 11 & 1) | ((status & 0xd5) | 2) << 8;
    RawMemory.putShort(state + Layout.FLAGS, (short) raw);
    int system = cpu.systemFlags();
    RawMemory.putInt(state + Layout.SYSTEM_FLAGS, system);
    if ((system & Rflags.IF) != 0) {
      cpu.intField(CpuState.INTERRUPT_DEFERRED, 0);
    }
  }

  /** Takes RFLAGS back from generated code. */
  private void takeFlags() {
    int raw = RawMemory.getShort(state + Layout.FLAGS);
    cpu.statusFlags((raw >> 8 & 0xd5) | (raw & 1) << 11);
    cpu.systemFlags(RawMemory.getInt(state + Layout.SYSTEM_FLAGS));
  }

  /** Tells the processor of changes that generated code made to its state. */
  private void catchUp() {
    RawMemory.putInt(state + Layout.AHEAD, 0);
    cpu.systemFlags(RawMemory.getInt(state + Layout.SYSTEM_FLAGS));
    cpu.privilegeMoved();
  }

  private boolean vectors() {
    return (cpu.intField(CpuState.CR0) & (Cr0.EM | Cr0.TS)) == 0
        && (cpu.intField(CpuState.CR4) & Cr4.OSFXSR) != 0
        && (cpu.intField(CpuState.MXCSR) & MXCSR_MASKS) == MXCSR_MASKS;
  }

  private boolean attention() {
    return RawMemory.getIntOpaque(state + CpuState.ATTENTION) != 0;
  }

  private int run(long from, int startMode) {
    long at = from;
    way[(int) entered & (WAY - 1)] = cpu.rip();
    int mode = startMode;
    while (true) {
      entered++;
      int site = (int) ExecutableMemory.call(thunks.enter, state, at);
      if (!sites.saved(site)) {
        RawMemory.putShort(state + Layout.FLAGS, RawMemory.getShort(state + Layout.EXIT_FLAGS));
      }
      byte kind = sites.kind(site);
      left[kind]++;
      long rip = kind == Sites.LOOKUP ? RawMemory.getLong(state + Layout.TARGET) : sites.rip(site);
      if (RawMemory.getInt(state + Layout.AHEAD) != 0) {
        catchUp();
        mode = mode();
        if (mode < 0) {
          return leave(rip, -mode);
        }
      }
      switch (kind) {
        case Sites.READ_MISS, Sites.WRITE_MISS -> {
          long linear = RawMemory.getLong(state + Layout.EXIT_LINEAR);
          // A misaligned operand faults whether its page is there or not.
          boolean misaligned = misaligned(site, linear);
          int filled =
              misaligned
                  ? DIRECT_NEVER
                  : fillTlb(linear, sites.size(site), kind == Sites.WRITE_MISS);
          if (filled >= 0) {
            refund(site, 0);
            return pageFault(rip, linear + sites.offset(site), filled);
          }
          if (filled == FILLED && !misaligned(site, linear) && !stale(site)) {
            at = resume(site);
            continue;
          }
          Insn insn = guest.one(rip, source);
          if (insn == null) {
            refund(site, 0);
            return leave(rip, 1);
          }
          missesAided++;
          if (!aid(insn)) {
            refund(site, 0);
            return FAULT;
          }
          refund(site, 1);
          rip = cpu.nextRip();
          cpu.rip(rip);
          if (attention() || !cpu.is64()) {
            return 0;
          }
          mode = mode();
          if (mode < 0) {
            return -mode;
          }
          giveFlags();
        }
        case Sites.AID -> {
          Insn insn = sites.insn(site);
          aided[insn.op.ordinal()]++;
          if (insn.op == Op.MOV) {
            moves[insn.opcode() & 255]++;
          }
          int before = generation;
          if (!aid(insn)) {
            refund(site, 0);
            return FAULT;
          }
          switch (insn.op) {
            case LGDT -> SystemEmitter.remember(cpu, false);
            case RDTSC, RDTSCP -> {
              if (!counting) {
                ticks.read();
              }
            }
            default -> {}
          }
          rip = cpu.nextRip();
          cpu.rip(rip);
          if (attention() || !cpu.is64()) {
            refund(site, 1);
            return 0;
          }
          int now = mode();
          if (now < 0) {
            refund(site, 1);
            return -now;
          }
          long next = sites.host(site);
          if (next != 0
              && now == mode
              && generation == before
              && rip == insn.rip + insn.length
              && !stale(site)) {
            giveFlags();
            at = resume(site);
            continue;
          }
          if (insn.op == Op.IRET) {
            SystemEmitter.remember(cpu, true);
          }
          refund(site, 1);
          mode = now;
          giveFlags();
        }
        case Sites.INTERPRET, Sites.BUDGET -> {
          refund(site, 0);
          return leave(rip, 1);
        }
        case Sites.FAULT -> {
          return fault();
        }
        case Sites.LOOKUP -> {
          int jump = RawMemory.getInt(state + Layout.JUMP_SITE);
          if (jump != 0 && !cpu.canonical(rip)) {
            return jumpedNowhere(jump);
          }
        }
        default -> {}
      }
      if (attention()) {
        boolean between = kind == Sites.CHAIN || kind == Sites.ENTRY || kind == Sites.STALE;
        return between && !counting ? settle(rip, mode) : leave(rip, 0);
      }
      int before = generation;
      cpu.rip(rip);
      way[(int) entered & (WAY - 1)] = rip;
      Block to = find(rip, kind == Sites.NARROW ? mode | MODE_NARROW : mode);
      while (to == oneByOne) {
        int status = singly(rip);
        if (status != GO_ON) {
          return status;
        }
        rip = cpu.rip();
        mode = mode();
        kind = Sites.ENTRY;
        to = find(rip, mode);
      }
      if (to == null || to.interpreted) {
        return leave(rip, 1);
      }
      if (before == generation) {
        connect(site, kind, to, mode & 3);
      }
      at = to.entry[Block.FLAGS_IN_HOST];
    }
  }

  /**
   * Executes instructions without making code while their page is one that keeps changing: {@link
   * #GO_ON}, with flags handed to generated code and RIP where to go on in 64-bit mode, or what
   * {@link #run()} is to return.
   */
  private int singly(long from) {
    takeFlags();
    long rip = from;
    while (true) {
      Insn insn = guest.one(rip, source);
      if (insn == null) {
        cpu.rip(rip);
        return 1;
      }
      singles++;
      if (!execute(insn)) {
        return FAULT;
      }
      long next = cpu.nextRip();
      cpu.rip(next);
      if (attention() || !cpu.is64()) {
        return 0;
      }
      Form form = insn.form;
      boolean plain = form != null && form.group() != Group.SYSTEM;
      if (!plain || !sameRun(from, next) || !changing.single(singlePage)) {
        int mode = mode();
        if (mode < 0) {
          return -mode;
        }
        giveFlags();
        return GO_ON;
      }
      rip = next;
    }
  }

  /** Whether an instruction lies in the same page as another, with all of its bytes. */
  private static boolean sameRun(long from, long rip) {
    return ((from ^ rip) & -4096) == 0 && (rip & 4095) <= 4096 - 15;
  }

  /**
   * Leaves for an event before the instruction at {@code rip}, or, where generated code does not
   * keep the status flags as nothing sees them before they are set again, after that: the event's
   * frame shows them.
   */
  private int settle(long rip, int mode) {
    leave(rip, 0);
    Block block = find(rip, mode);
    int unknown = block != null && block.flagsDead ? Rflags.STATUS : 0;
    while (unknown != 0) {
      Insn insn = guest.one(cpu.rip(), source);
      if (insn == null || insn.form == null) {
        return 0;
      }
      try {
        SingleInstruction.execute(cpu, insn);
      } catch (Fault fault) {
        faultVector = fault.vector();
        faultError = fault.errorCode();
        return FAULT;
      }
      unknown &= ~Coverage.writes(insn, insn.form);
      cpu.rip(cpu.nextRip());
    }
    return 0;
  }

  /** Lets generated code find a block by itself the next time. */
  private void connect(int site, byte kind, Block to, int table) {
    switch (kind) {
      case Sites.CHAIN -> {
        long entry = entry(to, sites.size(site));
        if (entry != 0) {
          patch(sites.host(site), entry);
        }
      }
      case Sites.NARROW -> patch(sites.host(site), to.entry[Block.FLAGS_SAVED]);
      case Sites.STALE -> forward(sites.block(site), to);
      case Sites.LOOKUP -> {
        long entry = entry(to, Block.INDIRECT);
        if (entry != 0) {
          long slot = (to.rip & 0xffff) * 8 + Layout.jumpCache(table);
          RawMemory.putLong(state + slot, entry);
        }
      }
      default -> {}
    }
  }

  /** A way into a block, made now if it is not there; 0 if there is no room for it. */
  private long entry(Block block, int way) {
    if (block.entry[way] == 0 && free + MOST_WAY_BYTES <= code.executable() + code.size()) {
      assembler.begin(free);
      emitter.wayIn(block, way);
      install(block, free);
      free = (free + assembler.size() + 15) & -16;
    }
    return block.entry[way];
  }

  /** Executes one instruction in Java; false, with RIP at it, if it faults. */
  private boolean aid(Insn insn) {
    takeFlags();
    return execute(insn);
  }

  private boolean execute(Insn insn) {
    try {
      SingleInstruction.execute(cpu, insn);
      return true;
    } catch (Fault fault) {
      cpu.rip(insn.rip);
      faultVector = fault.vector();
      faultError = fault.errorCode();
      return false;
    }
  }

  /** Describes what the signal handler caught; the processor runs no more. */
  private int fault() {
    long at = FaultReport.at(state);
    Block block = blocks.containing(at);
    long[] latest = new long[WAY];
    for (int i = 0; i < WAY; i++) {
      latest[i] = way[(int) (entered - 1 - i) & (WAY - 1)];
    }
    failure =
        FaultReport.of(state, block, code.executable(), code.executable() + code.size(), latest);
    leave(block == null ? cpu.rip() : block.guestAt(at), FAILED);
    return FAILED;
  }

  @Override
  public String failure() {
    return failure;
  }

  /** Makes an indirect jump to what is no address fault where it stands. */
  private int jumpedNowhere(int site) {
    long rip = sites.rip(site);
    refund(site, 0);
    Insn insn = guest.one(rip, source);
    if (insn == null) {
      return leave(rip, 1);
    }
    if (insn.op == Op.RET) {
      cpu.gpr(4, cpu.gpr(4) - 8 - insn.imm);
    }
    return aid(insn) ? leave(cpu.nextRip(), 0) : FAULT;
  }

  /** Whether the code that a site belongs to was changed. */
  private boolean stale(int site) {
    Block block = sites.block(site);
    return block != null && block.changed;
  }

  private int pageFault(long rip, long linear, int error) {
    cpu.field(CpuState.CR2, linear);
    faultVector = Vector.PF;
    faultError = error;
    leave(rip, 0);
    return FAULT;
  }

  @Override
  public int faultVector() {
    return faultVector;
  }

  @Override
  public int faultError() {
    return faultError;
  }

  /**
   * Brings a page into the TLB: {@link #FILLED}, or {@link #DIRECT_NEVER} if the access cannot go
   * straight to memory, or the error code of the page fault, with nothing changed for the guest.
   */
  private int fillTlb(long linear, int size, boolean write) {
    if ((linear & 4095) + size > 4096 || !cpu.canonical(linear)) {
      return DIRECT_NEVER;
    }
    int error = cpu.mmu.tryFill(linear, write);
    if (error >= 0) {
      return error;
    }
    long entry = Tlb.entry(cpu.tlbTable(), linear);
    boolean there = RawMemory.getLong(entry + (write ? Tlb.WRITE : Tlb.READ)) == (linear & -4096);
    return there ? FILLED : DIRECT_NEVER;
  }

  /** Whether an access that must be aligned is not, which the interpreter sees to. */
  private boolean misaligned(int site, long linear) {
    return sites.aligned(site) && (linear + sites.offset(site) & 15) != 0;
  }

  private long resume(int site) {
    Block block = sites.block(site);
    if (block != null && block.vectors) {
      RawMemory.putLong(state + Layout.RESUME, sites.host(site));
      return thunks.resumeVectors;
    }
    return sites.host(site);
  }

  private int leave(long rip, int blocks) {
    cpu.rip(rip);
    takeFlags();
    return blocks;
  }

  /** Lets a jump in generated code lead elsewhere. */
  private void patch(long distanceAt, long target) {
    RawMemory.putInt(writable(distanceAt), (int) (target - (distanceAt + 4)));
  }

  // Blocks.

  private @Nullable Block find(long rip, int mode) {
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
    if (!counting && sameRun(rip, rip) && changing.single(host & -4096)) {
      singlePage = host & -4096;
      return oneByOne;
    }
    return translate(rip, host, mode);
  }

  private @Nullable Block translate(long rip, long host, int mode) {
    long physical;
    try {
      physical = cpu.fetchPhysical(rip);
    } catch (Fault ignored) {
      return null;
    }
    if (free + MOST_BLOCK_BYTES > code.executable() + code.size()) {
      dropAll();
    }
    holder.hold(physical >>> 12);
    Block block = new Block(rip, host, physical >>> 12, mode);
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
    guest.read(rip, source, (mode & MODE_VECTORS) != 0, (mode & 3) != Tlb.USER);
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
      emitter.emit(block, guest, mode & 3, (mode & MODE_NARROW) == 0);
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

  @Override
  public void written(long physical, int length) {
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

  @Override
  public void dropAll() {
    for (Long page : blocks.pages()) {
      holder.release(page);
    }
    blocks.clear();
    changing.clear();
    sites.clear();
    addCommonSites();
    free = firstFree;
    generation++;
    clearJumps();
  }

  @Override
  public void hostCode(HostCodeListener listener) {
    listener.code(code.executable(), firstFree - code.executable(), "isola:thunks");
    blocks.each(
        block ->
            listener.code(
                block.hostBegin,
                block.hostEnd - block.hostBegin,
                "guest:%s:%x".formatted(MODES[block.mode & 3], block.rip)));
  }

  @Override
  public void count(Map<String, Long> counters) {
    counters.put("blocks translated", translated);
    counters.put("instructions translated", translatedInstructions);
    counters.put("microseconds of emission", translating / 1000);
    counters.put("code bytes", free - code.executable());
    counters.put("code drops", (long) generation);
    counters.put("generated code entered", entered);
    counters.put("left to chain", left[Sites.CHAIN]);
    counters.put("left to look up", left[Sites.LOOKUP]);
    counters.put("left to interpret", left[Sites.INTERPRET]);
    counters.put("left for loads", left[Sites.READ_MISS]);
    counters.put("left for stores", left[Sites.WRITE_MISS]);
    counters.put("left at an entry", left[Sites.ENTRY]);
    counters.put("left for narrow probes", left[Sites.NARROW]);
    counters.put("left stale code", left[Sites.STALE]);
    counters.put("left for Java's aid", left[Sites.AID]);
    counters.put("aided after misses", missesAided);
    counters.put("executed one by one", singles);
    counters.put("walks in generated code", WalkThunks.walks(cpu));
    for (int i = 0; i < moves.length; i++) {
      if (moves[i] != 0) {
        counters.put("aided MOV %02x".formatted(i), moves[i]);
      }
    }
    Op[] ops = Op.values();
    for (int i = 0; i < ops.length; i++) {
      if (aided[i] != 0) {
        counters.put("aided " + ops[i], aided[i]);
      }
    }
  }

  @Override
  public void close() {
    guard.close();
    code.close();
  }
}
