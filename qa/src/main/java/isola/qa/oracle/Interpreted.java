package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.CODE;
import static isola.qa.oracle.RecordSpec.ERROR;
import static isola.qa.oracle.RecordSpec.LENGTH;
import static isola.qa.oracle.RecordSpec.RFLAGS;
import static isola.qa.oracle.RecordSpec.RIP;
import static isola.qa.oracle.RecordSpec.TRAP;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import isola.core.cpu.VcpuWiring;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Vector;
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
  private final Machine machine = new Machine();
  private final Arena arena = Arena.ofConfined();
  private final Cpu cpu;
  private final Stepper stepper;
  private final Decoder decoder = new Decoder(Level.table());
  private final MemorySegment out = arena.allocate(RecordSpec.STATE_BYTES, 64);
  private final List<Form> executed = new ArrayList<>();
  private final List<Integer> ends = new ArrayList<>();
  private boolean faulted;

  /** Executes one decoded instruction. */
  interface Stepper {
    void step(Cpu cpu, Insn insn);
  }

  Interpreted(Stepper stepper) {
    this.stepper = stepper;
    MemorySegment state = arena.allocate(Cpu.STATE_SIZE, 4096);
    machine.prepare(state.address());
    cpu = new Cpu(state.address(), machine.memory, VcpuWiring.unconnected(Level.cpuid()));
  }

  /** The forms that the last case went through. */
  List<Form> executed() {
    return executed;
  }

  /** The level that the last case needs. */
  int level() {
    int level = 2;
    for (Form form : executed) {
      level = Math.max(level, Level.of(form));
    }
    return level;
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
    machine.take(record, cpu.state);
    cpu.load();
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
    machine.give(out, cpu.state);
    out.set(JAVA_LONG_UNALIGNED, RIP, cpu.rip());
    out.set(JAVA_LONG_UNALIGNED, RFLAGS, cpu.rflags());
    out.set(JAVA_LONG_UNALIGNED, TRAP, trap);
    out.set(JAVA_LONG_UNALIGNED, ERROR, error);
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
            insn,
            machine.code(),
            (int) offset,
            RecordSpec.CODE_BYTES - (int) offset,
            cpu.codeSize());
    Form form = insn.form;
    if (status == Decoder.Status.TOO_LONG) {
      throw cpu.gp();
    }
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
    machine.close();
    arena.close();
  }
}
