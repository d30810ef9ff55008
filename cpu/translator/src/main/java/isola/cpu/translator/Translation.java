package isola.cpu.translator;

import isola.core.cpu.HostCodeListener;
import isola.core.memory.GuestMemory;
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
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.CpuState;
import isola.host.ExecutableMemory;
import java.util.Map;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** Runs one processor's generated code, and sees to what it leaves for. Owner thread only. */
final class Translation implements Accelerator {
  /**
   * Instructions paid in advance at most: generated code sees by the top byte whether all is spent.
   */
  private static final long MOST_BUDGET = (1L << 55) - 1;

  /** MXCSR: all exceptions masked. */
  private static final int MXCSR_MASKS = 0x1f80;

  /** x87 control word: all exceptions masked. */
  static final int FCW_MASKS = 0x3f;

  /** In the 4 bytes of control and status word: an exception waits. */
  private static final int FSW_WAITING = 1 << 23;

  /** XCR0: components of which AVX instructions need both. */
  private static final int WIDE_STATE = XsaveSpec.SSE | XsaveSpec.AVX;

  /** {@link Cpu#mode} of 32-bit code with a 32-bit stack and flat segments. */
  private static final int FLAT_32 = 1 | Cpu.MODE_STACK32 | Cpu.MODE_FLAT;

  /** Entries into generated code that are remembered. */
  private static final int WAY = 16;

  /** Blocks that the interpreter executes at once where translation is not to be had. */
  private static final int ELSEWHERE = 1000;

  /** What {@link #fillTlb} says besides error codes. */
  private static final int FILLED = -1;

  private static final int DIRECT_NEVER = -2;

  private final Cpu cpu;
  private final GuestMemory memory;
  private final long state;
  private final CodeCache cache;
  private final Sites sites;
  private final Thunks thunks;
  private final HostTicks ticks;

  /**
   * The {@link #vectors} and {@link #x87} that the jump caches were filled with, -1 if they are
   * empty.
   */
  private int cachedVectors = -1;

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

  /** What {@link #singly} says if generated code may go on. */
  private static final int GO_ON = -3;

  private long singles;

  /** How many processors the machine has, and whether it is one: all are made before one runs. */
  private final IntSupplier processors;

  private boolean alone;

  /** {@link Layout#FLAGS} as generated code left it the last time. */
  private int flagsFound;

  private int faultVector;
  private int faultError;

  /** Guest addresses of the last entries into generated code, a ring. */
  private final long[] way = new long[WAY];

  private String failure = "";

  /** The {@link Sites#JUMP} that the last {@link Sites#LOOKUP} came from, or 0. */
  private int jumpSite;

  /** Whether instructions are counted, and how many there were to execute at the last entry. */
  private boolean counting;

  private long budget;

  Translation(
      Cpu cpu,
      GuestMemory memory,
      CodeHolder holder,
      @Nullable CodeWatch watch,
      long codeBytes,
      boolean v3,
      IntSupplier processors) {
    this.processors = processors;
    this.cpu = cpu;
    this.memory = memory;
    state = cpu.state;
    cache = new CodeCache(cpu, memory, holder, watch, codeBytes, v3);
    sites = cache.sites;
    thunks = cache.thunks;
    ticks = new HostTicks(cpu, thunks.readTicks);
  }

  // Running.

