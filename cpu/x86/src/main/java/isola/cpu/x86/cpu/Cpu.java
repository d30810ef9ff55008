package isola.cpu.x86.cpu;

import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * One processor as instruction semantics see it: named access to its state, faults, and memory
 * through segmentation and paging. Owner thread only.
 */
public final class Cpu {
  /** Host address of the state, laid out by {@link CpuState}. */
  public final long state;

  /** The machine's physical memory. */
  public final GuestMemory memory;

  /** What the processor is connected to. */
  public final VcpuWiring wiring;

  private final Fault fault = new Fault();

  /** A processor over state that the caller reserved and keeps alive. */
  public Cpu(long state, GuestMemory memory, VcpuWiring wiring) {
    this.state = state;
    this.memory = memory;
    this.wiring = wiring;
  }

  /** General register {@code r} (0 to 15), all 64 bits. */
  public long gpr(int r) {
    return RawMemory.getLong(state + CpuState.GPR + ((long) r << 3));
  }

  /** Sets all 64 bits of general register {@code r} (0 to 15). */
  public void gpr(int r, long value) {
    RawMemory.putLong(state + CpuState.GPR + ((long) r << 3), value);
  }

  /** An 8-byte field of the state by its offset. */
  public long field(int offset) {
    return RawMemory.getLong(state + offset);
  }

  /** Sets an 8-byte field of the state by its offset. */
  public void field(int offset, long value) {
    RawMemory.putLong(state + offset, value);
  }

  /** A 4-byte field of the state by its offset. */
  public int intField(int offset) {
    return RawMemory.getInt(state + offset);
  }

  /** Sets a 4-byte field of the state by its offset. */
  public void intField(int offset, int value) {
    RawMemory.putInt(state + offset, value);
  }

  /** To be thrown: an exception without error code. */
  public Fault fault(int vector) {
    return fault.with(vector, Fault.NO_ERROR_CODE);
  }

  /** To be thrown: an exception with an error code. */
  public Fault fault(int vector, int errorCode) {
    return fault.with(vector, errorCode);
  }

  /** To be thrown: #GP(0). */
  public Fault gp() {
    return fault.with(Vector.GP, 0);
  }

  /** To be thrown: #UD. */
  public Fault ud() {
    return fault.with(Vector.UD, Fault.NO_ERROR_CODE);
  }
}
