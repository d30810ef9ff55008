package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;

/**
 * A stack that a transfer of control pushes to: first {@link #check} that all will fit, then {@link
 * #push}, then make it the processor's. Nothing of the processor changes meanwhile.
 */
final class Stack {
  private static final int GPR_SP = 4;

  private final Cpu cpu;

  /** Whether this is the stack in use now, accessed through SS as ordinary pushes are. */
  private final boolean current;

  private final boolean supervisor;
  private final boolean wide;
  private final long base;
  private final long first;
  private final long last;
  private final long mask;
  private final int error;
  private long pointer;

  private Stack(
      Cpu cpu,
      boolean current,
      boolean supervisor,
      boolean wide,
      int attributes,
      long base,
      long limit,
      long pointer,
      int error) {
    this.cpu = cpu;
    this.current = current;
    this.supervisor = supervisor;
    this.wide = wide;
    this.base = base;
    boolean big = (attributes & Attribute.DB) != 0;
    boolean down = (attributes & (Attribute.CODE | Attribute.EXPAND_DOWN)) == Attribute.EXPAND_DOWN;
    first = down ? limit + 1 : 0;
    last = !down ? limit : big ? 0xffff_ffffL : 0xffff;
    mask = wide ? -1L : big ? 0xffff_ffffL : 0xffff;
    this.pointer = pointer;
    this.error = error;
  }

  /** The stack in use; faults are #SS(0). */
  static Stack current(Cpu cpu) {
    return new Stack(
        cpu, true, false, cpu.is64(), cpu.attributes(Segment.SS), 0, 0, cpu.gpr(GPR_SP), 0);
  }

  /**
   * A stack in a segment yet to be loaded.
   *
   * @param privilege privilege level of its pushes
   * @param selector its selector, which is also the error code of its #SS
   */
  static Stack in(Cpu cpu, int privilege, int selector, long descriptor, long pointer) {
    return new Stack(
        cpu,
        false,
        privilege < 3,
        false,
        Descriptor.attributes(descriptor),
        Descriptor.base(descriptor),
        Descriptor.limit(descriptor),
        pointer,
        selector & 0xfffc);
  }

  /** A stack in 64-bit mode. */
  static Stack in64(Cpu cpu, int privilege, long pointer) {
    return new Stack(cpu, false, privilege < 3, true, 0, 0, 0, pointer, 0);
  }

  /** Raises what pushing {@code count} values of {@code size} bytes would raise. */
  void check(int count, int size) {
    long at = pointer;
    for (int i = 0; i < count; i++) {
      at = at - size & mask;
      if (current) {
        cpu.checkStore(Segment.SS, at, size);
      } else {
        cpu.checkStoreLinear(linear(at, size), size, supervisor);
      }
    }
  }

  /** Pushes the low {@code size} bytes of a value. */
  void push(int size, long value) {
    pointer = (pointer & ~mask) | (pointer - size & mask);
    long at = pointer & mask;
    if (current) {
      cpu.store(Segment.SS, at, size, value);
    } else {
      cpu.storeLinear(linear(at, size), size, value, supervisor);
    }
  }

  private long linear(long at, int size) {
    if (wide) {
      if (!Canonical.is(cpu, at) || !Canonical.is(cpu, at + size - 1)) {
        throw cpu.fault(Vector.SS, error);
      }
      return at;
    }
    if (at < first || at + size - 1 > last) {
      throw cpu.fault(Vector.SS, error);
    }
    return base + at & 0xffff_ffffL;
  }

  /** Makes the pointer the processor's, in the width of this stack. */
  void commit() {
    setPointer(cpu, mask, pointer);
  }

  /** Sets the bits of RSP that a stack of this width uses; a 32-bit one zero-extends. */
  static void setPointer(Cpu cpu, long mask, long pointer) {
    if (mask == 0xffff) {
      cpu.reg(GPR_SP, 2, true, pointer);
    } else {
      cpu.gpr(GPR_SP, pointer & mask);
    }
  }

  /** The current stack's pointer {@code bytes} above the top, as an offset in SS. */
  static long above(Cpu cpu, long bytes) {
    return cpu.gpr(GPR_SP) + bytes & cpu.stackMask();
  }

  /** Mask of the stack pointer in a stack segment with these attributes. */
  static long mask(Cpu cpu, int attributes) {
    return cpu.is64() ? -1L : (attributes & Attribute.DB) != 0 ? 0xffff_ffffL : 0xffff;
  }
}