  @Override
  public int run() {
    budget = 0;
    long limit = cpu.field(CpuState.INSTRUCTION_LIMIT);
    if (limit != 0 != counting) {
      counting = limit != 0;
      ticks.forget();
      cache.counting(counting);
    }
    if (alone != (processors.getAsInt() == 1)) {
      alone = !alone;
      cache.alone(alone);
    }
    if (!begun) {
      begun = true;
      cache.share(processors.getAsInt());
      WalkThunks.prepare(cpu, memory);
      SystemEmitter.remember(cpu, false);
    }
    if (faultVector == Vector.PF) {
      faultVector = 0;
      PageFaultThunks.rememberGate(cpu);
    }
    int mode = mode();
    if (mode < 0) {
      return -mode;
    }
    Block block = cache.find(cpu.rip(), mode);
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
    int code = codeMode();
    if (code < 0) {
      return -ELSEWHERE;
    }
    WalkThunks.modeChanged(cpu);
    PageFaultThunks.modeChanged(cpu);
    int table = (int) (cpu.tlbTable() - state - Tlb.OFFSET) / Tlb.TABLE_SIZE;
    if (table >= Layout.TABLES) {
      return -1;
    }
    if (table != Tlb.USER && cpu.cpl() != 0) {
      // What is privileged is told from the table alone.
      return -ELSEWHERE;
    }
    int vectors = vectors() | x87();
    if (cachedVectors != vectors) {
      if (cachedVectors >= 0) {
        cache.clearJumps();
      }
      cachedVectors = vectors;
    }
    return table | vectors | code;
  }

  /** What of a {@link Block#mode} is about the code segment and its like; -1 if it is not known. */
  private int codeMode() {
    if (cpu.is64()) {
      return 0;
    }
    if (cpu.mode() != FLAT_32) {
      return -1;
    }
    cache.prepareJumps32();
    return Block.MODE_32
        | (cpu.whole(Segment.FS) ? Block.MODE_FS : 0)
        | (cpu.whole(Segment.GS) ? Block.MODE_GS : 0);
  }

