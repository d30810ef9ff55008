package isola.cpu.x86.cpu;

import isola.core.cpu.VcpuWiring;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * The mode that the processor is in, its segment registers, and the way from a logical address to a
 * linear one (Intel SDM vol. 3A chapters 2 and 3). Owner thread only.
 */
public abstract sealed class Segmentation extends Registers permits LinearMemory {
  // The mode, worked out once for each change.
  private int cpl;
  private boolean protectedMode;
  private boolean v86;
  private boolean longMode;
  private int codeSize = 2;
  private long stackMask = 0xffff;
  private int mode;

  private final long[] segmentBase = new long[8];
  private final long[] readFirst = new long[8];
  private final long[] readLast = new long[8];
  private final long[] writeFirst = new long[8];
  private final long[] writeLast = new long[8];

  Segmentation(long state, VcpuWiring wiring) {
    super(state, wiring);
  }

  /** Works out what paging makes of the mode. */
  abstract void pagingChanged();

  /** Works out what an access at the current privilege may do. */
  abstract void privilegeChanged();

  // The mode.

  /** Current privilege level, 0 to 3. */
  public int cpl() {
    return cpl;
  }

  /** Sets the privilege level and what follows from it. */
  public void cpl(int value) {
    cpl = value;
    intField(CpuState.CPL, value);
    privilegeChanged();
  }

  /**
   * Takes over a privilege level, RFLAGS.AC and bases of FS and GS from the state, in 64-bit code
   * that was 64-bit code before.
   */
  public void privilegeMoved() {
    cpl = intField(CpuState.CPL);
    segmentBase[Segment.FS] = base(Segment.FS);
    segmentBase[Segment.GS] = base(Segment.GS);
    privilegeChanged();
  }

  /** Default operand and address size of the code segment: 2, 4, or 8 for 64-bit code. */
  public int codeSize() {
    return codeSize;
  }

  /** CR0.PE. */
  public boolean protectedMode() {
    return protectedMode;
  }

  /** Virtual-8086 mode. */
  public boolean v86() {
    return v86;
  }

  /** EFER.LMA. */
  public boolean longModeActive() {
    return longMode;
  }

  /** Mask of the stack pointer's bits that count: by SS.B, or all in 64-bit code. */
  public long stackMask() {
    return stackMask;
  }

  /**
   * All that decoding and the choice of fast forms depend on, as a small number: bits 1:0 code size
   * (0, 1, 2 for 16, 32, 64 bits), bit 2 a 32-bit stack, bit 3 flat segments.
   */
  public int mode() {
    return mode;
  }

  /** In {@link #mode}: ES, CS, SS and DS have base 0 and check nothing. */
  public static final int MODE_FLAT = 8;

  /** In {@link #mode}: SS.B. */
  public static final int MODE_STACK32 = 4;

  /** Whether a segment lets all of 4 GiB be read and written, whatever its base is. */
  public boolean whole(int seg) {
    return readFirst[seg] == 0
        && readLast[seg] == 0xffff_ffffL
        && writeFirst[seg] == 0
        && writeLast[seg] == 0xffff_ffffL;
  }

  @Override
  public void modeChanged() {
    int cr0 = intField(CpuState.CR0);
    protectedMode = (cr0 & Cr0.PE) != 0;
    v86 = protectedMode && (systemFlags() & Rflags.VM) != 0;
    longMode = (intField(CpuState.EFER) & Efer.LMA) != 0;
    pagingChanged();
    for (int s = 0; s < 8; s++) {
      segmentChanged(s);
    }
    codeModeChanged();
    privilegeChanged();
  }

  private void codeModeChanged() {
    int cs = attributes(Segment.CS);
    is64 = longMode && (cs & Attribute.L) != 0;
    codeSize = is64 ? 8 : (cs & Attribute.DB) != 0 ? 4 : 2;
    boolean stack32 = (attributes(Segment.SS) & Attribute.DB) != 0;
    stackMask = is64 ? -1L : stack32 ? 0xffff_ffffL : 0xffff;
    boolean flat = is64;
    if (!is64 && protectedMode && !v86) {
      flat = true;
      for (int s = Segment.ES; s <= Segment.DS; s++) {
        flat &= segmentBase[s] == 0 && readFirst[s] == 0 && readLast[s] == 0xffff_ffffL;
        flat &= s == Segment.CS || (writeFirst[s] == 0 && writeLast[s] == 0xffff_ffffL);
      }
    }
    mode =
        (codeSize == 8 ? 2 : codeSize == 4 ? 1 : 0)
            | (stack32 && !is64 ? MODE_STACK32 : 0)
            | (flat ? MODE_FLAT : 0);
  }

  // Segment registers.

