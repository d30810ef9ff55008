package isola.cpu.x86.cpu;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.arith.Float80;
import isola.cpu.x86.arith.SseFloat;
import isola.cpu.x86.arith.Transcendental;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
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
public final class Cpu {
  /** Bytes that the state of a processor takes, software TLB included; page-aligned. */
  public static final int STATE_SIZE = Tlb.OFFSET + Tlb.SIZE;

  /** Host address of the state, laid out by {@link CpuState}. */
  public final long state;

  /** The machine's physical memory. */
  public final GuestMemory memory;

  /** What the processor is connected to. */
  public final VcpuWiring wiring;

  /** Paging. */
  public final Mmu mmu;

  /** x87 arithmetic. */
  public final Float80 float80 = new Float80();

  /** SSE arithmetic. */
  public final SseFloat sseFloat = new SseFloat();

  private @Nullable Transcendental transcendental;

  private final Tlb tlb;
  private final Fault fault = new Fault();

  // Where execution is.
  private long rip;
  private long nextRip;

  /** The status flags. */
  public final Flags flags = new Flags();

  /** RFLAGS without the status flags. */
  private int flagSystem = Rflags.RESERVED_1;

  // The mode, worked out once for each change.
  private int cpl;
  private boolean protectedMode;
  private boolean v86;
  private boolean longMode;
  private boolean is64;
  private int codeSize = 2;
  private long stackMask = 0xffff;
  private int mode;
  private boolean watching;
  private boolean alignmentCheck;
  private int privilege;

  /** Host address of the TLB table for accesses at the current privilege. */
  private long table;

  private int tlbOffset;

  /** Host address of the TLB table for instruction fetch. */
  private long fetchTable;

  private final long[] segmentBase = new long[8];
  private final long[] readFirst = new long[8];
  private final long[] readLast = new long[8];
  private final long[] writeFirst = new long[8];
  private final long[] writeLast = new long[8];

  private int breakpointHits;
  private boolean stepping;

  /** Makes all processors of the machine stand still. */
  public Exclusive exclusive = Exclusive.ALONE;

  private long unknownMsrs;
  private int lastUnknownMsr;

  /** A processor over state that the caller reserved and keeps alive. */
  public Cpu(long state, GuestMemory memory, VcpuWiring wiring) {
    this.state = state;
    this.memory = memory;
    this.wiring = wiring;
    tlb = new Tlb(state);
    CpuidTable.Row sizes = wiring.cpuid().find(0x8000_0008, 0);
    mmu = new Mmu(this, tlb, sizes == null ? 40 : Math.clamp(sizes.eax() & 0xff, 32, 52));
    load();
  }

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

  /** Writes what is kept here to the state: RIP and RFLAGS. */
  public void flush() {
    field(CpuState.RIP, rip);
    field(CpuState.RFLAGS, rflags());
    intField(CpuState.CPL, cpl);
  }