  /** Hands RFLAGS to generated code. */
  private void giveFlags() {
    putFlags(cpu.statusFlags());
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

  /** What of a {@link Block#mode} is about XMM and YMM registers. */
  private int vectors() {
    int cr4 = cpu.intField(CpuState.CR4);
    if ((cpu.intField(CpuState.CR0) & (Cr0.EM | Cr0.TS)) != 0
        || (cr4 & Cr4.OSFXSR) == 0
        || (cpu.intField(CpuState.MXCSR) & MXCSR_MASKS) != MXCSR_MASKS) {
      return 0;
    }
    boolean wide =
        (cr4 & Cr4.OSXSAVE) != 0 && (cpu.intField(CpuState.XCR0) & WIDE_STATE) == WIDE_STATE;
    return Block.MODE_VECTORS | (wide ? Block.MODE_WIDE : 0);
  }

  /** What of a {@link Block#mode} is about x87 and MMX registers. */
  private int x87() {
    boolean there = (cpu.intField(CpuState.CR0) & (Cr0.EM | Cr0.TS)) == 0;
    int words = cpu.intField(CpuState.FCW);
    boolean masked = (words & FCW_MASKS) == FCW_MASKS && (words & FSW_WAITING) == 0;
    return there && masked ? Block.MODE_X87 : 0;
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
      findFlags(site);
      long x87 = sites.x87(site);
      if (x87 != Sites.NONE) {
        cpu.field(CpuState.FIP, x87);
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
            if (!counting && (mode & Block.MODE_32) == 0 && x87 == Sites.NONE) {
              rememberFault(site);
            }
            return pageFault(rip, linear + sites.offset(site), filled);
          }
          if (filled == FILLED && !misaligned(site, linear) && !cache.stale(site)) {
            at = resume(site);
            continue;
          }
          Insn insn = cache.accessing(site);
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
          if (attention()) {
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
          int before = cache.generation();
          if (!aid(insn)) {
            refund(site, 0);
            return FAULT;
          }
          switch (insn.op) {
            case LGDT -> SystemEmitter.remember(cpu, false);
            case IRET -> SystemEmitter.remember(cpu, true);
            case RDTSC, RDTSCP -> {
              if (!counting) {
                ticks.read();
              }
            }
            default -> {}
          }
          rip = cpu.nextRip();
          cpu.rip(rip);
          if (attention()) {
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
              && cache.generation() == before
              && rip == insn.rip + insn.length
              && !cache.stale(site)) {
            giveFlags();
            at = resume(site);
            continue;
          }
          refund(site, 1);
          mode = now;
          giveFlags();
        }
        case Sites.WANTED -> refund(site, 0);
        case Sites.INTERPRET, Sites.BUDGET -> {
          refund(site, 0);
          return leave(rip, 1);
        }
        case Sites.CHANGED, Sites.SETTLED -> {
          Block block = sites.block(site);
          if (block != null) {
            cache.checked(block, kind == Sites.SETTLED);
          }
        }
        case Sites.FAULT -> {
          return fault();
        }
        case Sites.LOOKUP -> {
          int jump = jumpSite;
          if (jump != 0 && !cpu.canonical(rip)) {
            return jumpedNowhere(jump);
          }
        }
        default -> {}
      }
      if (attention()) {
        boolean between =
            switch (kind) {
              case Sites.CHAIN, Sites.ENTRY, Sites.STALE, Sites.CHANGED, Sites.SETTLED -> true;
              default -> false;
            };
        return between && !counting ? settle(rip, mode) : leave(rip, 0);
      }
      int before = cache.generation();
      cpu.rip(rip);
      way[(int) entered & (WAY - 1)] = rip;
      Block to = cache.find(rip, mode | narrow(site, kind), cache.way(site, kind));
      while (to == cache.oneByOne) {
        int status = singly(rip);
        if (status != GO_ON) {
          return status;
        }
        rip = cpu.rip();
        mode = mode();
        kind = Sites.ENTRY;
        to = cache.find(rip, mode);
      }
      if (to == null || to.interpreted) {
        if (to == null && before == cache.generation()) {
          rememberPromise();
        }
        return leave(rip, 1);
      }
      if (before == cache.generation()) {
        cache.connect(site, kind, to);
      }
      at = to.entry[Block.FLAGS_IN_HOST];
    }
  }

  /**
   * {@link Block#MODE_NARROW} if the block to go on at must be a narrow one: where a probe was too
   * wide, and in place of a narrow one, which must not lead to the block whose probe it was.
   */
  private int narrow(int site, byte kind) {
    return switch (kind) {
      case Sites.NARROW -> Block.MODE_NARROW;
      case Sites.STALE, Sites.CHANGED, Sites.SETTLED -> {
        Block from = sites.block(site);
        yield from == null ? 0 : from.mode & Block.MODE_NARROW;
      }
      default -> 0;
    };
  }

  /** Lets generated code deliver the next page fault of a site. */
  private void rememberFault(int site) {
    FlagSource source = sites.source(site);
    PageFaultThunks.remember(cpu, sites, site, source == null ? 0 : cache.flags(source));
    if (sites.saved(site)) {
      rememberPromise();
    }
  }

  /** The same for the flags that it was left with, if those were promised. */
  private void rememberPromise() {
    if ((flagsFound & Layout.FLAGS_REAL) == 0 && !counting) {
      int promise = Layout.promised(flagsFound);
      FlagSource from = sites.source(promise);
      if (from != null) {
        PageFaultThunks.rememberPromise(cpu, promise, cache.flags(from));
      }
    }
  }

  /** Puts the status flags at a site to {@link Layout#FLAGS}, wherever they are. */
  private void findFlags(int site) {
    FlagSource source = sites.source(site);
    int raw = RawMemory.getInt(state + Layout.FLAGS);
    flagsFound = raw;
    boolean told = (raw & Layout.FLAGS_REAL) == 0 && raw >= 0;
    if (sites.kind(site) == Sites.LOOKUP) {
      // Before the flags take the place of what tells it.
      int promise = told ? Layout.promised(raw) : 0;
      jumpSite =
          told && sites.kind(promise) == Sites.JUMP
              ? promise
              : RawMemory.getInt(state + Layout.JUMP_SITE);
    }
    if (sites.saved(site)) {
      if ((raw & Layout.FLAGS_REAL) != 0) {
        return;
      }
      int promise = Layout.promised(raw);
      source = sites.source(promise);
      if (sites.kind(site) == Sites.WANTED) {
        cache.saveFlags(promise);
      }
    }
    if (source == null) {
      RawMemory.putShort(state + Layout.FLAGS, RawMemory.getShort(state + Layout.EXIT_FLAGS));
    } else {
      source.compute(cpu);
      putFlags(cpu.statusFlags());
    }
  }

  private void putFlags(int status) {
    int raw = (status >> 11 & 1) | ((status & 0xd5) | 2) << 8;
    RawMemory.putShort(state + Layout.FLAGS, (short) raw);
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
      Insn insn = cache.decode(rip);
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
      if (attention()) {
        return 0;
      }
      Form form = insn.form;
      boolean plain = form != null && form.group() != Group.SYSTEM;
      if (!plain || !CodeCache.sameRun(from, next) || !cache.single()) {
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

  /**
   * Leaves for an event before the instruction at {@code rip}, or, where generated code does not
   * keep the status flags as nothing sees them before they are set again, after that: the event's
   * frame shows them.
   */
  private int settle(long rip, int mode) {
    leave(rip, 0);
    Block block = cache.find(rip, mode);
    int unknown = block != null && block.flagsDead ? Rflags.STATUS : 0;
    while (unknown != 0) {
      Insn insn = cache.decode(cpu.rip());
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
    Block block = cache.containing(at);
    long[] latest = new long[WAY];
    for (int i = 0; i < WAY; i++) {
      latest[i] = way[(int) (entered - 1 - i) & (WAY - 1)];
    }
    failure = FaultReport.of(state, block, cache.begin(), cache.end(), latest);
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
    Insn insn = cache.decode(rip);
    if (insn == null) {
      return leave(rip, 1);
    }
    if (insn.op == Op.RET) {
      cpu.gpr(4, cpu.gpr(4) - 8 - insn.imm);
    }
    return aid(insn) ? leave(cpu.nextRip(), 0) : FAULT;
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
    int alignment = sites.aligned(site);
    return alignment != 0 && (linear + sites.offset(site) & alignment - 1) != 0;
  }

  private long resume(int site) {
    Block block = sites.block(site);
    if (block != null && (block.vectors || block.x87)) {
      RawMemory.putLong(state + Layout.RESUME, sites.host(site));
      return thunks.resume(block);
    }
    return sites.host(site);
  }

  private int leave(long rip, int blocks) {
    cpu.rip(rip);
    takeFlags();
    return blocks;
  }

  @Override
  public void written(long physical, int length) {
    cache.written(physical, length);
  }

  @Override
  public void dropAll() {
    cache.dropAll();
  }

  @Override
  public void hostCode(HostCodeListener listener) {
    cache.hostCode(listener);
  }

  @Override
  public void count(Map<String, Long> counters) {
    cache.count(counters);
    counters.put("generated code entered", entered);
    counters.put("left to chain", left[Sites.CHAIN]);
    counters.put("left to look up", left[Sites.LOOKUP]);
    counters.put("left to interpret", left[Sites.INTERPRET]);
    counters.put("left for loads", left[Sites.READ_MISS]);
    counters.put("left for stores", left[Sites.WRITE_MISS]);
    counters.put("left at an entry", left[Sites.ENTRY]);
    counters.put("left for narrow probes", left[Sites.NARROW]);
    counters.put("left stale code", left[Sites.STALE]);
    counters.put("left for promised flags", left[Sites.WANTED]);
    counters.put("left changed code", left[Sites.CHANGED]);
    counters.put("left settled code", left[Sites.SETTLED]);
    counters.put("left for Java's aid", left[Sites.AID]);
    counters.put("aided after misses", missesAided);
    counters.put("executed one by one", singles);
    counters.put("walks in generated code", WalkThunks.walks(cpu));
    counters.put("walks for code in generated code", WalkThunks.codeWalks(cpu));
    counters.put("page faults in generated code", PageFaultThunks.delivered(cpu));
    counters.merge("page faults", PageFaultThunks.delivered(cpu), Long::sum);
    counters.merge("exceptions", PageFaultThunks.delivered(cpu), Long::sum);
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
    cache.close();
  }
}
