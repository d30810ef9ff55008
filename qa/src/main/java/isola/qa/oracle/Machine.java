package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.CODE;
import static isola.qa.oracle.RecordSpec.CR2;
import static isola.qa.oracle.RecordSpec.DATA;
import static isola.qa.oracle.RecordSpec.DATA_AT;
import static isola.qa.oracle.RecordSpec.ERROR;
import static isola.qa.oracle.RecordSpec.FX;
import static isola.qa.oracle.RecordSpec.FX_BYTES;
import static isola.qa.oracle.RecordSpec.GPR;
import static isola.qa.oracle.RecordSpec.PAGE;
import static isola.qa.oracle.RecordSpec.READ_ONLY;
import static isola.qa.oracle.RecordSpec.RFLAGS;
import static isola.qa.oracle.RecordSpec.RIP;
import static isola.qa.oracle.RecordSpec.TRAP;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.CpuState;
import java.lang.foreign.MemorySegment;

/**
 * A guest with just what a test case needs: the pages of the host's side for user code, and a
 * kernel of one page whose exception handlers halt. Its state is reached by address, so that any
 * engine can run it.
 */
final class Machine implements AutoCloseable {
  /** Where the kernel's pages are. */
  private static final long KERNEL = 0xffff_8000_0000_0000L;

  private static final long TABLES = KERNEL;
  private static final long HANDLERS = KERNEL + 0x1000;
  private static final long STACK_TOP = KERNEL + 0x3000;
  private static final int IDT = 0;
  private static final int GDT = 0x400;
  private static final int TSS = 0x800;

  private static final long CODE_PAGE = 0x8000;
  private static final long DATA_PAGE = 0x9000;
  private static final long READ_ONLY_PAGE = 0xa000;
  private static final long TABLES_PAGE = 0xb000;
  private static final long HANDLERS_PAGE = 0xc000;
  private static final long STACK_PAGE = 0xd000;
  private static final long NX = Long.MIN_VALUE;
  private static final int P = 1;
  private static final int RW = 2;
  private static final int US = 4;
  private static final int AD = 0x60;

  /** Guest memory; the code page is part of it. */
  final GuestMemory memory = new GuestMemory();

  private final byte[] code = new byte[RecordSpec.CODE_BYTES];
  private final long dataHost;

  Machine() {
    memory.addRam(0, 0x10000);
    dataHost = memory.slots().getFirst().host(DATA_PAGE);
    paging();
    kernel();
    for (int i = 0; i < PAGE; i++) {
      memory.put(CODE_PAGE + i, 1, 0xf4);
      memory.put(HANDLERS_PAGE + i, 1, 0xf4);
    }
  }

  private void paging() {
    memory.put(0x1000, 8, 0x2000 | US | RW | P);
    memory.put(0x2000, 8, 0x3000 | US | RW | P);
    entry(0x3000, DATA, 21, 0x4000 | US | RW | P);
    entry(0x3000, CODE, 21, 0x5000 | US | RW | P);
    entry(0x4000, DATA, 12, NX | DATA_PAGE | AD | US | RW | P);
    entry(0x4000, READ_ONLY, 12, NX | READ_ONLY_PAGE | AD | US | P);
    entry(0x5000, CODE, 12, CODE_PAGE | AD | US | P);
    entry(0x1000, KERNEL, 39, 0x6000 | RW | P);
    memory.put(0x6000, 8, 0x7000 | RW | P);
    memory.put(0x7000, 8, 0xe000 | RW | P);
    memory.put(0xe000, 8, TABLES_PAGE | AD | RW | P);
    memory.put(0xe008, 8, HANDLERS_PAGE | AD | RW | P);
    memory.put(0xe010, 8, STACK_PAGE | AD | RW | P);
  }

  private void entry(long table, long linear, int shift, long value) {
    memory.put(table + ((linear >>> shift) & 511) * 8, 8, value);
  }

  private void kernel() {
    for (int vector = 0; vector < 32; vector++) {
      long handler = HANDLERS + vector * 16L;
      long low = handler & 0xffff | 8L << 16 | 0x8eL << 40 | (handler >>> 16 & 0xffff) << 48;
      memory.put(TABLES_PAGE + IDT + vector * 16L, 8, low);
      memory.put(TABLES_PAGE + IDT + vector * 16L + 8, 8, handler >>> 32);
    }
    // A 64-bit code segment of level 0.
    memory.put(TABLES_PAGE + GDT + 8, 8, 0x00af_9b00_0000_ffffL);
    memory.put(TABLES_PAGE + TSS + 4, 8, STACK_TOP);
  }

  /** Writes the control state, once for each processor. */
  void prepare(long state) {
    RawMemory.putLong(
        state + CpuState.CR0,
        (Cr0.PE | Cr0.MP | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.PG) & 0xffff_ffffL);
    RawMemory.putLong(state + CpuState.CR3, 0x1000);
    RawMemory.putLong(state + CpuState.CR4, Cr4.PAE | Cr4.OSFXSR | Cr4.OSXMMEXCPT | Cr4.OSXSAVE);
    RawMemory.putLong(state + CpuState.XCR0, XsaveSpec.X87 | XsaveSpec.SSE | XsaveSpec.AVX);
    RawMemory.putLong(state + CpuState.EFER, Efer.LME | Efer.LMA | Efer.SCE | Efer.NXE);
    RawMemory.putLong(state + CpuState.IDTR_BASE, TABLES + IDT);
    RawMemory.putLong(state + CpuState.IDTR_LIMIT, 32 * 16 - 1);
    RawMemory.putLong(state + CpuState.GDTR_BASE, TABLES + GDT);
    RawMemory.putLong(state + CpuState.GDTR_LIMIT, 15);
    segment(state, Segment.TR, 0x40, Attribute.P | 0xb, TABLES + TSS, 0x67);
    segment(state, Segment.LDTR, 0, Attribute.UNUSABLE, 0, 0);
  }

