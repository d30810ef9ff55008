package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.TssSpec;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.BegunEvent;
import isola.cpu.x86.state.CpuState;

/**
 * Delivery of interrupts and exceptions (Intel SDM vol. 3A chapter 6; vol. 2A INT n; virtual-8086
 * mode: vol. 3A 20.3).
 */
public final class Events {
  private static final int CONTRIBUTORY =
      1 << Vector.DE | 1 << Vector.TS | 1 << Vector.NP | 1 << Vector.SS | 1 << Vector.GP;

  /** Exceptions whose error code is a selector and has the EXT bit. */
  private static final int SELECTOR_CODES =
      1 << Vector.TS | 1 << Vector.NP | 1 << Vector.SS | 1 << Vector.GP;

  /** Exceptions that are not faults: RF in the pushed flags stays (17.3.1.1). */
  private static final int NOT_FAULTS =
      1 << Vector.DB
          | 1 << Vector.NMI
          | 1 << Vector.BP
          | 1 << Vector.OF
          | 1 << Vector.DF
          | 1 << Vector.MC;

  private Events() {}

  /**
   * Delivers an event between instructions, or for the instruction at {@link Cpu#rip} that faulted;
   * exceptions on the way are delivered in its place as section 6.15 (#DF) says.
   *
   * @param errorCode what is pushed, or {@link Fault#NO_ERROR_CODE}
   * @return false on a triple fault: the processor shuts down
   */
  public static boolean deliver(Cpu cpu, EventKind kind, int vector, int errorCode) {
    EventKind now = kind;
    int number = vector;
    int error = errorCode;
    cpu.intField(CpuState.INTERRUPT_SHADOW, 0);
    while (true) {
      try {
        cpu.rip(enter(cpu, now, number, error, cpu.rip()));
        if (now == EventKind.NMI) {
          cpu.intField(CpuState.NMI_BLOCKED, 1);
        }
        cpu.intField(CpuState.ACTIVITY, Activity.ACTIVE);
        return true;
      } catch (Fault fault) {
        int second = fault.vector();
        int secondError = fault.errorCode();
        if ((SELECTOR_CODES >>> second & 1) != 0) {
          secondError |= DescriptorSpec.ERROR_EXT;
        }
        boolean exception = now == EventKind.EXCEPTION;
        boolean firstPage = exception && number == Vector.PF;
        boolean firstContributory = exception && (CONTRIBUTORY >>> number & 1) != 0;
        boolean contributory = (CONTRIBUTORY >>> second & 1) != 0;
        if (exception && number == Vector.DF) {
          return false;
        }
        if ((contributory && (firstContributory || firstPage))
            || (firstPage && second == Vector.PF)) {
          number = Vector.DF;
          error = 0;
        } else {
          number = second;
          error = secondError;
        }
        now = EventKind.EXCEPTION;
      }
    }
  }

  /**
   * Goes through with the event that {@link CpuState#EVENT} holds, if any: another engine had begun
   * to deliver it. What an instruction raises by itself needs nothing, as it is executed again.
   *
   * @return false on a triple fault: the processor shuts down
   */
  public static boolean finish(Cpu cpu) {
    int event = cpu.intField(CpuState.EVENT);
    cpu.intField(CpuState.EVENT, 0);
    if ((event & BegunEvent.VALID) == 0) {
      return true;
    }
    int vector = event & BegunEvent.VECTOR;
    boolean withError = (event & BegunEvent.HAS_ERROR) != 0;
    int error = withError ? cpu.intField(CpuState.EVENT_ERROR) : Fault.NO_ERROR_CODE;
    return switch (event & BegunEvent.TYPE) {
      case BegunEvent.TYPE_EXTERNAL ->
          deliver(cpu, EventKind.EXTERNAL, vector, Fault.NO_ERROR_CODE);
      case BegunEvent.TYPE_NMI -> deliver(cpu, EventKind.NMI, Vector.NMI, Fault.NO_ERROR_CODE);
      case BegunEvent.TYPE_EXCEPTION -> deliver(cpu, EventKind.EXCEPTION, vector, error);
      default -> true;
    };
  }

