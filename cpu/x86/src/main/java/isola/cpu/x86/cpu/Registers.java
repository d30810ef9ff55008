package isola.cpu.x86.cpu;

import isola.core.cpu.VcpuWiring;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/**
 * The registers that instructions name, the instruction pointer and RFLAGS among them, and the
 * faults that instructions raise. Owner thread only, unless a method says otherwise.
 */
public abstract sealed class Registers permits Segmentation {
  /** Host address of the state, laid out by {@link CpuState}. */
  public final long state;

  /** What the processor is connected to. */
  public final VcpuWiring wiring;

  /** The status flags. */
  public final Flags flags = new Flags();

  /** RFLAGS without the status flags. */
  private int flagSystem = Rflags.RESERVED_1;

  // Where execution is.
  private long rip;
  private long nextRip;

  /** Kept here because the instruction pointer wraps by it; {@link Segmentation} sets it. */
  boolean is64;

  private final Fault fault = new Fault();

  Registers(long state, VcpuWiring wiring) {
    this.state = state;
    this.wiring = wiring;
  }

  /**
   * To be called after any change of CR0, CR4, EFER, CS or SS attributes, CPL, RFLAGS.VM, RFLAGS.AC
   * or DR7: works out anew what depends on them. Does not drop translations.
   */
  public abstract void modeChanged();

  // The state block.

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

  // Registers.

  /** General register {@code r} (0 to 15), all 64 bits. */
  public long gpr(int r) {
    return RawMemory.getLong(state + CpuState.GPR + ((long) r << 3));
  }

  /** Sets all 64 bits of general register {@code r} (0 to 15). */
  public void gpr(int r, long value) {
    RawMemory.putLong(state + CpuState.GPR + ((long) r << 3), value);
  }

  /**
   * General register {@code r} at an operand size of 1, 2, 4 or 8 bytes, zero-extended. Byte
   * registers 4 to 7 are AH to BH unless {@code rex}.
   */
  public long reg(int r, int size, boolean rex) {
    long at = state + CpuState.GPR + ((long) r << 3);
    return switch (size) {
      case 1 ->
          (!rex && r >= 4 && r < 8 ? RawMemory.getByte(at - 31) : RawMemory.getByte(at)) & 0xffL;
      case 2 -> RawMemory.getShort(at) & 0xffffL;
      case 4 -> RawMemory.getInt(at) & 0xffff_ffffL;
      default -> RawMemory.getLong(at);
    };
  }

  /** Sets a general register as {@link #reg(int, int, boolean)} names it; 4 bytes zero-extend. */
  public void reg(int r, int size, boolean rex, long value) {
    long at = state + CpuState.GPR + ((long) r << 3);
    switch (size) {
      case 1 -> {
        if (!rex && r >= 4 && r < 8) {
          RawMemory.putByte(at - 31, (byte) value);
        } else {
          RawMemory.putLong(at, (RawMemory.getLong(at) & ~0xffL) | (value & 0xff));
        }
      }
      case 2 -> RawMemory.putLong(at, (RawMemory.getLong(at) & ~0xffffL) | (value & 0xffff));
      case 4 -> RawMemory.putLong(at, value & 0xffff_ffffL);
      default -> RawMemory.putLong(at, value);
    }
  }

  /** Low 64 bits of XMM register {@code r}. */
  public long xmmLow(int r) {
    return RawMemory.getLong(state + CpuState.XMM + ((long) r << 4));
  }

  /** High 64 bits of XMM register {@code r}. */
  public long xmmHigh(int r) {
    return RawMemory.getLong(state + CpuState.XMM + ((long) r << 4) + 8);
  }

  /** Sets XMM register {@code r}. */
  public void xmm(int r, long low, long high) {
    RawMemory.putLong(state + CpuState.XMM + ((long) r << 4), low);
    RawMemory.putLong(state + CpuState.XMM + ((long) r << 4) + 8, high);
  }

  /** Address of the instruction that executes, relative to CS. */
  public long rip() {
    return rip;
  }

  /** Sets the address of the current instruction; {@link #nextRip} is for branches. */
  public void rip(long value) {
    rip = value;
  }

