package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_A;
import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.R14;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RBX;
import static isola.cpu.translator.HostAssembler.RCX;
import static isola.cpu.translator.HostAssembler.RDI;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.RSI;
import static isola.cpu.translator.HostAssembler.W;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.TssSpec;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;

/**
 * Delivery of page faults in generated code (Intel SDM vol. 3A 6.14): where the walk of {@link
 * WalkThunks} finds one, the frame is pushed and the handler jumped to, if Java delivered one of
 * the same site before and the gate, the handler's code segment and the place of the stack are what
 * they were then. All else is left to Java, with nothing changed.
 */
final class PageFaultThunks {
  private static final int BASE = Layout.PAGE_FAULT;

  /** Not 0 while what follows is known, 4 bytes. */
  private static final int KNOWN = BASE;

  /** What RFLAGS keeps in the handler, 4 bytes. */
  private static final int KEPT_FLAGS = BASE + 4;

  /** Page faults delivered. */
  private static final int DELIVERED = BASE + 8;

  /** The gate: its linear address, its two halves, and the handler that it leads to. */
  private static final int GATE_AT = BASE + 16;

  private static final int GATE = BASE + 24;
  private static final int HANDLER = BASE + 40;

  /** The code segment: where its descriptor is, the descriptor, and what CS becomes by it. */
  private static final int CODE_AT = BASE + 48;

  private static final int CODE = BASE + 56;
  private static final int CS = BASE + 64;

  /** Linear address of RSP0 in the task-state segment. */
  private static final int STACK_AT = BASE + 96;

  /** The bases and limits that these addresses come from. */
  private static final int SOURCES = BASE + 104;

  private static final int[] SOURCE = {
    CpuState.IDTR_BASE,
    CpuState.IDTR_LIMIT,
    CpuState.GDTR_BASE,
    CpuState.GDTR_LIMIT,
    CpuState.SEGMENTS + Segment.TR * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_BASE,
    CpuState.SEGMENTS + Segment.TR * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_LIMIT
  };

  // A site whose fault Java has delivered, by the low bits of its number.

  private static final int RECORDS = Layout.FAULT_SITES;
  private static final int RECORD_SHIFT = 5;
  private static final int RECORD_MASK = Layout.FAULT_SITE_COUNT - 1;

  /** Number of the site, 4 bytes; -1 for none. */
  private static final int SITE = 0;

  /** Bits of the operand's address that must be 0, 4 bytes. */
  private static final int ALIGNMENT = 4;

  /** How far behind the probe's address the operand begins. */
  private static final int OFFSET = 8;

  /** Greatest offset in a page at which the probe stays in it, 4 bytes. */
  private static final int LAST = 16;

  /** Address of the instruction. */
  private static final int RIP = 24;

  /** Bits of a descriptor from byte 5 on that tell a code segment for the kernel's handlers. */
  private static final int CODE_BITS =
      Attribute.ACCESSED
          | Attribute.CONFORMING
          | Attribute.CODE
          | Attribute.S
          | Attribute.DPL
          | Attribute.P
          | Attribute.L
          | Attribute.DB;

  private static final int CODE_WANTED =
      Attribute.ACCESSED | Attribute.CODE | Attribute.S | Attribute.P | Attribute.L;

  /** Bytes of the frame. */
  private static final int FRAME = 48;

  private final HostAssembler a;
  private final long[] deliver = new long[Layout.TABLES];
  private final long[] deliverFetch = new long[Layout.TABLES];
  private final List<Integer> slow = new ArrayList<>();

  /**
   * Writes them.
   *
   * @param leave where the walk leaves to Java
   * @param giveUp where the walk for code does
   */
  PageFaultThunks(HostAssembler assembler, long leave, long giveUp) {
    a = assembler;
    for (int table = 0; table < Layout.TABLES; table++) {
      deliver[table] = deliver(table, true, leave);
      deliverFetch[table] = deliver(table, false, giveUp);
    }
  }

  /**
   * Where to jump to from a walk that found a fault: the error code in RBX, the linear address in
   * R14, the guest's registers spilled.
   */
  long of(int table) {
    return deliver[table];
  }

  /** The same for code, whose address is in RDI and RDX. */
  long ofFetch(int table) {
    return deliverFetch[table];
  }

  /** How many were delivered. */
  static long delivered(Cpu cpu) {
    return cpu.field(DELIVERED);
  }

  // What Java tells.

  /** Forgets all sites, whose numbers will be given anew. */
  static void forgetSites(long state) {
    for (int i = 0; i <= RECORD_MASK; i++) {
      RawMemory.putInt(state + RECORDS + (i << RECORD_SHIFT) + SITE, -1);
    }
  }

  /** Remembers a site whose page fault Java is about to deliver. */
  static void remember(Cpu cpu, Sites sites, int site) {
    int last = 4096 - sites.size(site);
    if (!sites.saved(site) || last < 0) {
      return;
    }
    int record = RECORDS + ((site & RECORD_MASK) << RECORD_SHIFT);
    cpu.intField(record + SITE, site);
    cpu.intField(record + ALIGNMENT, Math.max(0, sites.aligned(site) - 1));
    cpu.field(record + OFFSET, sites.offset(site));
    cpu.intField(record + LAST, last);
    cpu.field(record + RIP, sites.rip(site));
  }