  /** Executes INT n, INT3, INTO (with OF set) or INT1: a transfer within the instruction. */
  static void software(Cpu cpu, EventKind kind, int vector) {
    if (kind == EventKind.ICEBP) {
      try {
        cpu.nextRip(enter(cpu, kind, vector, Fault.NO_ERROR_CODE, cpu.nextRip()));
      } catch (Fault fault) {
        int external = (SELECTOR_CODES >>> fault.vector() & 1) != 0 ? DescriptorSpec.ERROR_EXT : 0;
        throw cpu.fault(fault.vector(), fault.errorCode() | external);
      }
      return;
    }
    cpu.nextRip(enter(cpu, kind, vector, Fault.NO_ERROR_CODE, cpu.nextRip()));
  }

  /** Goes to the handler and returns its address; throws with nothing changed. */
  private static long enter(Cpu cpu, EventKind kind, int vector, int error, long returnRip) {
    long flags = pushedFlags(cpu, kind, vector);
    long rip;
    if (!cpu.protectedMode()) {
      rip = real(cpu, vector, flags, returnRip);
    } else if (cpu.v86() && kind == EventKind.SOFTWARE_INT && redirected(cpu, vector)) {
      rip = virtual8086(cpu, vector, flags, returnRip);
    } else {
      rip = protectedMode(cpu, kind, vector, error, flags, returnRip);
    }
    if (vector == Vector.DB && (kind == EventKind.EXCEPTION || kind == EventKind.ICEBP)) {
      cpu.field(CpuState.DR7, cpu.field(CpuState.DR7) & ~(long) DebugSpec.GD);
      long control = MsrSpec.DEBUGCTL_LBR | MsrSpec.DEBUGCTL_BTF;
      cpu.field(CpuState.DEBUGCTL, cpu.field(CpuState.DEBUGCTL) & ~control);
      // Breakpoints that MOV SS held back join this exception (17.3.1.1, last paragraphs of 6.8.3).
      int held = cpu.takeBreakpointHits();
      if (held != 0) {
        DebugRegisters.record(cpu, held | (int) cpu.field(CpuState.DR6) & DebugSpec.B_MASK);
      }
    }
    return rip;
  }

  private static long pushedFlags(Cpu cpu, EventKind kind, int vector) {
    long flags = cpu.rflags();
    return switch (kind) {
      case EXCEPTION -> {
        boolean generalDetect =
            vector == Vector.DB
                && (cpu.field(CpuState.DR6) & DebugSpec.BD) != 0
                && (cpu.field(CpuState.DR7) & DebugSpec.GD) != 0;
        yield (NOT_FAULTS >>> vector & 1) == 0 || generalDetect ? flags | Rflags.RF : flags;
      }
      case SOFTWARE_INT, INT3, INTO, ICEBP -> flags & ~(long) Rflags.RF;
      case EXTERNAL, NMI -> flags;
    };
  }

  private static Fault idtFault(Cpu cpu, int exception, int vector) {
    return cpu.fault(exception, vector << 3 | DescriptorSpec.ERROR_IDT);
  }

  private static void setFlags(Cpu cpu, int clear) {
    cpu.rflags(cpu.rflags() & ~(long) clear);
  }

  // Real mode and its likeness in virtual-8086 mode.

  private static long real(Cpu cpu, int vector, long flags, long returnRip) {
    if (vector * 4L + 3 > cpu.field(CpuState.IDTR_LIMIT)) {
      throw idtFault(cpu, Vector.GP, vector);
    }
    long at = DescriptorTables.wrap(cpu, cpu.field(CpuState.IDTR_BASE) + vector * 4L);
    int target = (int) cpu.loadLinear(at, 4, true);
    pushReal(cpu, flags, returnRip);
    CodeSegment.loadReal(cpu, target >>> 16);
    setFlags(cpu, Rflags.IF | Rflags.TF | Rflags.AC | Rflags.RF);
    return target & 0xffff;
  }

  private static void pushReal(Cpu cpu, long flags, long returnRip) {
    Stack stack = Stack.current(cpu);
    stack.check(3, 2);
    stack.push(2, flags);
    stack.push(2, cpu.selector(Segment.CS));
    stack.push(2, returnRip);
    stack.commit();
  }

  /** Whether INT n goes to the 8086 program's own handler; otherwise IOPL must be 3. */
  private static boolean redirected(Cpu cpu, int vector) {
    if ((cpu.cr4() & Cr4.VME) != 0) {
      if (cpu.limit(Segment.TR) < TssSpec.IO_MAP_BASE + 1) {
        throw cpu.gp();
      }
      long base = cpu.base(Segment.TR);
      long map =
          cpu.loadLinear(DescriptorTables.wrap(cpu, base + TssSpec.IO_MAP_BASE), 2, true)
              - TssSpec.REDIRECTION_BYTES;
      long at = map + vector / 8;
      if (at < 0 || at > cpu.limit(Segment.TR)) {
        throw cpu.gp();
      }
      long bits = cpu.loadLinear(DescriptorTables.wrap(cpu, base + at), 1, true);
      if ((bits >>> vector % 8 & 1) == 0) {
        return true;
      }
    }
    if ((cpu.systemFlags() & Rflags.IOPL) != Rflags.IOPL) {
      throw cpu.gp();
    }
    return false;
  }