  /** Where execution goes on after this instruction. */
  public long nextRip() {
    return nextRip;
  }

  /** Branches. The value must be truncated to the mode and checked by the caller. */
  public void nextRip(long value) {
    nextRip = value;
  }

  /** Begins an instruction of {@code length} bytes at {@code at}. */
  public void begin(long at, int length) {
    rip = at;
    nextRip = is64 ? at + length : (at + length) & 0xffff_ffffL;
  }

  /** Whether 64-bit code executes: EFER.LMA and CS.L. */
  public boolean is64() {
    return is64;
  }

  /** RFLAGS. */
  public long rflags() {
    return flagSystem | statusFlags();
  }

  /** The six status flags as they stand in RFLAGS. */
  public int statusFlags() {
    return flags.value();
  }

  /** Sets RFLAGS whole; what follows from TF, IF, AC, VM and RF is seen to. */
  public void rflags(long value) {
    int old = flagSystem;
    splitFlags((int) value);
    int changed = old ^ flagSystem;
    if ((changed & (Rflags.TF | Rflags.AC | Rflags.VM)) != 0) {
      modeChanged();
    }
    if ((flagSystem & (Rflags.TF | Rflags.RF)) != 0) {
      attention(Attention.BOUNDARY);
    }
    if ((changed & flagSystem & Rflags.IF) != 0 && wiring.interrupts().pending()) {
      attention(Attention.INTERRUPT);
    }
  }

  final void splitFlags(int value) {
    flagSystem = (value & ~Rflags.STATUS) | Rflags.RESERVED_1;
    statusFlags(value);
  }

  /** Sets the six status flags at once; other bits of the argument do not count. */
  public void statusFlags(int value) {
    flags.value(value);
  }

  /** CF as 0 or 1. */
  public int carry() {
    return (int) (flags.carry >>> 63);
  }

  /** Sets CF alone. */
  public void carry(boolean set) {
    flags.carry(set);
  }

  /** Sets ZF alone. */
  public void zero(boolean set) {
    int value = flags.value();
    flags.value(set ? value | Rflags.ZF : value & ~Rflags.ZF);
  }

  /** RFLAGS bits other than the status flags, without working those out. */
  public int systemFlags() {
    return flagSystem;
  }

  /**
   * Sets RFLAGS but for the status flags as code left them that the {@link
   * isola.cpu.x86.interpreter.Accelerator} ran; if AC changed, {@link Segmentation#privilegeMoved}
   * must follow.
   */
  public void systemFlags(int value) {
    if ((value & Rflags.IF) != 0) {
      interruptFlag(true);
    }
    flagSystem = value;
  }

  /** Sets IF alone. */
  public void interruptFlag(boolean enabled) {
    if (enabled) {
      if ((flagSystem & Rflags.IF) == 0) {
        flagSystem |= Rflags.IF;
        if (wiring.interrupts().pending()) {
          attention(Attention.INTERRUPT);
        }
      }
    } else {
      flagSystem &= ~Rflags.IF;
    }
  }

  /** Sets DF alone. */
  public void directionFlag(boolean down) {
    flagSystem = down ? flagSystem | Rflags.DF : flagSystem & ~Rflags.DF;
  }

  /** Clears RF, as every instruction does that completes. */
  public void clearResume() {
    flagSystem &= ~Rflags.RF;
  }

  // Control registers.

  public long cr0() {
    return field(CpuState.CR0);
  }

  public long cr3() {
    return field(CpuState.CR3);
  }

  public long cr4() {
    return field(CpuState.CR4);
  }

  public long efer() {
    return field(CpuState.EFER);
  }

  // Faults.

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

  /** Asks for care at the next instruction boundary, see {@link Attention}. Any thread. */
  public void attention(int bits) {
    RawMemory.getAndOrInt(state + CpuState.ATTENTION, bits);
  }

  /** To be called after a write that may have let an interrupt through: CR8, a local APIC MSR. */
  public void checkInterrupts() {
    if (wiring.interrupts().pending()) {
      attention(Attention.INTERRUPT);
    }
  }
}