  /** To be called when control registers and descriptor tables may have changed. */
  static void modeChanged(Cpu cpu) {
    if (cpu.intField(KNOWN) == 0) {
      return;
    }
    for (int i = 0; i < SOURCE.length; i++) {
      if (cpu.field(SOURCES + i * 8) != cpu.field(SOURCE[i])) {
        cpu.intField(KNOWN, 0);
        return;
      }
    }
  }

  /**
   * Remembers the gate for page faults. To be called after one was delivered, with the processor
   * still in the same code segment.
   */
  static void rememberGate(Cpu cpu) {
    if (cpu.intField(KNOWN) != 0 || !cpu.is64() || cpu.cpl() != 0) {
      return;
    }
    long cr2 = cpu.field(CpuState.CR2);
    try {
      cpu.intField(KNOWN, readGate(cpu) ? 1 : 0);
    } catch (Fault ignored) {
      cpu.field(CpuState.CR2, cr2);
    }
  }

  private static boolean readGate(Cpu cpu) {
    long gateAt = cpu.field(CpuState.IDTR_BASE) + Vector.PF * 16;
    if (cpu.field(CpuState.IDTR_LIMIT) < Vector.PF * 16 + 15) {
      return false;
    }
    long low = cpu.loadLinear(gateAt, 8, true);
    long high = cpu.loadLinear(gateAt + 8, 8, true);
    int selector = (int) (low >>> 16) & 0xffff;
    int rights = (int) (low >>> 40) & (Attribute.P | 0x1f);
    boolean interruptGate = rights == (Attribute.P | DescriptorSpec.INTERRUPT_GATE);
    boolean ist = (low >>> 32 & 7) != 0;
    if (ist || !(interruptGate || rights == (Attribute.P | DescriptorSpec.TRAP_GATE))) {
      return false;
    }
    boolean local = (selector & DescriptorSpec.TI) != 0;
    int index = selector & DescriptorSpec.SELECTOR_INDEX;
    if (local || index == 0 || index + 7 > cpu.field(CpuState.GDTR_LIMIT)) {
      return false;
    }
    long codeAt = cpu.field(CpuState.GDTR_BASE) + index;
    long code = cpu.loadLinear(codeAt, 8, true);
    long handler = (low & 0xffff) | (low >>> 32 & 0xffff_0000L) | high << 32;
    boolean fits =
        ((int) (code >>> 40) & CODE_BITS) == CODE_WANTED
            && cpu.selector(Segment.CS) == index
            && cpu.attributes(Segment.CS) == ((int) (code >>> 40) & 0xf0ff)
            && cpu.limit(Segment.TR) >= TssSpec.RSP0_64 + 7
            && cpu.canonical(handler);
    if (!fits) {
      return false;
    }
    int clear = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM | (interruptGate ? Rflags.IF : 0);
    cpu.intField(KEPT_FLAGS, ~clear);
    cpu.field(GATE_AT, gateAt);
    cpu.field(GATE, low);
    cpu.field(GATE + 8, high);
    cpu.field(HANDLER, handler);
    cpu.field(CODE_AT, codeAt);
    cpu.field(CODE, code);
    for (int i = 0; i < CpuState.SEGMENT_SIZE; i += 8) {
      cpu.field(CS + i, cpu.field(SystemEmitter.segment(Segment.CS, i)));
    }
    cpu.field(STACK_AT, cpu.base(Segment.TR) + TssSpec.RSP0_64);
    for (int i = 0; i < SOURCE.length; i++) {
      cpu.field(SOURCES + i * 8, cpu.field(SOURCE[i]));
    }
    return true;
  }

  // The code.

  private void slowIf(int condition) {
    slow.add(a.jumpForward(condition));
  }

  private void record(int flags, int opcode, int register, int field) {
    a.stateIndexed(flags, opcode, register, RCX, NONE, 0, RECORDS + field);
  }