  private static long virtual8086(Cpu cpu, int vector, long flags, long returnRip) {
    int target = (int) cpu.loadLinear(vector * 4L, 4, true);
    boolean privileged = (flags & Rflags.IOPL) == Rflags.IOPL;
    long image = flags;
    if (!privileged) {
      image |= Rflags.IOPL;
      image = (flags & Rflags.VIF) != 0 ? image | Rflags.IF : image & ~(long) Rflags.IF;
    }
    pushReal(cpu, image, returnRip);
    CodeSegment.loadV86(cpu, target >>> 16);
    setFlags(cpu, Rflags.TF | Rflags.RF | Rflags.NT | (privileged ? Rflags.IF : Rflags.VIF));
    return target & 0xffff;
  }

  // Protected, compatibility and 64-bit mode, and virtual-8086 mode through a gate.

  private static long protectedMode(
      Cpu cpu, EventKind kind, int vector, int error, long flags, long returnRip) {
    boolean longMode = cpu.longModeActive();
    int length = longMode ? 16 : 8;
    if ((long) vector * length + length - 1 > cpu.field(CpuState.IDTR_LIMIT)) {
      throw idtFault(cpu, Vector.GP, vector);
    }
    long at = DescriptorTables.wrap(cpu, cpu.field(CpuState.IDTR_BASE) + (long) vector * length);
    long gate = DescriptorTables.read(cpu, at);
    int type = Descriptor.type(gate);
    boolean valid =
        switch (type) {
          case DescriptorSpec.INTERRUPT_GATE, DescriptorSpec.TRAP_GATE -> true;
          case DescriptorSpec.TASK_GATE,
              DescriptorSpec.INTERRUPT_GATE16,
              DescriptorSpec.TRAP_GATE16 ->
              !longMode;
          default -> false;
        };
    if (!Descriptor.system(gate)
        || !valid
        || (kind.software() && Descriptor.dpl(gate) < cpu.cpl())) {
      throw idtFault(cpu, Vector.GP, vector);
    }
    if (!Descriptor.present(gate)) {
      throw idtFault(cpu, Vector.NP, vector);
    }
    if (type == DescriptorSpec.TASK_GATE) {
      return task(cpu, Descriptor.gateSelector(gate), error, flags, returnRip);
    }
    int selector = Descriptor.gateSelector(gate);
    if (DescriptorTables.isNull(selector)) {
      throw cpu.gp();
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    int dpl = Descriptor.dpl(d);
    boolean inward = !Descriptor.conforming(d) && dpl < cpu.cpl();
    if (!Descriptor.code(d)
        || dpl > cpu.cpl()
        || (longMode && (!Descriptor.longCode(d) || Descriptor.big(d)))) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    if (cpu.v86() && (!inward || dpl != 0)) {
      throw DescriptorTables.gp(cpu, selector);
    }
    if (longMode) {
      long offset = Descriptor.gateOffset(gate) | DescriptorTables.readHigh(cpu, at) << 32;
      long64(cpu, gate, selector, address, d, offset, inward, error, flags, returnRip);
      return offset;
    }
    boolean wide = (type & DescriptorSpec.TYPE_32) != 0;
    long offset = Descriptor.gateOffset(gate) & (wide ? 0xffff_ffffL : 0xffff);
    if (inward) {
      inward(cpu, wide ? 4 : 2, selector, address, d, offset, error, flags, returnRip);
    } else {
      sameLevel(cpu, wide ? 4 : 2, selector, address, d, offset, error, flags, returnRip);
    }
    leave(cpu, type);
    return offset;
  }

  /** Clears the flags that a handler begins without; an interrupt gate clears IF too. */
  private static void leave(Cpu cpu, int type) {
    int clear = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM;
    boolean interruptGate = (type & 7) == DescriptorSpec.INTERRUPT_GATE16;
    setFlags(cpu, interruptGate ? clear | Rflags.IF : clear);
  }

  private static long task(Cpu cpu, int selector, int error, long flags, long returnRip) {
    TaskSwitch.toAvailable(cpu, selector, TaskSwitch.Reason.CALL, returnRip, flags);
    if (error != Fault.NO_ERROR_CODE) {
      int size = (cpu.attributes(Segment.TR) & DescriptorSpec.TYPE_32) != 0 ? 4 : 2;
      Stack stack = Stack.current(cpu);
      stack.check(1, size);
      stack.push(size, error);
      stack.commit();
    }
    return cpu.nextRip();
  }

  private static void long64(
      Cpu cpu,
      long gate,
      int selector,
      long address,
      long d,
      long offset,
      boolean inward,
      int error,
      long flags,
      long returnRip) {
    int cpl = inward ? Descriptor.dpl(d) : cpu.cpl();
    int ist = Descriptor.gateIst(gate);
    long pointer =
        ist != 0
            ? InnerStack.ist(cpu, ist)
            : inward ? InnerStack.rsp(cpu, cpl) : cpu.gpr(4) & cpu.stackMask();
    Stack stack = Stack.in64(cpu, cpl, pointer & -16);
    boolean withError = error != Fault.NO_ERROR_CODE;
    stack.check(withError ? 6 : 5, 8);
    CodeSegment.checkOffset(cpu, d, offset);
    long code = DescriptorTables.access(cpu, address, d);
    stack.push(8, cpu.selector(Segment.SS));
    stack.push(8, cpu.gpr(4));
    stack.push(8, flags);
    stack.push(8, cpu.selector(Segment.CS));
    stack.push(8, returnRip);
    if (withError) {
      stack.push(8, error);
    }
    CodeSegment.load(cpu, selector, code, cpl);
    if (inward) {
      DescriptorTables.installNull(cpu, Segment.SS, cpl);
      cpu.modeChanged();
    }
    stack.commit();
    leave(cpu, Descriptor.type(gate));
  }

  private static void sameLevel(
      Cpu cpu,
      int size,
      int selector,
      long address,
      long d,
      long offset,
      int error,
      long flags,
      long returnRip) {
    Stack stack = Stack.current(cpu);
    boolean withError = error != Fault.NO_ERROR_CODE;
    stack.check(withError ? 4 : 3, size);
    CodeSegment.checkOffset(cpu, d, offset);
    long code = DescriptorTables.access(cpu, address, d);
    stack.push(size, flags);
    stack.push(size, cpu.selector(Segment.CS));
    stack.push(size, returnRip);
    if (withError) {
      stack.push(size, error);
    }
    stack.commit();
    CodeSegment.load(cpu, selector, code, cpu.cpl());
  }

  /** To an inner level with a stack from the TSS; from virtual-8086 mode with its segments too. */
  private static void inward(
      Cpu cpu,
      int size,
      int selector,
      long address,
      long d,
      long offset,
      int error,
      long flags,
      long returnRip) {
    int cpl = Descriptor.dpl(d);
    boolean v86 = cpu.v86();
    InnerStack inner = InnerStack.find(cpu, cpl);
    Stack stack = Stack.in(cpu, cpl, inner.selector(), inner.descriptor(), inner.pointer());
    boolean withError = error != Fault.NO_ERROR_CODE;
    stack.check(5 + (v86 ? 4 : 0) + (withError ? 1 : 0), size);
    CodeSegment.checkOffset(cpu, d, offset);
    long code = DescriptorTables.access(cpu, address, d);
    long ss = DescriptorTables.access(cpu, inner.address(), inner.descriptor());
    if (v86) {
      stack.push(size, cpu.selector(Segment.GS));
      stack.push(size, cpu.selector(Segment.FS));
      stack.push(size, cpu.selector(Segment.DS));
      stack.push(size, cpu.selector(Segment.ES));
    }
    stack.push(size, cpu.selector(Segment.SS));
    stack.push(size, cpu.gpr(4));
    stack.push(size, flags);
    stack.push(size, cpu.selector(Segment.CS));
    stack.push(size, returnRip);
    if (withError) {
      stack.push(size, error);
    }
    if (v86) {
      setFlags(cpu, Rflags.VM);
      for (int seg = Segment.ES; seg <= Segment.GS; seg++) {
        if (seg != Segment.CS && seg != Segment.SS) {
          DescriptorTables.installNull(cpu, seg, 0);
        }
      }
    }
    CodeSegment.load(cpu, selector, code, cpl);
    DescriptorTables.install(cpu, Segment.SS, inner.selector(), ss);
    cpu.modeChanged();
    stack.commit();
  }
}
