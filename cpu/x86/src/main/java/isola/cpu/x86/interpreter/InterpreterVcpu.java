package isola.cpu.x86.interpreter;

import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.HostCodeListener;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;
import isola.cpu.x86.system.DebugRegisters;
import isola.cpu.x86.system.EventKind;
import isola.cpu.x86.system.Events;
import isola.cpu.x86.system.PowerOn;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A processor on the interpreter: what happens between instructions. See the package for threads.
 */
final class InterpreterVcpu implements Vcpu {
  private static final int NOTICES = 256;

  private final int index;
  private final long state;
  private final Cpu cpu;
  private final BlockCache cache;
  private final Executor executor;
  private final Standstill standstill;
  private final ExitRecord exit = new ExitRecord();
  private final int stateSize;
  private final @Nullable Accelerator accelerator;

  private volatile @Nullable Thread owner;
  private volatile Runnable wake = () -> {};
  private boolean open = true;

  // Code written by others, yet to be dropped; guarded by notices.
  private final long[] notices = new long[NOTICES];
  private int noticed;
  private boolean tooMany;

  /** Whether instructions are counted exactly, and what the owner itself has signalled since. */
  private boolean counting;

  private int waitingSignals;

  private final long[] exits = new long[Exit.values().length];
  private final long[] exceptions = new long[32];
  private long interrupts;

  InterpreterVcpu(
      int index,
      GuestMemory memory,
      VcpuWiring wiring,
      CodePages codePages,
      Standstill standstill,
      Accelerator.@Nullable Factory accelerators) {
    this.index = index;
    this.standstill = standstill;
    stateSize = accelerators == null ? Cpu.STATE_SIZE : accelerators.stateSize();
    state = HostMemory.installed().reserve(stateSize, "processor state");
    cpu = new Cpu(state, memory, wiring);
    cpu.exclusive = standstill;
    cache = new BlockCache(index, codePages, standstill);
    executor = new Executor(cpu, cache);
    accelerator = accelerators == null ? null : accelerators.create(cpu, memory, new Holder());
    reset();
  }

  private final class Holder implements Accelerator.CodeHolder {
    @Override
    public void hold(long page) {
      cache.holdAccelerated(page);
    }

    @Override
    public void release(long page) {
      cache.releaseAccelerated(page);
    }
  }

  Cpu cpu() {
    return cpu;
  }

  @Override
  public int index() {
    return index;
  }

  @Override
  public ExitRecord exit() {
    return exit;
  }

  @Override
  public long state() {
    return state;
  }

  @Override
  public void pull() {
    // run() leaves the state up to date.
  }

  @Override
  public void push() {
    cpu.load();
    executor.retired(cpu.field(CpuState.INSTRUCTIONS));
  }

  @Override
  public void reset() {
    PowerOn.reset(cpu);
    if (index != 0) {
      cpu.intField(CpuState.ACTIVITY, Activity.WAIT_FOR_SIPI);
    }
    RawMemory.putIntVolatile(state + CpuState.ATTENTION, Attention.BOUNDARY);
    executor.retired(0);
    flush();
  }

  private void flush() {
    cpu.field(CpuState.INSTRUCTIONS, executor.retired());
    cpu.flush();
  }

  // Signals, from any thread.

  private void signal(int bits) {
    if (counting && bits != Attention.KICK && owner == Thread.currentThread()) {
      // See INSTRUCTION_LIMIT.
      waitingSignals |= bits;
      cpu.intField(CpuState.INTERRUPT_DEFERRED, 1);
      return;
    }
    RawMemory.getAndOrInt(state + CpuState.ATTENTION, bits);
    wake.run();
  }

  @Override
  public void interruptRaised() {
    signal(Attention.INTERRUPT);
  }

  @Override
  public void nmi() {
    // Of two that come before either is served, one is latched; while one is served, one is kept.
    // The processor may take the first meanwhile: then the look at it is out of date, and begins
    // anew.
    long attention = state + CpuState.ATTENTION;
    int old;
    int latched;
    do {
      old = RawMemory.getIntVolatile(attention);
      if ((old & Attention.NMI) == 0) {
        latched = old | Attention.NMI;
      } else if (RawMemory.getIntVolatile(state + CpuState.NMI_BLOCKED) == 0) {
        latched = old | Attention.NMI_AGAIN;
      } else {
        latched = old;
      }
    } while (!RawMemory.casInt(attention, old, latched));
    wake.run();
  }

  @Override
  public void init() {
    signal(Attention.INIT);
  }

  @Override
  public void unhalt() {
    RawMemory.putIntVolatile(state + CpuState.UNHALTED, 1);
    wake.run();
  }