  /** Selector of a segment register. */
  public int selector(int seg) {
    return intField(CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_SELECTOR);
  }

  /** Access rights of a segment register, in the state's format. */
  public int attributes(int seg) {
    return intField(CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_ATTRIBUTES);
  }

  /** Base of a segment register as loaded, whatever the mode makes of it. */
  public long base(int seg) {
    return field(CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_BASE);
  }

  /** Limit of a segment register in bytes. */
  public long limit(int seg) {
    return field(CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_LIMIT);
  }

  /** Loads a segment register without checks; the mode follows CS and SS. */
  public void segment(int seg, int selector, int attributes, long base, long limit) {
    int at = CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE;
    intField(at + CpuState.SEGMENT_SELECTOR, selector);
    intField(at + CpuState.SEGMENT_ATTRIBUTES, attributes);
    field(at + CpuState.SEGMENT_BASE, base);
    field(at + CpuState.SEGMENT_LIMIT, limit);
    if (seg == Segment.CS) {
      boolean sixtyFour = longMode && (attributes & Attribute.L) != 0;
      if (sixtyFour == is64) {
        segmentChanged(Segment.CS);
      } else {
        // What each segment's base and limit are good for follows from CS.L.
        for (int s = 0; s < 8; s++) {
          segmentChanged(s);
        }
      }
      codeModeChanged();
    } else {
      segmentChanged(seg);
      if (seg < Segment.FS) {
        codeModeChanged();
      }
    }
  }

  private void segmentChanged(int seg) {
    int rights = attributes(seg);
    boolean sixtyFour = longMode && (attributes(Segment.CS) & Attribute.L) != 0;
    if (sixtyFour) {
      segmentBase[seg] = seg < Segment.FS ? 0 : base(seg);
      readFirst[seg] = Long.MIN_VALUE;
      readLast[seg] = Long.MAX_VALUE;
      writeFirst[seg] = Long.MIN_VALUE;
      writeLast[seg] = Long.MAX_VALUE;
      return;
    }
    segmentBase[seg] = base(seg) & 0xffff_ffffL;
    long first = 0;
    long last = limit(seg);
    boolean code = (rights & Attribute.CODE) != 0;
    boolean data = !code && (rights & Attribute.S) != 0;
    if (data && (rights & Attribute.EXPAND_DOWN) != 0) {
      first = last + 1;
      last = (rights & Attribute.DB) != 0 ? 0xffff_ffffL : 0xffff;
    }
    boolean usable = (rights & (Attribute.UNUSABLE | Attribute.P)) == Attribute.P;
    boolean plain = !protectedMode || v86;
    boolean readable = plain || (usable && (!code || (rights & Attribute.READABLE) != 0));
    boolean writable = plain || (usable && !code && (rights & Attribute.WRITABLE) != 0);
    readFirst[seg] = readable ? first : 1;
    readLast[seg] = readable ? last : 0;
    writeFirst[seg] = writable ? first : 1;
    writeLast[seg] = writable ? last : 0;
  }

  /** Base that an address in a segment gets in the current mode: 0 for all but FS, GS in 64-bit. */
  public long effectiveBase(int seg) {
    return segmentBase[seg & 7];
  }

  // Logical addresses.

  /** Offset of an instruction's memory operand, truncated to its address size. */
  public long effective(Insn insn) {
    long offset = insn.displacement;
    int base = insn.base;
    if (base >= 0) {
      offset += base == Insn.RIP ? rip() + insn.length : gpr(base);
    }
    if (insn.index >= 0) {
      offset += gpr(insn.index) << insn.scale;
    }
    return switch (insn.addressSize) {
      case 8 -> offset;
      case 4 -> offset & 0xffff_ffffL;
      default -> offset & 0xffff;
    };
  }

  /** Linear address of {@code size} bytes at an offset in a segment, or the segment's fault. */
  public long linear(int seg, long offset, int size, boolean write) {
    if (is64) {
      long linear = offset + segmentBase[seg & 7];
      if (canonical(linear) && canonical(linear + size - 1)) {
        return linear;
      }
    } else {
      boolean inside =
          write
              ? offset >= writeFirst[seg & 7] && offset + size - 1 <= writeLast[seg & 7]
              : offset >= readFirst[seg & 7] && offset + size - 1 <= readLast[seg & 7];
      if (inside) {
        return (offset + segmentBase[seg & 7]) & 0xffff_ffffL;
      }
    }
    throw fault(seg == Segment.SS ? Vector.SS : Vector.GP, 0);
  }

  /** Whether an address is canonical in the current paging mode. */
  public boolean canonical(long linear) {
    int unused = (intField(CpuState.CR4) & Cr4.LA57) != 0 ? 7 : 16;
    return linear << unused >> unused == linear;
  }
}
