package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;

/** Far JMP and CALL in every mode (Intel SDM vol. 2A CALL and JMP). */
final class FarTransfer {
  private FarTransfer() {}

  /** JMP ptr16:16, ptr16:32, m16:16, m16:32, m16:64. */
  static void jump(Cpu cpu, Insn insn) {
    long offset = offset(cpu, insn);
    transfer(cpu, insn.operandSize, selector(cpu, insn), offset, false);
  }

  /** CALL ptr16:16, ptr16:32, m16:16, m16:32, m16:64. */
  static void call(Cpu cpu, Insn insn) {
    long offset = offset(cpu, insn);
    transfer(cpu, insn.operandSize, selector(cpu, insn), offset, true);
  }

  private static long offset(Cpu cpu, Insn insn) {
    long offset =
        memory(insn) ? cpu.load(insn.segment, cpu.effective(insn), insn.operandSize) : insn.imm;
    return switch (insn.operandSize) {
      case 2 -> offset & 0xffff;
      case 4 -> offset & 0xffff_ffffL;
      default -> offset;
    };
  }

  private static int selector(Cpu cpu, Insn insn) {
    return memory(insn)
        ? (int) cpu.load(insn.segment, cpu.effective(insn) + insn.operandSize, 2)
        : insn.imm2 & 0xffff;
  }

  /** Whether the target is a far pointer in memory (opcode FF) rather than in the instruction. */
  private static boolean memory(Insn insn) {
    return insn.opcode() == 0xff;
  }

