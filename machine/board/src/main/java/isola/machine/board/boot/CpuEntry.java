package isola.machine.board.boot;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * The state in which a boot protocol starts the first processor: flat segments, interrupts off, and
 * a few registers.
 *
 * @param mode 32-bit protected mode without paging, or 64-bit mode with the first gibibytes mapped
 *     one to one
 * @param rip where it begins
 * @param rax value of RAX
 * @param rbx value of RBX
 * @param rsi value of RSI
 * @param rsp value of RSP
 * @param segments selectors and access rights of the flat segments
 */
public record CpuEntry(
    Mode mode, long rip, long rax, long rbx, long rsi, long rsp, Selectors segments) {
  /** Mode of operation. */
  public enum Mode {
    PROTECTED_32,
    LONG_64
  }

  /** Selectors that match the descriptors at {@link #GDT}, as the Linux boot protocol has them. */
  public enum Selectors {
    /** CS 10h, the others 18h (Linux's boot protocol). */
    BOOT_CS(0x10, 0x18),
    /** CS 08h, the others 10h (PVH and multiboot leave the numbers open). */
    FLAT(0x08, 0x10);

    private final int code;
    private final int data;

    Selectors(int code, int data) {
      this.code = code;
      this.data = data;
    }
  }

  /** Where the descriptors are. */
  private static final long GDT = LoaderArea.GDT;

  /** Page tables of the 64-bit mode: one page each for levels 4 and 3, four for level 2. */
  private static final long PAGE_TABLES = LoaderArea.PAGE_TABLES;

  private static final long LIMIT_4_GIB = 0x000f_0000_0000_ffffL;
  private static final int GIGABYTES = 4;
  private static final int CODE_32 = 0xc09b;
  private static final int CODE_64 = 0xa09b;
  private static final int DATA = 0xc093;
  private static final int TSS_32 = 0x8b;
  private static final int LDT_UNUSABLE = 1 << 16;
  private static final long PRESENT_WRITABLE = 3;
  private static final long LARGE = 1 << 7;

  /** Writes descriptors and page tables into guest memory, and registers into a state. */
  public void apply(GuestMemory memory, long state) {
    int code = mode == Mode.LONG_64 ? CODE_64 : CODE_32;
    memory.put(GDT, 8, 0);
    for (int selector = 8; selector <= 0x18; selector += 8) {
      memory.put(GDT + selector, 8, descriptor(selector == segments.code ? code : DATA));
    }
    setLong(state, CpuState.GDTR_BASE, GDT);
    setLong(state, CpuState.GDTR_LIMIT, 0x1f);
    setLong(state, CpuState.IDTR_BASE, 0);
    setLong(state, CpuState.IDTR_LIMIT, 0);
    for (int segment = Segment.ES; segment <= Segment.GS; segment++) {
      boolean isCode = segment == Segment.CS;
      segment(
          state,
          segment,
          isCode ? segments.code : segments.data,
          isCode ? code : DATA,
          0xffff_ffffL);
    }
    segment(state, Segment.LDTR, 0, LDT_UNUSABLE, 0);
    segment(state, Segment.TR, 0, TSS_32, 0xffff);
    long cr0 = Cr0.PE | Cr0.ET;
    if (mode == Mode.LONG_64) {
      mapFirstGigabytes(memory);
      setLong(state, CpuState.CR3, PAGE_TABLES);
      setLong(state, CpuState.CR4, Cr4.PAE);
      setLong(state, CpuState.EFER, Efer.LME | Efer.LMA);
      cr0 |= Cr0.PG & 0xffff_ffffL;
    }
    setLong(state, CpuState.CR0, cr0);
    RawMemory.putInt(state + CpuState.CPL, 0);
    setLong(state, CpuState.RFLAGS, 2);
    setLong(state, CpuState.RIP, rip);
    for (int r = 0; r < 16; r++) {
      setLong(state, CpuState.GPR + r * 8, 0);
    }
    setLong(state, CpuState.GPR, rax);
    setLong(state, CpuState.GPR + 3 * 8, rbx);
    setLong(state, CpuState.GPR + 4 * 8, rsp);
    setLong(state, CpuState.GPR + 6 * 8, rsi);
  }

  /**
   * Sends a processor that is as after reset to real-mode code, as firmware does at wake-up (ACPI
   * 6.5, 5.2.10): CS is the address's upper 16 bits, IP its lower four.
   *
   * @param state the processor's state
   * @param address physical, below 1 MiB
   */
  public static void realMode(long state, long address) {
    long cs = state + CpuState.SEGMENTS + (long) Segment.CS * CpuState.SEGMENT_SIZE;
    RawMemory.putInt(cs + CpuState.SEGMENT_SELECTOR, (int) (address >> 4));
    RawMemory.putLong(cs + CpuState.SEGMENT_BASE, address & ~0xfL);
    setLong(state, CpuState.RIP, address & 0xf);
  }

  private static void mapFirstGigabytes(GuestMemory memory) {
    long level3 = PAGE_TABLES + 0x1000;
    long level2 = PAGE_TABLES + 0x2000;
    memory.put(PAGE_TABLES, 8, level3 | PRESENT_WRITABLE);
    for (int g = 0; g < GIGABYTES; g++) {
      memory.put(level3 + g * 8L, 8, (level2 + g * 0x1000L) | PRESENT_WRITABLE);
      for (int i = 0; i < 512; i++) {
        long page = ((long) g << 30) + ((long) i << 21);
        memory.put(level2 + g * 0x1000L + i * 8L, 8, page | LARGE | PRESENT_WRITABLE);
      }
    }
  }

  /** A flat 4 GiB descriptor with these access rights. */
  private static long descriptor(int attributes) {
    long rights = (attributes & 0xffL) << 40 | (attributes >> 12 & 0xfL) << 52;
    return LIMIT_4_GIB | rights;
  }

  private static void segment(long state, int segment, int selector, int attributes, long limit) {
    long at = state + CpuState.SEGMENTS + (long) segment * CpuState.SEGMENT_SIZE;
    RawMemory.putInt(at + CpuState.SEGMENT_SELECTOR, selector);
    RawMemory.putInt(at + CpuState.SEGMENT_ATTRIBUTES, attributes);
    RawMemory.putLong(at + CpuState.SEGMENT_BASE, 0);
    RawMemory.putLong(at + CpuState.SEGMENT_LIMIT, limit);
  }

  private static void setLong(long state, int field, long value) {
    RawMemory.putLong(state + field, value);
  }
}