  @Override
  public void startup(int vector) {
    RawMemory.putIntVolatile(state + CpuState.STARTUP_VECTOR, vector & 0xff);
    signal(Attention.STARTUP);
  }

  @Override
  public void kick() {
    signal(Attention.KICK);
  }

  @Override
  public void onWake(Runnable action) {
    wake = action;
  }

  @Override
  public boolean runnable() {
    int attention = RawMemory.getIntVolatile(state + CpuState.ATTENTION) | waitingSignals;
    int activity = RawMemory.getIntVolatile(state + CpuState.ACTIVITY);
    if ((attention & (Attention.INIT | Attention.KICK)) != 0) {
      return true;
    }
    return switch (activity) {
      case Activity.HALTED ->
          (attention & Attention.NMI) != 0
              || RawMemory.getIntVolatile(state + CpuState.UNHALTED) != 0
              || ((RawMemory.getInt(state + CpuState.RFLAGS) & Rflags.IF) != 0
                  && cpu.wiring.interrupts().pending());
      case Activity.WAIT_FOR_SIPI -> (attention & Attention.STARTUP) != 0;
      case Activity.SHUTDOWN -> false;
      default -> true;
    };
  }

  /** Guest code is about to change. Any thread. */
  void codeWritten(long physical, int length) {
    if (owner == Thread.currentThread()) {
      written(physical, length);
      return;
    }
    synchronized (notices) {
      if (noticed < NOTICES) {
        notices[noticed++] = physical << 12 | (length & 4095);
      } else {
        tooMany = true;
      }
    }
    RawMemory.getAndOrInt(state + CpuState.ATTENTION, Attention.FLUSH);
  }

  private void written(long physical, int length) {
    if (accelerator != null) {
      accelerator.written(physical, length);
    }
    cache.written(physical, length);
  }

  private void takeNotices() {
    synchronized (notices) {
      if (tooMany) {
        executor.dropAll();
        if (accelerator != null) {
          accelerator.dropAll();
        }
      } else {
        for (int i = 0; i < noticed; i++) {
          int length = (int) (notices[i] & 4095);
          written(notices[i] >>> 12, length == 0 ? 4096 : length);
        }
      }
      noticed = 0;
      tooMany = false;
    }
  }

  // Running.

  @Override
  public Exit run() {
    long limit = cpu.field(CpuState.INSTRUCTION_LIMIT);
    long budget = Long.MAX_VALUE;
    owner = Thread.currentThread();
    counting = limit != 0 && limit != Long.MAX_VALUE;
    standstill.begin();
    if (waitingSignals != 0) {
      cpu.attention(waitingSignals);
      waitingSignals = 0;
    }
    try {
      while (true) {
        if (attention() != 0) {
          Exit why = boundary();
          if (why != null) {
            return left(why);
          }
        }
        boolean fine;
        if (limit != 0) {
          if (executor.retired() >= limit) {
            return left(Exit.KICK);
          }
          budget = limit - executor.retired();
        }
        if (careful) {
          fine = step();
        } else if (accelerator == null) {
          fine = limit == 0 ? executor.run() : interpret(Integer.MAX_VALUE, budget);
        } else {
          cpu.field(CpuState.INSTRUCTIONS, executor.retired());
          int blocks = accelerator.run();
          executor.retired(executor.retired() + accelerator.retired());
          budget -= accelerator.retired();
          if (blocks == Accelerator.FAILED) {
            exit.detail = accelerator.failure();
            return left(Exit.INTERNAL_ERROR);
          }
          if (blocks == Accelerator.FAULT) {
            if (!exception(accelerator.faultVector(), accelerator.faultError())) {
              return left(shutdown());
            }
            continue;
          }
          fine = blocks == 0 || interpret(blocks, budget);
        }
        if (!fine && !exception(executor.faultVector(), executor.faultError())) {
          return left(shutdown());
        }
      }
    } finally {
      flush();
      standstill.end();
      owner = null;
    }
  }

  /** Executes blocks, and no more than {@code most} instructions; false after a fault. */
  private boolean interpret(int blocks, long most) {
    long whole = most / Block.LIMIT;
    if (most > 0 && whole == 0) {
      // The next boundary ends what would go on with the next block.
      cpu.attention(Attention.BOUNDARY);
      return step();
    }
    return most <= 0 || executor.run((int) Math.min(blocks, whole));
  }

  @SuppressWarnings("EnumOrdinal")
  private Exit left(Exit why) {
    exits[why.ordinal()]++;
    return why;
  }

  private int attention() {
    return RawMemory.getIntVolatile(state + CpuState.ATTENTION);
  }

  private void clear(int bits) {
    RawMemory.getAndAndInt(state + CpuState.ATTENTION, ~bits);
  }