  private static void transfer(Cpu cpu, int size, int selector, long offset, boolean call) {
    if (!cpu.protectedMode() || cpu.v86()) {
      flat(cpu, size, selector, offset, call);
      return;
    }
    if (DescriptorTables.isNull(selector)) {
      throw cpu.gp();
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    if (!Descriptor.system(d)) {
      toCode(cpu, size, selector, address, d, offset, call);
    } else {
      toSystem(cpu, selector, d, call);
    }
  }

  private static void flat(Cpu cpu, int size, int selector, long offset, boolean call) {
    if (offset > (cpu.v86() ? 0xffff : cpu.limit(Segment.CS))) {
      throw cpu.gp();
    }
    if (call) {
      pushReturn(cpu, size);
    }
    if (cpu.v86()) {
      CodeSegment.loadV86(cpu, selector);
    } else {
      CodeSegment.loadReal(cpu, selector);
    }
    cpu.nextRip(offset);
  }

  private static void pushReturn(Cpu cpu, int size) {
    Stack stack = Stack.current(cpu);
    stack.check(2, size);
    stack.push(size, cpu.selector(Segment.CS));
    stack.push(size, cpu.nextRip());
    stack.commit();
  }

  private static void toCode(
      Cpu cpu, int size, int selector, long address, long d, long offset, boolean call) {
    int cpl = cpu.cpl();
    if (!Descriptor.code(d)) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkWidth(cpu, selector, d);
    boolean refused =
        Descriptor.conforming(d)
            ? Descriptor.dpl(d) > cpl
            : (selector & DescriptorSpec.RPL) > cpl || Descriptor.dpl(d) != cpl;
    if (refused) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    CodeSegment.checkOffset(cpu, d, offset);
    if (call) {
      Stack.current(cpu).check(2, size);
    }
    d = DescriptorTables.access(cpu, address, d);
    if (call) {
      pushReturn(cpu, size);
    }
    CodeSegment.load(cpu, selector, d, cpl);
    cpu.nextRip(offset);
  }

  private static void toSystem(Cpu cpu, int selector, long d, boolean call) {
    boolean longMode = cpu.longModeActive();
    int type = Descriptor.type(d);
    boolean known =
        switch (type) {
          case DescriptorSpec.CALL_GATE -> true;
          case DescriptorSpec.CALL_GATE16,
              DescriptorSpec.TASK_GATE,
              DescriptorSpec.TSS16,
              DescriptorSpec.TSS ->
              !longMode;
          default -> false;
        };
    int dpl = Descriptor.dpl(d);
    if (!known || dpl < cpu.cpl() || dpl < (selector & DescriptorSpec.RPL)) {
      throw DescriptorTables.gp(cpu, selector);
    }
    if (type == DescriptorSpec.CALL_GATE || type == DescriptorSpec.CALL_GATE16) {
      throughCallGate(cpu, selector, d, call);
      return;
    }
    CodeSegment.checkPresent(cpu, selector, d);
    int tss = type == DescriptorSpec.TASK_GATE ? Descriptor.gateSelector(d) : selector;
    TaskSwitch.Reason reason = call ? TaskSwitch.Reason.CALL : TaskSwitch.Reason.JUMP;
    TaskSwitch.toAvailable(cpu, tss, reason, cpu.nextRip());
  }

  private static void throughCallGate(Cpu cpu, int gateSelector, long gate, boolean call) {
    boolean longMode = cpu.longModeActive();
    boolean wideOffset = Descriptor.type(gate) == DescriptorSpec.CALL_GATE;
    long offset = Descriptor.gateOffset(gate);
    if (longMode) {
      long at = DescriptorTables.address(cpu, gateSelector, 16, Vector.GP);
      long high = DescriptorTables.readHigh(cpu, at);
      if ((high >>> 40 & 0x1f) != 0) {
        throw DescriptorTables.gp(cpu, gateSelector);
      }
      offset |= high << 32;
    } else if (!wideOffset) {
      offset &= 0xffff;
    }
    CodeSegment.checkPresent(cpu, gateSelector, gate);
    int selector = Descriptor.gateSelector(gate);
    if (DescriptorTables.isNull(selector)) {
      throw cpu.gp();
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    int dpl = Descriptor.dpl(d);
    int cpl = cpu.cpl();
    boolean refused =
        !Descriptor.code(d)
            || dpl > cpl
            || (longMode && (!Descriptor.longCode(d) || Descriptor.big(d)))
            || (!call && !Descriptor.conforming(d) && dpl != cpl);
    if (refused) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    int size = longMode ? 8 : wideOffset ? 4 : 2;
    if (call && !Descriptor.conforming(d) && dpl < cpl) {
      inward(cpu, selector, address, d, offset, size, Descriptor.gateParameters(gate));
      return;
    }
    CodeSegment.checkOffset(cpu, d, offset);
    if (call) {
      // Pushes are those of the code that is entered: 8 bytes each in IA-32e mode.
      Stack stack =
          longMode && !cpu.is64()
              ? Stack.in64(cpu, cpl, cpu.gpr(4) & cpu.stackMask())
              : Stack.current(cpu);
      stack.check(2, size);
      d = DescriptorTables.access(cpu, address, d);
      stack.push(size, cpu.selector(Segment.CS));
      stack.push(size, cpu.nextRip());
      CodeSegment.load(cpu, selector, d, cpl);
      stack.commit();
    } else {
      d = DescriptorTables.access(cpu, address, d);
      CodeSegment.load(cpu, selector, d, cpl);
    }
    cpu.nextRip(offset);
  }

  /** CALL to a more privileged level: new stack from the TSS, parameters copied. */
  private static void inward(
      Cpu cpu, int selector, long address, long d, long offset, int size, int parameters) {
    int dpl = Descriptor.dpl(d);
    if (size == 8) {
      Stack stack = Stack.in64(cpu, dpl, InnerStack.rsp(cpu, dpl));
      stack.check(4, 8);
      CodeSegment.checkOffset(cpu, d, offset);
      d = DescriptorTables.access(cpu, address, d);
      stack.push(8, cpu.selector(Segment.SS));
      stack.push(8, cpu.gpr(4));
      stack.push(8, cpu.selector(Segment.CS));
      stack.push(8, cpu.nextRip());
      CodeSegment.load(cpu, selector, d, dpl);
      DescriptorTables.installNull(cpu, Segment.SS, dpl);
      cpu.modeChanged();
      stack.commit();
      cpu.nextRip(offset);
      return;
    }
    InnerStack inner = InnerStack.find(cpu, dpl);
    Stack stack = Stack.in(cpu, dpl, inner.selector(), inner.descriptor(), inner.pointer());
    stack.check(4 + parameters, size);
    CodeSegment.checkOffset(cpu, d, offset);
    for (int i = 0; i < parameters; i++) {
      cpu.checkLoad(Segment.SS, Stack.above(cpu, (long) i * size), size);
    }
    d = DescriptorTables.access(cpu, address, d);
    long ss = DescriptorTables.access(cpu, inner.address(), inner.descriptor());
    stack.push(size, cpu.selector(Segment.SS));
    stack.push(size, cpu.gpr(4));
    for (int i = parameters - 1; i >= 0; i--) {
      stack.push(size, cpu.load(Segment.SS, Stack.above(cpu, (long) i * size), size));
    }
    stack.push(size, cpu.selector(Segment.CS));
    stack.push(size, cpu.nextRip());
    int stackSelector = inner.selector();
    CodeSegment.load(cpu, selector, d, dpl);
    DescriptorTables.install(cpu, Segment.SS, stackSelector, ss);
    cpu.modeChanged();
    stack.commit();
    cpu.nextRip(offset);
  }

  /** Far RET, which leaves {@code release} more bytes of parameters behind. */
  static void ret(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    long release = insn.imm & 0xffff;
    long offset = cpu.load(Segment.SS, Stack.above(cpu, 0), size);
    int selector = (int) cpu.load(Segment.SS, Stack.above(cpu, size), size) & 0xffff;
    if (!cpu.protectedMode() || cpu.v86()) {
      if (offset > (cpu.v86() ? 0xffff : cpu.limit(Segment.CS))) {
        throw cpu.gp();
      }
      Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + 2L * size + release);
      if (cpu.v86()) {
        CodeSegment.loadV86(cpu, selector);
      } else {
        CodeSegment.loadReal(cpu, selector);
      }
      cpu.nextRip(offset);
      return;
    }
    long address = FarReturn.checkSelector(cpu, selector);
    long d = FarReturn.checkCode(cpu, selector, address);
    int rpl = selector & DescriptorSpec.RPL;
    if (rpl == cpu.cpl()) {
      CodeSegment.checkOffset(cpu, d, offset);
      d = DescriptorTables.access(cpu, address, d);
      Stack.setPointer(cpu, cpu.stackMask(), cpu.gpr(4) + 2L * size + release);
      CodeSegment.load(cpu, selector, d, rpl);
      cpu.nextRip(offset);
      return;
    }
    long pointer = cpu.load(Segment.SS, Stack.above(cpu, 2L * size + release), size);
    int stackSelector =
        (int) cpu.load(Segment.SS, Stack.above(cpu, 3L * size + release), size) & 0xffff;
    FarReturn.outward(cpu, selector, address, d, offset, stackSelector, pointer, release);
  }
}