  private static void segment(
      long state, int seg, int selector, int attributes, long base, long limit) {
    long at = state + CpuState.SEGMENTS + (long) seg * CpuState.SEGMENT_SIZE;
    RawMemory.putInt(at + CpuState.SEGMENT_SELECTOR, selector);
    RawMemory.putInt(at + CpuState.SEGMENT_ATTRIBUTES, attributes);
    RawMemory.putLong(at + CpuState.SEGMENT_BASE, base);
    RawMemory.putLong(at + CpuState.SEGMENT_LIMIT, limit);
  }

  /** The bytes of the case that was taken last. */
  byte[] code() {
    return code;
  }

  /** Puts the state before a case into guest memory and a processor's state. */
  void take(MemorySegment record, long state) {
    MemorySegment.copy(
        record,
        java.lang.foreign.ValueLayout.JAVA_BYTE,
        RecordSpec.CODE_AT,
        code,
        0,
        RecordSpec.CODE_BYTES);
    memory.write(CODE_PAGE, code, 0, RecordSpec.CODE_BYTES);
    long in = RecordSpec.IN;
    for (int r = 0; r < 16; r++) {
      RawMemory.putLong(
          state + CpuState.GPR + r * 8, record.get(JAVA_LONG_UNALIGNED, in + GPR + r * 8));
    }
    RawMemory.putLong(state + CpuState.RIP, record.get(JAVA_LONG_UNALIGNED, in + RIP));
    RawMemory.putLong(state + CpuState.RFLAGS, record.get(JAVA_LONG_UNALIGNED, in + RFLAGS));
    for (int i = 0; i < FX_BYTES; i += 8) {
      RawMemory.putLong(state + CpuState.XSAVE + i, record.get(JAVA_LONG_UNALIGNED, in + FX + i));
    }
    for (int i = 0; i < RecordSpec.YMM_BYTES; i += 8) {
      RawMemory.putLong(
          state + CpuState.YMM_HIGH + i, record.get(JAVA_LONG_UNALIGNED, in + RecordSpec.YMM + i));
    }
    for (int i = 0; i < PAGE; i += 8) {
      RawMemory.putLong(dataHost + i, record.get(JAVA_LONG_UNALIGNED, in + DATA_AT + i));
    }
    RawMemory.putLong(state + CpuState.CR2, 0);
    RawMemory.putInt(state + CpuState.CPL, 3);
    RawMemory.putInt(state + CpuState.ACTIVITY, Activity.ACTIVE);
    user(state, record.get(JAVA_INT_UNALIGNED, RecordSpec.MODE) == 64);
  }

  private static void user(long state, boolean is64) {
    int rights = Attribute.P | Attribute.S | 3 << 5 | Attribute.G;
    for (int s = 0; s < 6; s++) {
      boolean none = s == Segment.FS || s == Segment.GS;
      segment(state, s, none ? 0 : 0x2b, rights | 3 | Attribute.DB, 0, 0xffff_ffffL);
    }
    int mode = is64 ? Attribute.L : Attribute.DB;
    segment(state, Segment.CS, is64 ? 0x33 : 0x23, rights | 0xb | mode, 0, 0xffff_ffffL);
  }

  /** Takes the state after a case, but for what a trap changes, out of a processor's state. */
  void give(MemorySegment out, long state) {
    for (int r = 0; r < 16; r++) {
      out.set(JAVA_LONG_UNALIGNED, GPR + r * 8, RawMemory.getLong(state + CpuState.GPR + r * 8));
    }
    out.set(JAVA_LONG_UNALIGNED, CR2, RawMemory.getLong(state + CpuState.CR2));
    for (int i = 0; i < FX_BYTES; i += 8) {
      out.set(JAVA_LONG_UNALIGNED, FX + i, RawMemory.getLong(state + CpuState.XSAVE + i));
    }
    for (int i = 0; i < RecordSpec.YMM_BYTES; i += 8) {
      out.set(
          JAVA_LONG_UNALIGNED,
          RecordSpec.YMM + i,
          RawMemory.getLong(state + CpuState.YMM_HIGH + i));
    }
    for (int i = 0; i < PAGE; i += 8) {
      out.set(JAVA_LONG_UNALIGNED, DATA_AT + i, RawMemory.getLong(dataHost + i));
    }
  }

  /** Takes what a handler's stack frame says about the trap that ended a case. */
  void giveTrap(MemorySegment out, long state) {
    long handler = RawMemory.getLong(state + CpuState.RIP) - HANDLERS;
    int vector = (int) (handler >> 4);
    boolean error =
        switch (vector) {
          case 8, 10, 11, 12, 13, 14, 17 -> true;
          default -> false;
        };
    long frame = STACK_PAGE + PAGE - 40;
    out.set(JAVA_LONG_UNALIGNED, TRAP, vector);
    out.set(JAVA_LONG_UNALIGNED, ERROR, error ? memory.get(frame - 8, 8) : 0);
    out.set(JAVA_LONG_UNALIGNED, RIP, memory.get(frame, 8));
    out.set(JAVA_LONG_UNALIGNED, RFLAGS, memory.get(frame + 16, 8));
    out.set(JAVA_LONG_UNALIGNED, GPR + 4 * 8, memory.get(frame + 24, 8));
  }

  @Override
  public void close() {
    memory.close();
  }
}