  /** Turns the linear address in R14 into the host's, for a supervisor's access. Uses RCX. */
  private void probe(int size, int tag) {
    a.mov32(RCX, R14);
    a.register(0, 0xc1, 5, RCX);
    a.emit(12 - Tlb.ENTRY_SHIFT);
    a.register(0, 0x81, 4, RCX);
    a.emit32((Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT);
    a.stateIndexed(W, 0x33, R14, RCX, NONE, 0, Layout.tlb(Tlb.SUPERVISOR, tag));
    a.register(W, 0x81, 7, R14);
    a.emit32(4096 - size);
    slowIf(CC_A);
    a.stateIndexed(W, 0x03, R14, RCX, NONE, 0, Layout.tlb(Tlb.SUPERVISOR, Tlb.HOST));
  }

  /** Leaves to Java unless 8 bytes at R14 are as remembered. */
  private void compare(int from, int remembered) {
    a.memory(W, 0x8b, RAX, R14, NONE, 0, from);
    a.state(W, 0x3b, RAX, remembered);
    slowIf(CC_NZ);
  }

  private long deliver(int table, boolean operand, long leave) {
    slow.clear();
    a.align(16);
    final long at = a.here();
    a.state(0, 0x83, 7, KNOWN);
    a.emit(0);
    slowIf(CC_Z);
    if (operand) {
      site();
    }
    // What LAHF gives has bit 1 set; if not, there is something else in the place of the flags.
    a.state(0, 0xf6, 0, Layout.FLAGS + 1);
    a.emit(Rflags.RESERVED_1);
    slowIf(CC_Z);
    if (table == Tlb.USER) {
      // The handler would reach pages in another way.
      a.state(0, 0xf7, 0, Layout.SYSTEM_FLAGS);
      a.emit32(Rflags.AC);
      slowIf(CC_NZ);
    }
    a.load(R14, GATE_AT);
    probe(16, Tlb.READ);
    compare(0, GATE);
    compare(8, GATE + 8);
    a.load(R14, CODE_AT);
    probe(8, Tlb.READ);
    compare(0, CODE);
    if (table == Tlb.USER) {
      a.load(R14, STACK_AT);
      probe(8, Tlb.READ);
      a.memory(W, 0x8b, RAX, R14, NONE, 0, 0);
    } else {
      a.mov(RAX, Layout.STACK);
    }
    a.register(W, 0x83, 4, RAX);
    a.emit(-16);
    a.lea(RAX, RAX, -FRAME);
    a.mov(R14, RAX);
    probe(FRAME, Tlb.WRITE);
    frame();
    enter(table);

    for (int jump : slow) {
      a.bind(jump);
    }
    a.jump(leave);
    return at;
  }

  /** Looks up the site: RDX becomes CR2, RDI the instruction's address. */
  private void site() {
    a.load32(RCX, Layout.EXIT_SITE);
    a.mov32(RSI, RCX);
    a.register(0, 0x81, 4, RCX);
    a.emit32(RECORD_MASK);
    a.register(0, 0xc1, 4, RCX);
    a.emit(RECORD_SHIFT);
    record(0, 0x3b, RSI, SITE);
    slowIf(CC_NZ);
    a.mov32(RAX, R14);
    a.register(0, 0x81, 4, RAX);
    a.emit32(4095);
    record(0, 0x3b, RAX, LAST);
    slowIf(CC_A);
    a.mov(RDX, R14);
    record(W, 0x03, RDX, OFFSET);
    record(0, 0x85, RDX, ALIGNMENT);
    slowIf(CC_NZ);
    record(W, 0x8b, RDI, RIP);
  }

  /** Pushes: RBX is the error code, RDI where the fault is, R14 the stack on the host. */
  private void frame() {
    a.memory(W, 0x89, RBX, R14, NONE, 0, 0);
    a.memory(W, 0x89, RDI, R14, NONE, 0, 8);
    a.load32(RSI, SystemEmitter.segment(Segment.CS, CpuState.SEGMENT_SELECTOR));
    a.memory(W, 0x89, RSI, R14, NONE, 0, 16);
    SystemEmitter.joinFlags(a, RCX);
    a.register(0, 0x81, 1, RCX);
    a.emit32(Rflags.RF);
    a.memory(W, 0x89, RCX, R14, NONE, 0, 24);
    a.memory(W, 0x89, Layout.STACK, R14, NONE, 0, 32);
    a.load32(RSI, SystemEmitter.segment(Segment.SS, CpuState.SEGMENT_SELECTOR));
    a.memory(W, 0x89, RSI, R14, NONE, 0, 40);
  }

  /** Goes to the handler: RDX is CR2, RAX the new RSP. */
  private void enter(int table) {
    a.store(CpuState.CR2, RDX);
    a.mov(Layout.STACK, RAX);
    a.load32(RSI, KEPT_FLAGS);
    a.state(0, 0x21, RSI, Layout.SYSTEM_FLAGS);
    for (int i = 0; i < CpuState.SEGMENT_SIZE; i += 8) {
      a.load(RSI, CS + i);
      a.store(SystemEmitter.segment(Segment.CS, i), RSI);
    }
    if (table == Tlb.USER) {
      int stack = SystemEmitter.segment(Segment.SS, CpuState.SEGMENT_SELECTOR);
      a.storeImmediate32(stack, 0);
      a.storeImmediate32(stack + CpuState.SEGMENT_ATTRIBUTES, Attribute.UNUSABLE);
      a.storeImmediate(stack + CpuState.SEGMENT_BASE, 0);
      a.storeImmediate32(CpuState.CPL, 0);
    }
    a.storeImmediate32(Layout.AHEAD, 1);
    a.state(W, 0xff, 0, DELIVERED);
    WalkThunks.restore(a);
    // The way back to the probe.
    a.lea(HostAssembler.RSP, HostAssembler.RSP, 8);
    a.load(RCX, HANDLER);
    a.storeImmediate32(Layout.JUMP_SITE, 0);
    a.register(MAP_0F, 0xb7, R14, RCX);
    int to = table == Tlb.USER ? Tlb.SUPERVISOR : table;
    a.stateIndexed(0, 0xff, 4, NONE, R14, 3, Layout.jumpCache(to, false));
  }
}