  private Exit shutdown() {
    cpu.intField(CpuState.ACTIVITY, Activity.SHUTDOWN);
    exit.detail =
        "processor %d shut down (triple fault) at %x:%x"
            .formatted(index, cpu.selector(Segment.CS), cpu.rip());
    return Exit.SHUTDOWN;
  }

  private boolean exception(int vector, int error) {
    exceptions[vector & 31]++;
    return Events.deliver(cpu, EventKind.EXCEPTION, vector, error);
  }

  /** Whether the next instruction runs alone. */
  private boolean careful;

  /** Sees to all that waits; an exit, or null to go on. */
  private @Nullable Exit boundary() {
    int waiting = attention();
    clear(waiting & (Attention.RENDEZVOUS | Attention.FLUSH | Attention.BOUNDARY | Attention.KICK));
    if ((waiting & Attention.RENDEZVOUS) != 0) {
      standstill.pause();
    }
    if ((waiting & Attention.FLUSH) != 0) {
      takeNotices();
    }
    if ((waiting & Attention.KICK) != 0) {
      if ((waiting & Attention.BOUNDARY) != 0) {
        cpu.attention(Attention.BOUNDARY);
      }
      return Exit.KICK;
    }
    if ((waiting & (Attention.INIT | Attention.STARTUP)) != 0) {
      start(waiting);
    }
    if (cpu.intField(CpuState.EVENT) != 0 && !Events.finish(cpu)) {
      return shutdown();
    }
    switch (cpu.intField(CpuState.ACTIVITY)) {
      case Activity.SHUTDOWN -> {
        return shutdown();
      }
      case Activity.WAIT_FOR_SIPI -> {
        cpu.attention(Attention.BOUNDARY);
        return Exit.HALT;
      }
      default -> {}
    }
    if (!traps() || !events()) {
      return shutdown();
    }
    if (cpu.intField(CpuState.ACTIVITY) == Activity.HALTED) {
      if (RawMemory.getIntVolatile(state + CpuState.UNHALTED) == 0) {
        cpu.attention(Attention.BOUNDARY);
        return Exit.HALT;
      }
      RawMemory.putIntVolatile(state + CpuState.UNHALTED, 0);
      cpu.intField(CpuState.ACTIVITY, Activity.ACTIVE);
    }
    careful =
        (cpu.systemFlags() & (Rflags.TF | Rflags.RF)) != 0
            || cpu.intField(CpuState.INTERRUPT_SHADOW) != 0
            || DebugRegisters.watchesCode(cpu)
            || DebugRegisters.watchesPorts(cpu)
            || cpu.watching();
    if (careful) {
      cpu.attention(Attention.BOUNDARY);
    }
    return null;
  }

  private void start(int waiting) {
    if ((waiting & Attention.INIT) != 0) {
      // A start-up IPI that came meanwhile is for the processor that INIT leaves behind.
      clear(Attention.INIT | Attention.NMI | Attention.NMI_AGAIN);
      if (index == 0) {
        PowerOn.init(cpu);
      } else {
        PowerOn.initAndWait(cpu);
      }
      cpu.flushTlb(true);
    }
    if ((attention() & Attention.STARTUP) != 0) {
      clear(Attention.STARTUP);
      if (cpu.intField(CpuState.ACTIVITY) == Activity.WAIT_FOR_SIPI) {
        PowerOn.startup(cpu, RawMemory.getIntVolatile(state + CpuState.STARTUP_VECTOR));
      }
    }
  }

  /** Delivers debug traps that the last instruction left; false on a triple fault. */
  private boolean traps() {
    if (cpu.intField(CpuState.INTERRUPT_SHADOW) == 2) {
      return true;
    }
    int hits = cpu.takeBreakpointHits();
    if (hits == 0) {
      return true;
    }
    DebugRegisters.record(cpu, hits);
    return exception(Vector.DB, Fault.NO_ERROR_CODE);
  }

  /** Delivers an NMI or interrupt if one can be taken; false on a triple fault. */
  private boolean events() {
    boolean shadow = cpu.intField(CpuState.INTERRUPT_SHADOW) != 0;
    if ((attention() & Attention.NMI) != 0 && !shadow && cpu.intField(CpuState.NMI_BLOCKED) == 0) {
      takeNmi();
      return Events.deliver(cpu, EventKind.NMI, Vector.NMI, Fault.NO_ERROR_CODE);
    }
    if ((attention() & Attention.INTERRUPT) == 0 || shadow) {
      return true;
    }
    // What comes meanwhile sets the bit again; when IF is set, the port is asked anew.
    clear(Attention.INTERRUPT);
    if ((cpu.systemFlags() & Rflags.IF) == 0) {
      cpu.intField(CpuState.INTERRUPT_DEFERRED, 1);
    }
    if ((cpu.systemFlags() & Rflags.IF) == 0 || !cpu.wiring.interrupts().pending()) {
      return true;
    }
    int vector = cpu.wiring.interrupts().acknowledge();
    if (vector < 0) {
      return true;
    }
    interrupts++;
    boolean fine = Events.deliver(cpu, EventKind.EXTERNAL, vector, Fault.NO_ERROR_CODE);
    cpu.checkInterrupts();
    return fine;
  }