  /**
   * Takes over a state that was changed from outside; drops everything derived from the old one.
   */
  public void load() {
    rip = field(CpuState.RIP);
    nextRip = rip;
    splitFlags((int) field(CpuState.RFLAGS));
    cpl = intField(CpuState.CPL);
    modeChanged();
    mmu.loadPdptes(field(CpuState.CR3));
    tlb.flushAll();
    attention(Attention.FLUSH);
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

  private void splitFlags(int value) {
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
   * isola.cpu.x86.interpreter.Accelerator} ran; if AC changed, {@link #privilegeMoved} must follow.
   */
  public void systemFlags(int value) {
    if ((value & Rflags.IF) != 0) {
      interruptFlag(true);
    }
    flagSystem = value;
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

  // The mode.

  /** Current privilege level, 0 to 3. */
  public int cpl() {
    return cpl;
  }

  /** How pages are reached now, as the {@link Mmu} numbers it. */
  int privilege() {
    return privilege;
  }

  /** Sets the privilege level and what follows from it. */
  public void cpl(int value) {
    cpl = value;
    intField(CpuState.CPL, value);
    privilegeChanged();
  }

  /** Whether 64-bit code executes: EFER.LMA and CS.L. */
  public boolean is64() {
    return is64;
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

  /**
   * To be called after any change of CR0, CR4, EFER, CS or SS attributes, CPL, RFLAGS.VM, RFLAGS.AC
   * or DR7: works out anew what depends on them. Does not drop translations; see {@link #flushTlb}.
   */
  public void modeChanged() {
    int cr0 = intField(CpuState.CR0);
    protectedMode = (cr0 & Cr0.PE) != 0;
    v86 = protectedMode && (flagSystem & Rflags.VM) != 0;
    longMode = (intField(CpuState.EFER) & Efer.LMA) != 0;
    mmu.modeChanged();
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

  private void privilegeChanged() {
    boolean ac = (flagSystem & Rflags.AC) != 0;
    boolean smap = (intField(CpuState.CR4) & Cr4.SMAP) != 0;
    privilege = cpl == 3 ? Mmu.USER : ac && smap ? Mmu.SUPERVISOR_AC : Mmu.SUPERVISOR;
    watching = watchesData();
    alignmentCheck = ac && cpl == 3 && (intField(CpuState.CR0) & Cr0.AM) != 0;
    if ((intField(CpuState.DR7) & 0xff) != 0) {
      attention(Attention.BOUNDARY);
    }
    table = tlb.table(watching || alignmentCheck ? Tlb.NEVER : privilege);
    tlbOffset = (int) (table - state);
    fetchTable = tlb.table(cpl == 3 ? Tlb.USER : privilege);
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
      for (int s = 0; s < 8; s++) {
        segmentChanged(s);
      }
      codeModeChangedWithBases();
    } else {
      segmentChanged(seg);
      if (seg < Segment.FS) {
        codeModeChanged();
      }
    }
  }

  private void codeModeChangedWithBases() {
    boolean was64 = is64;
    codeModeChanged();
    if (was64 != is64) {
      for (int s = 0; s < 8; s++) {
        segmentChanged(s);
      }
      codeModeChanged();
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

  // Memory by logical address.

  /** Offset of an instruction's memory operand, truncated to its address size. */
  public long effective(Insn insn) {
    long offset = insn.displacement;
    int base = insn.base;
    if (base >= 0) {
      offset += base == Insn.RIP ? rip + insn.length : gpr(base);
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

  /** Loads 1, 2, 4 or 8 bytes, zero-extended. */
  public long load(int seg, long offset, int size) {
    return loadCurrent(linear(seg, offset, size, false), size);
  }

  /** Stores 1, 2, 4 or 8 bytes. */
  public void store(int seg, long offset, int size, long value) {
    storeCurrent(linear(seg, offset, size, true), size, value);
  }

  /** Raises every fault that loading {@code size} bytes (up to a few pages) would raise. */
  public void checkLoad(int seg, long offset, int size) {
    long linear = linear(seg, offset, size, false);
    checkPages(linear, size, Mmu.READ, privilege);
    if (watching) {
      watch(linear, size, false);
    }
  }

  /** Raises every fault that storing {@code size} bytes (up to a few pages) would raise. */
  public void checkStore(int seg, long offset, int size) {
    long linear = linear(seg, offset, size, true);
    checkPages(linear, size, Mmu.WRITE, privilege);
    if (watching) {
      watch(linear, size, true);
    }
  }

  // Memory by linear address.

  /** Loads at the current privilege from a linear address that segmentation let through. */
  public long loadCurrent(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.READ) == ((linear + (size - 1)) & -4096)) {
      return Mmu.raw(linear + RawMemory.getLong(entry + Tlb.ADDEND), size);
    }
    return loadSlow(linear, size);
  }

  /** Stores at the current privilege to a linear address that segmentation let through. */
  public void storeCurrent(long linear, int size, long value) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)) {
      Mmu.rawPut(linear + RawMemory.getLong(entry + Tlb.ADDEND), size, value);
    } else {
      storeSlow(linear, size, value);
    }
  }

  private long loadSlow(long linear, int size) {
    if (alignmentCheck && (linear & (size - 1)) != 0) {
      throw fault(Vector.AC, 0);
    }
    long value = loadThrough(linear, size, privilege);
    if (watching) {
      watch(linear, size, false);
    }
    return value;
  }

  private void storeSlow(long linear, int size, long value) {
    if (alignmentCheck && (linear & (size - 1)) != 0) {
      throw fault(Vector.AC, 0);
    }
    storeThrough(linear, size, value, privilege);
    if (watching) {
      watch(linear, size, true);
    }
  }

  /**
   * Loads from a linear address with the rights of the current privilege, or as an implicit
   * supervisor access (descriptor tables, TSS).
   */
  public long loadLinear(long linear, int size, boolean supervisor) {
    return supervisor ? loadThrough(linear, size, Mmu.SUPERVISOR) : loadCurrent(linear, size);
  }

  /** Stores to a linear address; see {@link #loadLinear}. */
  public void storeLinear(long linear, int size, long value, boolean supervisor) {
    if (supervisor) {
      storeThrough(linear, size, value, Mmu.SUPERVISOR);
    } else {
      storeCurrent(linear, size, value);
    }
  }

  /** Sets bits of a byte as a locked, implicit supervisor access (descriptors). */
  public void orLinear(long linear, int bits) {
    updateLinear(linear, bits, 0xff);
  }

  /** Keeps the masked bits of a byte as a locked, implicit supervisor access (descriptors). */
  public void andLinear(long linear, int mask) {
    updateLinear(linear, 0, mask);
  }

  private void updateLinear(long linear, int set, int keep) {
    long physical = mmu.translate(linear, Mmu.WRITE, Mmu.SUPERVISOR);
    MemorySlot slot = memory.slotAt(physical);
    if (slot == null || slot.readOnly()) {
      mmu.writePhysical(physical, 1, (mmu.readPhysical(physical, 1) & keep) | set);
      return;
    }
    memory.prepareWrite(slot, physical, 1);
    long host = slot.host(physical);
    byte old;
    do {
      old = RawMemory.getByte(host);
    } while (!RawMemory.casByte(host, old, (byte) ((old & keep) | set)));
  }

  /** Raises every fault that a store of {@code size} bytes would raise. */
  public void checkStoreLinear(long linear, int size, boolean supervisor) {
    checkPages(linear, size, Mmu.WRITE, supervisor ? Mmu.SUPERVISOR : privilege);
  }

  /** Raises every fault that a load of {@code size} bytes would raise. */
  public void checkLoadLinear(long linear, int size, boolean supervisor) {
    checkPages(linear, size, Mmu.READ, supervisor ? Mmu.SUPERVISOR : privilege);
  }

  private void checkPages(long linear, int size, int access, int how) {
    long last = nextLinear(linear, size - 1);
    long page = linear;
    while (true) {
      long entry = Tlb.entry(tlb.table(how), page);
      if (RawMemory.getLong(entry + (access == Mmu.WRITE ? Tlb.WRITE : Tlb.READ))
          != (page & -4096)) {
        mmu.translate(page, access, how);
      }
      if ((page & -4096) == (last & -4096)) {
        return;
      }
      page = nextLinear(page & -4096, 4096);
    }
  }

  private long nextLinear(long linear, int bytes) {
    return is64 || longMode ? linear + bytes : (linear + bytes) & 0xffff_ffffL;
  }

  private long loadThrough(long linear, int size, int how) {
    if ((linear & 4095) + size <= 4096) {
      long entry = Tlb.entry(tlb.table(how), linear);
      if (RawMemory.getLong(entry + Tlb.READ) == (linear & -4096)) {
        return Mmu.raw(linear + RawMemory.getLong(entry + Tlb.ADDEND), size);
      }
      return mmu.readPhysical(mmu.translate(linear, Mmu.READ, how), size);
    }
    int head = 4096 - (int) (linear & 4095);
    long first = mmu.translate(linear, Mmu.READ, how);
    long second = mmu.translate(nextLinear(linear, head), Mmu.READ, how);
    long value = 0;
    for (int i = 0; i < size; i++) {
      long at = i < head ? first + i : second + (i - head);
      value |= mmu.readPhysical(at, 1) << (i * 8);
    }
    return value;
  }

  private void storeThrough(long linear, int size, long value, int how) {
    if ((linear & 4095) + size <= 4096) {
      long entry = Tlb.entry(tlb.table(how), linear);
      if (RawMemory.getLong(entry + Tlb.WRITE) == (linear & -4096)) {
        Mmu.rawPut(linear + RawMemory.getLong(entry + Tlb.ADDEND), size, value);
      } else {
        mmu.writePhysical(mmu.translate(linear, Mmu.WRITE, how), size, value);
      }
      return;
    }
    int head = 4096 - (int) (linear & 4095);
    long first = mmu.translate(linear, Mmu.WRITE, how);
    long second = mmu.translate(nextLinear(linear, head), Mmu.WRITE, how);
    for (int i = 0; i < size; i++) {
      long at = i < head ? first + i : second + (i - head);
      mmu.writePhysical(at, 1, value >>> (i * 8));
    }
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

  /**
   * Host address for loading {@code size} bytes inside a page at the current privilege from a
   * linear address that segmentation let through; 0 where the slow way must be taken.
   */
  public long readHost(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    return RawMemory.getLong(entry + Tlb.READ) == ((linear + (size - 1)) & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.ADDEND)
        : 0;
  }

  /**
   * Host address for an atomic update of {@code size} bytes inside a page at the current privilege,
   * with write rights checked; 0 if the bytes are not plain writable RAM.
   */
  public long atomicHost(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)) {
      return linear + RawMemory.getLong(entry + Tlb.ADDEND);
    }
    checkPages(linear, size, Mmu.WRITE, privilege);
    if (watching) {
      watch(linear, size, true);
    }
    entry = Tlb.entry(tlb.table(privilege), linear);
    return RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.ADDEND)
        : 0;
  }

  /** Host address for loads up to the end of the page, rights checked; 0 if it is not plain RAM. */
  public long readableHost(long linear) {
    return host(linear, Tlb.READ, Mmu.READ);
  }

  /** Host address for stores up to the end of the page, rights checked; 0 if not plain RAM. */
  public long writableHost(long linear) {
    return host(linear, Tlb.WRITE, Mmu.WRITE);
  }

  private long host(long linear, int tag, int access) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + tag) != (linear & -4096)) {
      mmu.translate(linear, access, privilege);
      if (RawMemory.getLong(entry + tag) != (linear & -4096)) {
        return 0;
      }
    }
    return linear + RawMemory.getLong(entry + Tlb.ADDEND);
  }

  /** Whether the processor executes one instruction at a time, so that repeats must stop. */
  public boolean stepping() {
    return stepping;
  }

  /** Sets {@link #stepping}. */
  public void stepping(boolean one) {
    stepping = one;
  }

  /**
   * Host address of the code at a linear address, with the right to execute checked; 0 if it is not
   * in memory (a device answers).
   */
  public long fetchHost(long linear) {
    long entry = Tlb.entry(fetchTable, linear);
    if (RawMemory.getLong(entry + Tlb.EXECUTE) == (linear & -4096)) {
      return linear + RawMemory.getLong(entry + Tlb.CODE_ADDEND);
    }
    int how = cpl == 3 ? Mmu.USER : privilege;
    mmu.translate(linear, Mmu.FETCH, how);
    entry = Tlb.entry(tlb.table(how), linear);
    return RawMemory.getLong(entry + Tlb.EXECUTE) == (linear & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.CODE_ADDEND)
        : 0;
  }

  /** Guest physical address of code at a linear address, with the right to execute checked. */
  public long fetchPhysical(long linear) {
    return mmu.translate(linear, Mmu.FETCH, privilege);
  }

  /** Host address of the TLB table of the current privilege. */
  public long tlbTable() {
    return table;
  }

  /** Offset of the TLB table of the current privilege in the state. */
  public int tlbOffset() {
    return tlbOffset & 0x3f_ffff;
  }

  /** Host address of the TLB table that instruction fetch uses. */
  public long fetchTable() {
    return fetchTable;
  }

  // Translations.

  /** Drops translations: all, or all that are not global. */
  public void flushTlb(boolean globalToo) {
    if (globalToo) {
      tlb.flushAll();
    } else {
      tlb.flushNonGlobal();
    }
  }

  /** Drops the translations of one linear address. */
  public void invalidatePage(long linear) {
    tlb.invalidate(linear);
  }

  /** Drops the translations of one process-context identifier, global ones aside. */
  public void flushPcid(int pcid) {
    // Entries carry no identifier: those of others are never kept.
    tlb.flushNonGlobal();
  }

  /** Forgets that a host page may be written without notice. */
  public void protectHostPage(long hostPage) {
    tlb.protect(hostPage);
  }

  // Data breakpoints (Intel SDM vol. 3B 17.2).

  /** Whether a breakpoint on data is enabled. */
  public boolean watching() {
    return watching;
  }

  private boolean watchesData() {
    int dr7 = intField(CpuState.DR7);
    for (int n = 0; n < 4; n++) {
      if (((dr7 >>> (n * 2)) & 3) != 0 && ((dr7 >>> (16 + n * 4)) & 1) != 0) {
        return true;
      }
    }
    return false;
  }

  private void watch(long linear, int size, boolean write) {
    int dr7 = intField(CpuState.DR7);
    for (int n = 0; n < 4; n++) {
      int kind = (dr7 >>> (16 + n * 4)) & 3;
      if (((dr7 >>> (n * 2)) & 3) == 0 || (kind & 1) == 0 || (!write && kind == 1)) {
        continue;
      }
      int code = (dr7 >>> (18 + n * 4)) & 3;
      long length = code == 2 ? 8 : code + 1;
      long at = field(CpuState.DR + n * 8) & -length;
      if (linear < at + length && at < linear + size) {
        breakpointHits |= 1 << n;
        attention(Attention.BOUNDARY);
      }
    }
  }

  /** Asks for a #DB trap at the next instruction boundary: DR6 bits 3:0, or the task switch's. */
  public void postDebug(int bits) {
    breakpointHits |= bits;
    attention(Attention.BOUNDARY);
  }

  /** Debug conditions that were met since the last call, as DR6 bits: 3:0 and BT. */
  public int takeBreakpointHits() {
    int hits = breakpointHits;
    breakpointHits = 0;
    return hits;
  }
}
