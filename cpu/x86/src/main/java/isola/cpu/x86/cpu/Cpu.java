package isola.cpu.x86.cpu;

import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.arith.SseFloat;
import isola.cpu.x86.arith.Transcendental;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;
import org.jspecify.annotations.Nullable;

/**
 * One processor as instruction semantics see it: named access to its state, faults, and memory
 * through segmentation and paging. Owner thread only.
 *
 * <p>The instruction pointer and RFLAGS are kept here while the processor runs; {@link #flush}
 * writes them to the state, {@link #load} reads them back.
 */
public final class Cpu extends LinearMemory {
  /** Bytes that the state of a processor takes, software TLB included; page-aligned. */
  public static final int STATE_SIZE = Tlb.OFFSET + Tlb.SIZE;

  /** x87 arithmetic. */
  public final Float80 float80 = new Float80();

  /** SSE arithmetic. */
  public final SseFloat sseFloat = new SseFloat();

  /** Where an instruction with VEX stands. */
  public final VectorLane lane = new VectorLane();

  private @Nullable Transcendental transcendental;

  private boolean stepping;

  /** Makes all processors of the machine stand still. */
  public Exclusive exclusive = Exclusive.ALONE;

  private long unknownMsrs;
  private int lastUnknownMsr;

  /** A processor over state that the caller reserved and keeps alive. */
  public Cpu(long state, GuestMemory memory, VcpuWiring wiring) {
    super(state, memory, wiring);
    load();
  }

  /** Writes what is kept here to the state: RIP and RFLAGS. */
  public void flush() {
    field(CpuState.RIP, rip());
    field(CpuState.RFLAGS, rflags());
    intField(CpuState.CPL, cpl());
  }

  /**
   * Takes over a state that was changed from outside; drops everything derived from the old one.
   */
  public void load() {
    rip(field(CpuState.RIP));
    nextRip(rip());
    splitFlags((int) field(CpuState.RFLAGS));
    cpl(intField(CpuState.CPL));
    modeChanged();
    mmu.adoptPdptes();
    tlb.flushAll();
    attention(Attention.FLUSH);
  }

  /** Counts an access to a model-specific register that this processor does not have. */
  public void unknownMsr(int index) {
    unknownMsrs++;
    lastUnknownMsr = index;
  }

  /** How many accesses {@link #unknownMsr} counted. */
  public long unknownMsrs() {
    return unknownMsrs;
  }

  /** The last index that {@link #unknownMsr} was told. */
  public int lastUnknownMsr() {
    return lastUnknownMsr;
  }

  /** The transcendental functions of x87; their constants are worked out at the first use. */
  public Transcendental transcendental() {
    Transcendental t = transcendental;
    if (t == null) {
      t = new Transcendental();
      transcendental = t;
    }
    return t;
  }

  /** Whether the processor executes one instruction at a time, so that repeats must stop. */
  public boolean stepping() {
    return stepping;
  }

  /** Sets {@link #stepping}. */
  public void stepping(boolean one) {
    stepping = one;
  }
}