  /** Takes one of the latched NMIs, in one step: another may be latched at this moment. */
  private void takeNmi() {
    long attention = state + CpuState.ATTENTION;
    int old;
    int bit;
    do {
      old = RawMemory.getIntVolatile(attention);
      bit = (old & Attention.NMI_AGAIN) != 0 ? Attention.NMI_AGAIN : Attention.NMI;
    } while (!RawMemory.casInt(attention, old, old & ~bit));
  }

  /** Executes one instruction with all that may happen around it; false after a fault. */
  private boolean step() {
    int flags = cpu.systemFlags();
    boolean resumed = (flags & Rflags.RF) != 0;
    boolean traced = (flags & Rflags.TF) != 0;
    if (!resumed && DebugRegisters.watchesCode(cpu)) {
      long linear = cpu.rip() + cpu.effectiveBase(Segment.CS);
      int hits = DebugRegisters.codeHits(cpu, cpu.is64() ? linear : linear & 0xffff_ffffL);
      if (hits != 0 && cpu.intField(CpuState.INTERRUPT_SHADOW) != 2) {
        DebugRegisters.record(cpu, hits);
        if (!exception(Vector.DB, Fault.NO_ERROR_CODE)) {
          cpu.intField(CpuState.ACTIVITY, Activity.SHUTDOWN);
        }
        return true;
      }
    }
    int shadow = cpu.intField(CpuState.INTERRUPT_SHADOW);
    cpu.intField(CpuState.INTERRUPT_SHADOW, 0);
    cpu.stepping(traced);
    Insn done = executor.step();
    cpu.stepping(false);
    if (done == null) {
      cpu.intField(CpuState.INTERRUPT_SHADOW, shadow);
      return false;
    }
    if (resumed && done.op != Op.IRET) {
      cpu.clearResume();
    }
    boolean inhibited = cpu.intField(CpuState.INTERRUPT_SHADOW) == 2;
    boolean branches = (cpu.field(CpuState.DEBUGCTL) & MsrSpec.DEBUGCTL_BTF) != 0;
    if (traced && !inhibited && !leavesTrace(done.op) && (!branches || branched(done))) {
      cpu.postDebug(DebugSpec.BS);
    }
    return true;
  }

  /** Whether an instruction took a branch: what traps under DEBUGCTL.BTF (vol. 3B 17.4.3). */
  private boolean branched(Insn done) {
    return switch (done.op) {
      case CALL, RET, JMP, CALLF, RETF, JMPF, IRET, SYSRET, SYSEXIT -> true;
      case MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS -> false;
      default -> {
        long next = done.rip + done.length;
        yield cpu.rip() != (cpu.is64() ? next : next & 0xffff_ffffL);
      }
    };
  }

  /** Whether single-stepping does not trap after an instruction that clears TF on its way. */
  private static boolean leavesTrace(Op op) {
    return switch (op) {
      case INT, INT1, INT3, INTO, SYSCALL, SYSENTER -> true;
      default -> false;
    };
  }

  @Override
  public Map<String, Long> counters() {
    Map<String, Long> counters = new LinkedHashMap<>();
    counters.put("instructions", executor.retired());
    counters.put("tlb misses", cpu.mmu.walks());
    counters.put("blocks decoded", cache.built());
    counters.put("code cache flushes", cache.flushes());
    counters.put("interrupts", interrupts);
    long all = 0;
    for (long count : exceptions) {
      all += count;
    }
    counters.put("exceptions", all);
    counters.put("page faults", exceptions[Vector.PF]);
    counters.put("unknown MSR accesses", cpu.unknownMsrs());
    if (accelerator != null) {
      accelerator.count(counters);
    }
    Exit[] kinds = Exit.values();
    for (int i = 0; i < kinds.length; i++) {
      if (exits[i] != 0) {
        counters.put("exits " + kinds[i], exits[i]);
      }
    }
    return counters;
  }

  @Override
  public void hostCode(HostCodeListener listener) {
    if (accelerator != null) {
      accelerator.hostCode(listener);
    }
  }

  @Override
  public void close() {
    if (open) {
      open = false;
      if (accelerator != null) {
        accelerator.close();
      }
      HostMemory.installed().release(state, stateSize);
    }
  }
}
