package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.CODE;
import static isola.qa.oracle.RecordSpec.CODE_AT;
import static isola.qa.oracle.RecordSpec.CR2;
import static isola.qa.oracle.RecordSpec.DATA;
import static isola.qa.oracle.RecordSpec.DATA_AT;
import static isola.qa.oracle.RecordSpec.ERROR;
import static isola.qa.oracle.RecordSpec.FX;
import static isola.qa.oracle.RecordSpec.FX_BYTES;
import static isola.qa.oracle.RecordSpec.GPR;
import static isola.qa.oracle.RecordSpec.IN;
import static isola.qa.oracle.RecordSpec.LENGTH;
import static isola.qa.oracle.RecordSpec.MODE;
import static isola.qa.oracle.RecordSpec.PAGE;
import static isola.qa.oracle.RecordSpec.READ_ONLY;
import static isola.qa.oracle.RecordSpec.RFLAGS;
import static isola.qa.oracle.RecordSpec.RIP;
import static isola.qa.oracle.RecordSpec.TRAP;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Runs test cases in the interpreter's semantics, in user mode of a machine that has just the pages
 * that the host's side has. Not thread-safe.
 */
final class Interpreted implements AutoCloseable {
  private static final long CODE_PAGE = 0x8000;
  private static final long DATA_PAGE = 0x9000;
  private static final long READ_ONLY_PAGE = 0xa000;
  private static final long NX = Long.MIN_VALUE;
  private static final int P = 1;
  private static final int RW = 2;
  private static final int US = 4;
  private static final int AD = 0x60;

  private final GuestMemory memory = new GuestMemory();
  private final Arena arena = Arena.ofConfined();
  private final Cpu cpu;
  private final Stepper stepper;
  private final Decoder decoder = new Decoder();
  private final MemorySegment out = arena.allocate(RecordSpec.STATE_BYTES, 64);
  private final byte[] code = new byte[RecordSpec.CODE_BYTES];
  private final List<Form> executed = new ArrayList<>();
  private final List<Integer> ends = new ArrayList<>();
  private final long dataHost;
  private int mode;
  private boolean faulted;

  /** Executes one decoded instruction. */
  interface Stepper {
    void step(Cpu cpu, Insn insn);
  }

  Interpreted(Stepper stepper) {
    this.stepper = stepper;
    memory.addRam(0, 0x10000);
    paging();
    for (int i = 0; i < PAGE; i++) {
      memory.put(CODE_PAGE + i, 1, 0xf4);
    }
    MemorySegment state = arena.allocate(Cpu.STATE_SIZE, 4096);
    cpu = new Cpu(state.address(), memory, Wiring.none());
    dataHost = memory.slots().getFirst().host(DATA_PAGE);
    cpu.field(CpuState.CR0, Cr0.PE | Cr0.MP | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | (1L << 31));
    cpu.field(CpuState.CR3, 0x1000);
    cpu.field(CpuState.CR4, Cr4.PAE | Cr4.OSFXSR | Cr4.OSXMMEXCPT | Cr4.OSXSAVE);
    cpu.field(CpuState.EFER, Efer.LME | Efer.LMA | Efer.SCE | Efer.NXE);
    cpu.field(CpuState.RFLAGS, 0x202);
    cpu.load();
    cpu.cpl(3);
    int flat = Attribute.P | Attribute.S | 3 << 5 | Attribute.G | 3 | Attribute.DB;
    for (int s = 0; s < 6; s++) {
      int selector = s == Segment.FS || s == Segment.GS ? 0 : 0x2b;
      cpu.segment(s, selector, flat, 0, 0xffff_ffffL);
    }
    setMode(64);
  }

  private void paging() {
    memory.put(0x1000, 8, 0x2000 | US | RW | P);
    memory.put(0x2000, 8, 0x3000 | US | RW | P);
    long data = RecordSpec.DATA >>> 21;
    long at = RecordSpec.CODE >>> 21;
    memory.put(0x3000 + (data & 511) * 8, 8, 0x4000 | US | RW | P);
    memory.put(0x3000 + (at & 511) * 8, 8, 0x5000 | US | RW | P);
    memory.put(0x4000 + (DATA >>> 12 & 511) * 8, 8, NX | DATA_PAGE | AD | US | RW | P);
    memory.put(0x4000 + (READ_ONLY >>> 12 & 511) * 8, 8, NX | READ_ONLY_PAGE | AD | US | P);
    memory.put(0x5000 + (CODE >>> 12 & 511) * 8, 8, CODE_PAGE | AD | US | P);
  }

