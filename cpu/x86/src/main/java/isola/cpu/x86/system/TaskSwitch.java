package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.DebugSpec;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.TssSpec;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/** Hardware task switches between 16- and 32-bit tasks (Intel SDM vol. 3A 7.3). */
final class TaskSwitch {
  /** What caused the switch; it decides on busy bits, link and NT (table 7-2). */
  enum Reason {
    JUMP,
    CALL,
    IRET;
  }

  /** Bytes of a TSS that a switch writes: from the instruction pointer to the last selector. */
  private static final int SAVED_32 = TssSpec.LDTR - TssSpec.EIP;

  private static final int SAVED_16 = TssSpec.LDTR_16 - TssSpec.IP_16;

  private TaskSwitch() {}

  /** Switches by JMP, CALL or an event; {@code returnRip} is saved as the old task's EIP. */
  static void toAvailable(Cpu cpu, int selector, Reason reason, long returnRip) {
    toAvailable(cpu, selector, reason, returnRip, cpu.rflags());
  }

  /** As above with the flags to save, which for a fault have RF set. */
  static void toAvailable(Cpu cpu, int selector, Reason reason, long returnRip, long flags) {
    if (DescriptorTables.isNull(selector) || (selector & DescriptorSpec.TI) != 0) {
      throw DescriptorTables.gp(cpu, selector);
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    int type = Descriptor.type(d);
    if (!Descriptor.system(d) || (type != DescriptorSpec.TSS && type != DescriptorSpec.TSS16)) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    change(cpu, selector, address, d, reason, returnRip, flags);
  }

  /** Returns to the task that the current TSS links to: IRET with NT. */
  static void toLinked(Cpu cpu) {
    long base = cpu.base(Segment.TR);
    int selector = (int) cpu.loadLinear(DescriptorTables.wrap(cpu, base), 2, true);
    if (DescriptorTables.isNull(selector) || (selector & DescriptorSpec.TI) != 0) {
      throw ts(cpu, selector);
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.TS);
    long d = DescriptorTables.read(cpu, address);
    int type = Descriptor.type(d);
    if (!Descriptor.system(d)
        || (type != DescriptorSpec.TSS_BUSY && type != DescriptorSpec.TSS16_BUSY)) {
      throw ts(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    change(cpu, selector, address, d, Reason.IRET, cpu.nextRip(), cpu.rflags() & ~(long) Rflags.NT);
  }

  private static Fault ts(Cpu cpu, int selector) {
    return DescriptorTables.fault(cpu, Vector.TS, selector);
  }

  private static boolean is32(int type) {
    return (type & DescriptorSpec.TYPE_32) != 0;
  }

  private static void change(
      Cpu cpu, int selector, long address, long d, Reason reason, long returnRip, long flags) {
    boolean to32 = is32(Descriptor.type(d));
    long to = Descriptor.base(d);
    if (Descriptor.limit(d) < (to32 ? TssSpec.MIN_LIMIT : TssSpec.MIN_LIMIT_16)) {
      throw ts(cpu, selector);
    }
    boolean from32 = is32(cpu.attributes(Segment.TR));
    long from = cpu.base(Segment.TR);
    if (cpu.limit(Segment.TR) < (from32 ? TssSpec.MIN_LIMIT : TssSpec.MIN_LIMIT_16)) {
      throw ts(cpu, cpu.selector(Segment.TR));
    }
    int oldTask = cpu.selector(Segment.TR);
    long oldAddress =
        DescriptorTables.wrap(
            cpu, cpu.field(CpuState.GDTR_BASE) + (oldTask & DescriptorSpec.SELECTOR_INDEX));

    // Everything that can fault in the old task faults here.
    cpu.checkStoreLinear(
        DescriptorTables.wrap(cpu, from + (from32 ? TssSpec.EIP : TssSpec.IP_16)),
        from32 ? SAVED_32 : SAVED_16,
        true);
    cpu.checkLoadLinear(to, to32 ? TssSpec.MIN_LIMIT + 1 : TssSpec.MIN_LIMIT_16 + 1, true);
    if (reason == Reason.CALL) {
      cpu.checkStoreLinear(to, 2, true);
    } else {
      cpu.checkStoreLinear(oldAddress, 8, true);
    }
    if (reason != Reason.IRET) {
      cpu.checkStoreLinear(address, 8, true);
    }

    save(cpu, from, from32, returnRip, flags);
    if (reason == Reason.CALL) {
      cpu.storeLinear(to, 2, oldTask, true);
    } else {
      DescriptorTables.clearBusy(cpu, oldAddress);
    }
    if (reason != Reason.IRET) {
      DescriptorTables.setBusy(cpu, address);
    }
    DescriptorTables.install(cpu, Segment.TR, selector, d | (long) DescriptorSpec.BUSY << 40);
    cpu.field(CpuState.CR0, cpu.cr0() | Cr0.TS);
    cpu.field(CpuState.DR7, cpu.field(CpuState.DR7) & ~(long) DebugSpec.LOCAL_ENABLES);
    enter(cpu, to, to32, reason == Reason.CALL);
  }

  private static void save(Cpu cpu, long base, boolean wide, long rip, long flags) {
    int size = wide ? 4 : 2;
    put(cpu, base + (wide ? TssSpec.EIP : TssSpec.IP_16), size, rip);
    put(cpu, base + (wide ? TssSpec.EFLAGS : TssSpec.FLAGS_16), size, flags);
    for (int r = 0; r < 8; r++) {
      put(cpu, base + (wide ? TssSpec.GPR : TssSpec.GPR_16) + (long) r * size, size, cpu.gpr(r));
    }
    int selectors = wide ? 6 : 4;
    for (int s = 0; s < selectors; s++) {
      // The upper halves of selector fields are reserved and stay.
      put(
          cpu,
          base + (wide ? TssSpec.SELECTORS : TssSpec.SELECTORS_16) + (long) s * size,
          2,
          cpu.selector(s));
    }
  }

  private static void put(Cpu cpu, long linear, int size, long value) {
    cpu.storeLinear(DescriptorTables.wrap(cpu, linear), size, value, true);
  }

  private static long get(Cpu cpu, long linear, int size) {
    return cpu.loadLinear(DescriptorTables.wrap(cpu, linear), size, true);
  }

  /** Loads the new task; from here on faults are its own. */
  private static void enter(Cpu cpu, long base, boolean wide, boolean nested) {
    int size = wide ? 4 : 2;
    long rip = get(cpu, base + (wide ? TssSpec.EIP : TssSpec.IP_16), size);
    long flags = get(cpu, base + (wide ? TssSpec.EFLAGS : TssSpec.FLAGS_16), size);
    long pageTables = wide ? get(cpu, base + TssSpec.CR3, 4) : 0;
    int ldt = (int) get(cpu, base + (wide ? TssSpec.LDTR : TssSpec.LDTR_16), 2);
    boolean trap = wide && (get(cpu, base + TssSpec.TRAP, 2) & 1) != 0;
    for (int r = 0; r < 8; r++) {
      long value = get(cpu, base + (wide ? TssSpec.GPR : TssSpec.GPR_16) + (long) r * size, size);
      cpu.gpr(r, wide ? value : value | 0xffff_0000L);
    }
    for (int s = Segment.ES; s <= Segment.GS; s++) {
      int at = (wide ? TssSpec.SELECTORS : TssSpec.SELECTORS_16) + s * size;
      int selector = wide || s <= Segment.DS ? (int) get(cpu, base + at, 2) : 0;
      cpu.segment(s, selector, Attribute.UNUSABLE, 0, cpu.limit(s));
    }
    cpu.segment(Segment.LDTR, ldt, Attribute.UNUSABLE, 0, 0);
    cpu.rip(rip);
    cpu.nextRip(rip);
    boolean paging = (cpu.cr0() & Cr0.PG) != 0;
    boolean goodTables = true;
    if (wide && paging) {
      if ((cpu.cr4() & Cr4.PAE) != 0) {
        goodTables = cpu.mmu.loadPdptes(pageTables);
      }
      if (goodTables) {
        cpu.field(CpuState.CR3, pageTables);
        cpu.flushTlb(false);
      }
    }
    long kept = (flags & Rflags.DEFINED) | Rflags.RESERVED_1 | (nested ? Rflags.NT : 0);
    boolean v86 = (kept & Rflags.VM) != 0;
    cpu.cpl(v86 ? 3 : cpu.selector(Segment.CS) & DescriptorSpec.RPL);
    cpu.rflags(kept);
    cpu.modeChanged();
    if (!goodTables) {
      throw ts(cpu, cpu.selector(Segment.TR));
    }
    if (!DescriptorTables.isNull(ldt)) {
      SegmentLoads.loadLdt(cpu, ldt, Vector.TS, Vector.TS);
    }
    if (v86) {
      for (int s = Segment.ES; s <= Segment.GS; s++) {
        SegmentLoads.loadV86(cpu, s, cpu.selector(s));
      }
      cpu.modeChanged();
    } else {
      loadStack(cpu);
      loadCode(cpu);
      for (int s = Segment.ES; s <= Segment.GS; s++) {
        if (s != Segment.CS && s != Segment.SS) {
          loadData(cpu, s);
        }
      }
    }
    if (rip > cpu.limit(Segment.CS)) {
      throw cpu.gp();
    }
    if (trap) {
      DebugRegisters.post(cpu, DebugSpec.BT);
    }
  }

  private static void loadStack(Cpu cpu) {
    int selector = cpu.selector(Segment.SS);
    if (DescriptorTables.isNull(selector)) {
      throw ts(cpu, selector);
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.TS);
    long d = DescriptorTables.read(cpu, address);
    if (!Descriptor.writableData(d)
        || Descriptor.dpl(d) != cpu.cpl()
        || (selector & DescriptorSpec.RPL) != cpu.cpl()) {
      throw ts(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.SS, selector);
    }
    d = DescriptorTables.access(cpu, address, d);
    DescriptorTables.install(cpu, Segment.SS, selector, d);
  }

  private static void loadCode(Cpu cpu) {
    int selector = cpu.selector(Segment.CS);
    if (DescriptorTables.isNull(selector)) {
      throw ts(cpu, selector);
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.TS);
    long d = DescriptorTables.read(cpu, address);
    int rpl = selector & DescriptorSpec.RPL;
    boolean refused =
        !Descriptor.code(d)
            || (Descriptor.conforming(d) ? Descriptor.dpl(d) > rpl : Descriptor.dpl(d) != rpl);
    if (refused) {
      throw ts(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    d = DescriptorTables.access(cpu, address, d);
    CodeSegment.load(cpu, selector, d, rpl);
  }

  private static void loadData(Cpu cpu, int seg) {
    int selector = cpu.selector(seg);
    if (DescriptorTables.isNull(selector)) {
      return;
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.TS);
    long d = DescriptorTables.read(cpu, address);
    if (!Descriptor.readable(d)
        || !SegmentLoads.reachable(d, Math.max(selector & DescriptorSpec.RPL, cpu.cpl()))) {
      throw ts(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.NP, selector);
    }
    d = DescriptorTables.access(cpu, address, d);
    DescriptorTables.install(cpu, seg, selector, d);
  }
}