  private void setMode(int bits) {
    if (mode == bits) {
      return;
    }
    mode = bits;
    int rights = Attribute.P | Attribute.S | 3 << 5 | Attribute.G | 0xb;
    boolean is64 = bits == 64;
    cpu.segment(
        Segment.CS,
        is64 ? 0x33 : 0x23,
        rights | (is64 ? Attribute.L : Attribute.DB),
        0,
        0xffff_ffffL);
  }

  /** The forms that the last case went through. */
  List<Form> executed() {
    return executed;
  }

  /** Where in the code each of them ended. */
  List<Integer> ends() {
    return ends;
  }

  /**
   * Runs the case of a record.
   *
   * @param limit instructions after which it stops
   * @return the state afterwards, valid until the next call
   */
  MemorySegment run(MemorySegment record, int limit) {
    int length = record.get(JAVA_INT_UNALIGNED, LENGTH);
    setMode(record.get(JAVA_INT_UNALIGNED, MODE));
    MemorySegment.copy(record, JAVA_BYTE, CODE_AT, code, 0, RecordSpec.CODE_BYTES);
    memory.write(CODE_PAGE, code, 0, RecordSpec.CODE_BYTES);
    take(record);
    executed.clear();
    ends.clear();
    faulted = false;
    long trap = Vector.GP;
    long error = 0;
    try {
      while (executed.size() < limit && one(length)) {
        // On to the next.
      }
    } catch (Fault fault) {
      faulted = true;
      trap = fault.vector();
      error = fault.errorCode() == Fault.NO_ERROR_CODE ? 0 : fault.errorCode();
    }
    give(trap, error);
    return out;
  }

  /** Executes an instruction; false at the end of the code. */
  private boolean one(int length) {
    long at = cpu.rip();
    long offset = at - CODE;
    if (offset < 0 || offset >= length) {
      cpu.fetchHost(at);
      // HLT fills the rest of the page.
      return false;
    }
    Insn insn = new Insn();
    Decoder.Status status =
        decoder.decode(
            insn, code, (int) offset, RecordSpec.CODE_BYTES - (int) offset, cpu.codeSize());
    Form form = insn.form;
    if (status != Decoder.Status.OK || form == null) {
      throw cpu.ud();
    }
    if (insn.op == Op.HLT) {
      return false;
    }
    executed.add(form);
    ends.add((int) offset + insn.length);
    cpu.begin(at, insn.length);
    stepper.step(cpu, insn);
    cpu.rip(cpu.nextRip());
    return true;
  }

  private void take(MemorySegment record) {
    for (int r = 0; r < 16; r++) {
      cpu.gpr(r, record.get(JAVA_LONG_UNALIGNED, IN + GPR + r * 8));
    }
    cpu.rip(record.get(JAVA_LONG_UNALIGNED, IN + RIP));
    cpu.rflags(record.get(JAVA_LONG_UNALIGNED, IN + RFLAGS));
    for (int i = 0; i < FX_BYTES; i += 8) {
      long value = record.get(JAVA_LONG_UNALIGNED, IN + FX + i);
      RawMemory.putLong(cpu.state + CpuState.XSAVE + i, value);
    }
    for (int i = 0; i < PAGE; i += 8) {
      RawMemory.putLong(dataHost + i, record.get(JAVA_LONG_UNALIGNED, IN + DATA_AT + i));
    }
    cpu.field(CpuState.CR2, 0);
  }

  private void give(long trap, long error) {
    for (int r = 0; r < 16; r++) {
      out.set(JAVA_LONG_UNALIGNED, GPR + r * 8, cpu.gpr(r));
    }
    out.set(JAVA_LONG_UNALIGNED, RIP, cpu.rip());
    out.set(JAVA_LONG_UNALIGNED, RFLAGS, cpu.rflags());
    out.set(JAVA_LONG_UNALIGNED, TRAP, trap);
    out.set(JAVA_LONG_UNALIGNED, ERROR, error);
    out.set(JAVA_LONG_UNALIGNED, CR2, cpu.field(CpuState.CR2));
    for (int i = 0; i < FX_BYTES; i += 8) {
      out.set(JAVA_LONG_UNALIGNED, FX + i, RawMemory.getLong(cpu.state + CpuState.XSAVE + i));
    }
    for (int i = 0; i < PAGE; i += 8) {
      out.set(JAVA_LONG_UNALIGNED, DATA_AT + i, RawMemory.getLong(dataHost + i));
    }
  }

  /** Whether the last instruction faulted. */
  boolean faulted() {
    return faulted;
  }

  /** The form executed last, if any. */
  @Nullable Form lastForm() {
    return executed.isEmpty() ? null : executed.getLast();
  }

  @Override
  public void close() {
    memory.close();
    arena.close();
  }
}
