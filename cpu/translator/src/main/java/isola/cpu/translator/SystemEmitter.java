package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_A;
import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.STACK;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;

/**
 * System instructions in generated code, for what kernels of 64-bit systems do all the time. What
 * is rare about each is left to Java at run time: it executes the instruction whole.
 *
 * <p>Host code may have changed the privilege level, RFLAGS or the bases of FS and GS in the state
 * while {@link isola.cpu.x86.cpu.Cpu} remembers others: {@link Layout#AHEAD} says so.
 */
final class SystemEmitter {
  private static final int FLAT = Attribute.S | Attribute.P | Attribute.G | Attribute.ACCESSED;
  private static final int CODE = FLAT | Attribute.CODE | Attribute.READABLE | Attribute.L;
  private static final int DATA = FLAT | Attribute.WRITABLE | Attribute.DB;

  /** RFLAGS bits that SYSRET takes from R11. */
  private static final int SYSRET_FLAGS = 0x3c7fd7;

  /** Guest RCX. */
  private static final int COUNT = Layout.host(1);

  private static final int R11 = 11;

  private final Emitter e;
  private final HostAssembler a;
  private final Sites sites;
  private final Thunks thunks;
  private final StringEmitter strings;
  private final VectorEmitter vectors;
  private final PagingEmitter paging;
  private final ExtendedStateEmitter extended;

  // Sites of the instruction in work that go on behind it.
  private final int[] pending = new int[16];
  private int pendings;

  SystemEmitter(Emitter emitter) {
    e = emitter;
    a = emitter.a;
    sites = emitter.sites;
    thunks = emitter.thunks;
    strings = new StringEmitter(this, emitter);
    vectors = new VectorEmitter(this, emitter);
    paging = new PagingEmitter(this, emitter);
    extended = new ExtendedStateEmitter(this, emitter);
  }

  /**
   * Writes an instruction that is otherwise Java's; false, with nothing written, if it stays so.
   */
  boolean emit(Insn insn) {
    Form form = insn.form;
    if (form == null) {
      return false;
    }
    pendings = 0;
    boolean done = emit(insn, form);
    for (int i = 0; i < pendings; i++) {
      sites.aid(pending[i], insn, a.here());
    }
    return done;
  }

  private boolean emit(Insn insn, Form form) {
    boolean privileged = e.table != Tlb.USER;
    if (e.code.word == 4 && !(inCode32(insn.op) && Coverage.flat(insn, e.block.mode))) {
      return false;
    }
    if (e.counting && Coverage.changesPages(insn)) {
      // It ends the block then, and Java goes on from there.
      return false;
    }
    switch (insn.op) {
      case SYSCALL -> syscall(insn);
      case CLD, STD -> direction(insn.opcode() == 0xfd);
      case MOVS, STOS, LODS -> {
        return strings.emit(insn);
      }
      case BT, BTS, BTR, BTC -> {
        return bitString(insn, form);
      }
      case RDPKRU -> rdpkru();
      case RDTSC, RDTSCP -> rdtsc(insn.op == Op.RDTSCP, privileged);
      case CMPXCHG8B -> {
        return exchange(insn, form);
      }
      case POPF -> {
        if (insn.operandSize != 8) {
          return false;
        }
        popf(privileged);
      }
      case RDFSBASE, RDGSBASE -> readBase(insn);
      case WRFSBASE, WRGSBASE -> writeBase(insn);
      case MOV -> {
        if (form.operands().kind(1) == 'S') {
          selector(insn);
          return true;
        }
        if (!privileged || form.map() != 1) {
          return false;
        }
        if (Coverage.changesPages(insn)) {
          paging.writeCr3(insn);
          return true;
        }
        return form.opcode() == 0x20 && readControl(insn);
      }
      default -> {
        return form.group() == Group.SSE
            ? vectors.emit(insn, form)
            : privileged && privileged(insn);
      }
    }
    return true;
  }

  /** Whether an instruction is written for 32-bit code too. */
  private static boolean inCode32(Op op) {
    return switch (op) {
      case CLD, STD, MOVS, STOS, LODS, RDTSC, RDTSCP, CMPXCHG8B, LDMXCSR -> true;
      default -> false;
    };
  }

  private boolean privileged(Insn insn) {
    switch (insn.op) {
      case SYSRET -> {
        if (insn.operandSize != 8) {
          return false;
        }
        sysret();
      }
      case SWAPGS -> {
        a.load(TEMPORARY, base(Segment.GS));
        a.load(ADDRESS, CpuState.KERNEL_GS_BASE);
        a.store(base(Segment.GS), ADDRESS);
        a.store(CpuState.KERNEL_GS_BASE, TEMPORARY);
        ahead();
      }
      case STAC, CLAC -> accessFlag(insn);
      case XSAVES, XRSTORS -> {
        return extended.emit(insn);
      }
      case INVLPG -> {
        return paging.invlpg(insn);
      }
      case IRET -> {
        if (insn.operandSize != 8 || e.table != Tlb.SUPERVISOR) {
          return false;
        }
        iret();
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  // Ways to Java.

  /** To be called first: the guest's flags are in {@link Layout#FLAGS} and the host's are free. */
  void saveFlags() {
    e.storeFlags();
    e.inHost = false;
  }

  /**
   * Lets Java execute the instruction, and go on behind it in this block, where a jump is taken.
   */
  void aidIf(int condition) {
    aid(a.jumpForward(condition));
  }

  void aid(int jump) {
    int site = sites.add(Sites.AID, e.block, e.insn.rip, 0, 0, e.saved);
    e.stub(jump, site, thunks.exit);
    pending[pendings++] = site;
  }

  /** The same for an instruction that ends its block. */
  private void aidAndEndIf(int condition) {
    int jump = a.jumpForward(condition);
    int site = sites.add(Sites.AID, e.block, e.insn.rip, 0, 0, e.saved);
    sites.aid(site, e.insn, 0);
    e.stub(jump, site, thunks.exit);
  }

  private void ahead() {
    a.storeImmediate32(Layout.AHEAD, 1);
  }

  static int segment(int seg, int field) {
    return CpuState.SEGMENTS + seg * CpuState.SEGMENT_SIZE + field;
  }

  private static int base(int seg) {
    return segment(seg, CpuState.SEGMENT_BASE);
  }

  private void test(int offset, int bits) {
    a.state(0, 0xf7, 0, offset);
    a.emit32(bits);
  }

  private void immediate(int flags, int operation, int register, int value) {
    a.register(flags, 0x81, operation, register);
    a.emit32(value);
  }

  private void testRegister(int register, int bits) {
    a.register(0, 0xf7, 0, register);
    a.emit32(bits);
  }

  /** Leaves to Java if an interrupt that was passed over waits for IF. */
  private void deferred() {
    a.state(0, 0x83, 7, CpuState.INTERRUPT_DEFERRED);
    a.emit(0);
    aidAndEndIf(CC_NZ);
  }

  /** RFLAGS in a register: status flags to {@link Layout#FLAGS}, the rest stays in it. */
  private void splitFlags(int register) {
    // or register, 2
    a.register(0, 0x83, 1, register);
    a.emit(Rflags.RESERVED_1);
    a.state(HostAssembler.REX, 0x88, register, Layout.FLAGS + 1);
    // bt register, 11; setc [FLAGS]
    a.register(MAP_0F, 0xba, 4, register);
    a.emit(11);
    a.state(MAP_0F, 0x92, 0, Layout.FLAGS);
    immediate(0, 4, register, ~Rflags.STATUS);
  }

  /** RFLAGS to a register, RAX to RBX, from {@link Layout#FLAGS} and the rest. */
  static void joinFlags(HostAssembler a, int register) {
    a.state(MAP_0F, 0xb6, register, Layout.FLAGS);
    a.register(0, 0xc1, 4, register);
    a.emit(11);
    a.state(0, 0x0a, register, Layout.FLAGS + 1);
    a.state(0, 0x0b, register, Layout.SYSTEM_FLAGS);
  }

  private void load(int seg, int attributes) {
    a.storeImmediate32(segment(seg, CpuState.SEGMENT_ATTRIBUTES), attributes);
    a.storeImmediate(segment(seg, CpuState.SEGMENT_BASE), 0);
    a.storeImmediate32(segment(seg, CpuState.SEGMENT_LIMIT), -1);
    a.storeImmediate32(segment(seg, CpuState.SEGMENT_LIMIT) + 4, 0);
  }

  /** Goes to the address in {@link Layout#TEMPORARY} with another TLB table. */
  private void go(int table) {
    a.storeImmediate32(Layout.JUMP_SITE, 0);
    a.register(MAP_0F, 0xb7, ADDRESS, TEMPORARY);
    a.stateIndexed(0, 0xff, 4, NONE, ADDRESS, 3, Layout.jumpCache(table, false));
  }

  // Fast system calls (Intel SDM vol. 2B).

  private void syscall(Insn insn) {
    e.realFlags();
    saveFlags();
    test(CpuState.EFER, Efer.SCE);
    aidAndEndIf(CC_Z);
    joinFlags(a, TEMPORARY);
    immediate(0, 4, TEMPORARY, ~Rflags.RF);
    // What SFMASK leaves must not change how memory is reached.
    a.load32(ADDRESS, CpuState.SFMASK);
    a.register(0, 0xf7, 2, ADDRESS);
    a.register(0, 0x23, ADDRESS, TEMPORARY);
    testRegister(ADDRESS, Rflags.TF | Rflags.AC | Rflags.VM);
    aidAndEndIf(CC_NZ);
    a.mov32(R11, TEMPORARY);
    splitFlags(ADDRESS);
    a.state(0, 0x89, ADDRESS, Layout.SYSTEM_FLAGS);
    a.movImmediate(COUNT, insn.rip + insn.length);
    a.load32(ADDRESS, CpuState.STAR + 4);
    immediate(0, 4, ADDRESS, 0xfffc);
    a.state(0, 0x89, ADDRESS, segment(Segment.CS, CpuState.SEGMENT_SELECTOR));
    a.lea(ADDRESS, ADDRESS, 8);
    a.register(MAP_0F, 0xb7, ADDRESS, ADDRESS);
    a.state(0, 0x89, ADDRESS, segment(Segment.SS, CpuState.SEGMENT_SELECTOR));
    load(Segment.CS, CODE);
    load(Segment.SS, DATA);
    a.storeImmediate32(CpuState.CPL, 0);
    ahead();
    a.load(TEMPORARY, CpuState.LSTAR);
    go(Tlb.SUPERVISOR);
  }

  private void sysret() {
    saveFlags();
    test(CpuState.EFER, Efer.SCE);
    aidAndEndIf(CC_Z);
    a.mov(ADDRESS, COUNT);
    a.register(W, 0xc1, 5, ADDRESS);
    a.emit(47);
    aidAndEndIf(CC_NZ);
    a.mov32(ADDRESS, R11);
    immediate(0, 4, ADDRESS, SYSRET_FLAGS);
    testRegister(ADDRESS, Rflags.TF | Rflags.AC);
    aidAndEndIf(CC_NZ);
    deferred();
    splitFlags(ADDRESS);
    a.state(0, 0x89, ADDRESS, Layout.SYSTEM_FLAGS);
    a.state(MAP_0F, 0xb7, ADDRESS, CpuState.STAR + 6);
    a.lea(TEMPORARY, ADDRESS, 16);
    userSelector(TEMPORARY, Segment.CS);
    a.lea(TEMPORARY, ADDRESS, 8);
    userSelector(TEMPORARY, Segment.SS);
    int dpl = 3 << Attribute.DPL_SHIFT;
    load(Segment.CS, CODE | dpl);
    load(Segment.SS, DATA | dpl);
    a.storeImmediate32(CpuState.CPL, 3);
    ahead();
    a.mov(TEMPORARY, COUNT);
    go(Tlb.USER);
  }

  private void userSelector(int register, int seg) {
    a.register(0, 0x83, 1, register);
    a.emit(3);
    a.register(MAP_0F, 0xb7, register, register);
    a.state(0, 0x89, register, segment(seg, CpuState.SEGMENT_SELECTOR));
  }

  // Flags.

  private void direction(boolean down) {
    saveFlags();
    a.state(0, 0x81, down ? 1 : 4, Layout.SYSTEM_FLAGS);
    a.emit32(down ? Rflags.DF : ~Rflags.DF);
  }

  /** STAC and CLAC, which change the table of what follows in the block. */
  private void accessFlag(Insn insn) {
    boolean set = insn.op == Op.STAC;
    saveFlags();
    if (set && e.table == Tlb.SUPERVISOR_AC) {
      return;
    }
    if (set) {
      test(CpuState.CR4, Cr4.SMAP);
      aidAndEndIf(CC_Z);
    }
    int clear = 0;
    if (e.table == Tlb.SUPERVISOR && !set) {
      test(Layout.SYSTEM_FLAGS, Rflags.AC);
      clear = a.jumpForwardShort(CC_Z);
    }
    a.state(0, 0x81, set ? 1 : 4, Layout.SYSTEM_FLAGS);
    a.emit32(set ? Rflags.AC : ~Rflags.AC);
    ahead();
    if (clear != 0) {
      a.bindShort(clear);
    }
    e.table = set ? Tlb.SUPERVISOR_AC : Tlb.SUPERVISOR;
  }

  private void popf(boolean privileged) {
    saveFlags();
    e.resumeHere();
    a.mov(ADDRESS, STACK);
    e.probe(8, false, false);
    a.memory(W, 0x8b, ADDRESS, ADDRESS, NONE, 0, 0);
    a.mov32(TEMPORARY, ADDRESS);
    a.state(0, 0x33, TEMPORARY, Layout.SYSTEM_FLAGS);
    int rare = Rflags.TF | Rflags.NT | Rflags.AC | (privileged ? Rflags.IOPL : 0);
    testRegister(TEMPORARY, rare);
    aidIf(CC_NZ);
    if (privileged) {
      // Set now and not before: an interrupt may wait for it.
      a.register(0, 0x23, TEMPORARY, ADDRESS);
      testRegister(TEMPORARY, Rflags.IF);
      int nobody = a.jumpForwardShort(CC_Z);
      a.state(0, 0x83, 7, CpuState.INTERRUPT_DEFERRED);
      a.emit(0);
      aidIf(CC_NZ);
      a.bindShort(nobody);
    }
    a.mov32(TEMPORARY, ADDRESS);
    splitFlags(TEMPORARY);
    a.state(0, 0x33, ADDRESS, Layout.SYSTEM_FLAGS);
    immediate(0, 4, ADDRESS, Rflags.DF | Rflags.ID | (privileged ? Rflags.IF : 0));
    a.state(0, 0x31, ADDRESS, Layout.SYSTEM_FLAGS);
    a.lea(STACK, STACK, 8);
  }

  // Registers.

  private void readBase(Insn insn) {
    saveFlags();
    test(CpuState.CR4, Cr4.FSGSBASE);
    aidIf(CC_Z);
    int seg = insn.op == Op.RDFSBASE ? Segment.FS : Segment.GS;
    int to = Layout.host(insn.rm);
    int register = to < 0 ? TEMPORARY : to;
    a.state(insn.operandSize == 8 ? W : 0, 0x8b, register, base(seg));
    e.written(insn.rm, register);
  }

  private void writeBase(Insn insn) {
    saveFlags();
    test(CpuState.CR4, Cr4.FSGSBASE);
    aidIf(CC_Z);
    int from = e.read(insn.rm, ADDRESS);
    a.register(insn.operandSize == 8 ? W : 0, 0x8b, TEMPORARY, from);
    // Canonical: bits 63:47 alike.
    a.mov(ADDRESS, TEMPORARY);
    a.register(W, 0xc1, 7, ADDRESS);
    a.emit(47);
    a.lea(ADDRESS, ADDRESS, 1);
    immediate(W, 7, ADDRESS, 1);
    aidIf(CC_A);
    int seg = insn.op == Op.WRFSBASE ? Segment.FS : Segment.GS;
    a.store(base(seg), TEMPORARY);
    ahead();
  }

  private boolean readControl(Insn insn) {
    int from =
        switch (insn.reg) {
          case 0 -> CpuState.CR0;
          case 2 -> CpuState.CR2;
          case 3 -> CpuState.CR3;
          case 4 -> CpuState.CR4;
          default -> 0;
        };
    if (from == 0) {
      return false;
    }
    int to = Layout.host(insn.rm);
    int register = to < 0 ? TEMPORARY : to;
    a.load(register, from);
    e.written(insn.rm, register);
    return true;
  }

  /** MOV from a segment register to 16 bits of a general one. */
  private void selector(Insn insn) {
    a.state(MAP_0F, 0xb7, TEMPORARY, segment(insn.reg, CpuState.SEGMENT_SELECTOR));
    int to = Layout.host(insn.rm);
    if (to < 0) {
      a.state(HostAssembler.P66, 0x89, TEMPORARY, Layout.gpr(insn.rm));
    } else {
      a.register(HostAssembler.P66, 0x8b, to, TEMPORARY);
    }
  }

  private void rdtsc(boolean withAux, boolean privileged) {
    saveFlags();
    if (!privileged) {
      test(CpuState.CR4, Cr4.TSD);
      aidIf(CC_NZ);
    }
    aid(HostTicks.emit(a));
    if (withAux) {
      a.load32(COUNT, CpuState.TSC_AUX);
    }
  }

  /** CMPXCHG8B and CMPXCHG16B: of the flags ZF alone changes. */
  private boolean exchange(Insn insn, Form form) {
    if (!insn.memory() || insn.addressSize != e.code.word) {
      return false;
    }
    boolean wide = insn.operandSize == 8;
    saveFlags();
    e.resumeHere();
    e.address(insn);
    e.probe(wide ? 16 : 8, true, wide);
    e.wantFlags();
    a.mov(TEMPORARY, COUNT);
    int flags = (wide ? W : 0) | MAP_0F | (insn.locked() ? HostAssembler.LOCK : 0);
    a.memory(flags, form.opcode(), 1, ADDRESS, NONE, 0, 0);
    e.flagsChanged();
    return true;
  }

  private void rdpkru() {
    saveFlags();
    test(CpuState.CR4, Cr4.PKE);
    aidIf(CC_Z);
    a.register(0, 0x85, COUNT, COUNT);
    aidIf(CC_NZ);
    a.load32(RAX, CpuState.PKRU);
    a.movImmediate(RDX, 0);
  }

  /** BT and the like with a register as bit number: any bit of a string in memory. */
  private boolean bitString(Insn insn, Form form) {
    int size = insn.operandSize;
    if (!insn.memory() || form.operands().kind(1) != 'G' || size == 2 || insn.addressSize != 8) {
      return false;
    }
    int w = size == 8 ? W : 0;
    e.realFlags();
    saveFlags();
    e.resumeHere();
    e.address(insn);
    int from = e.read(insn.reg, TEMPORARY);
    if (size == 8) {
      a.mov(TEMPORARY, from);
    } else {
      // movsxd rcx, reg
      a.register(W, 0x63, TEMPORARY, from);
    }
    // Whole operands away: an eighth of the number, down to a multiple of the size.
    a.register(W, 0xc1, 7, TEMPORARY);
    a.emit(3);
    immediate(W, 4, TEMPORARY, -size);
    a.register(W, 0x03, ADDRESS, TEMPORARY);
    e.probe(size, insn.op != Op.BT, false);
    a.mov(TEMPORARY, e.read(insn.reg, TEMPORARY));
    immediate(0, 4, TEMPORARY, size * 8 - 1);
    int flags = w | MAP_0F | (insn.locked() ? HostAssembler.LOCK : 0);
    a.memory(flags, form.opcode(), TEMPORARY, ADDRESS, NONE, 0, 0);
    // CF is all that changes: bit 0 of what LAHF gives.
    a.register(MAP_0F, 0x92, 0, TEMPORARY);
    a.state(0, 0x80, 4, Layout.FLAGS + 1);
    a.emit(~Rflags.CF);
    a.state(0, 0x08, TEMPORARY, Layout.FLAGS + 1);
    return true;
  }

  // IRET to 64-bit code (Intel SDM vol. 2A IRET).

  /**
   * Returns to user code through the selectors that the last such return had, or to kernel code
   * with the current ones, if their descriptors are still what they were.
   */
  private void iret() {
    saveFlags();
    e.resumeHere();
    a.mov(ADDRESS, STACK);
    e.probe(40, false, false);
    for (int i = 0; i < 5; i++) {
      a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, i * 8);
      a.store(Layout.FRAME + i * 8, TEMPORARY);
    }
    a.state(0, 0xf7, 0, CpuState.DR7);
    a.emit32(0xff);
    aidAndEndIf(CC_NZ);
    a.state(MAP_0F, 0xb7, TEMPORARY, Layout.FRAME + 8);
    a.state(0, 0x3b, TEMPORARY, Layout.USER_CS);
    final int inside = a.jumpForward(CC_NZ);

    a.state(MAP_0F, 0xb7, TEMPORARY, Layout.FRAME + 32);
    a.state(0, 0x3b, TEMPORARY, Layout.USER_SS);
    aidAndEndIf(CC_NZ);
    // The stack's descriptor stands right before the code's.
    descriptor(Layout.FRAME + 32, 16);
    a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
    a.state(W, 0x3b, TEMPORARY, Layout.USER_SS_DESCRIPTOR);
    aidAndEndIf(CC_NZ);
    a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 8);
    a.state(W, 0x3b, TEMPORARY, Layout.USER_CS_DESCRIPTOR);
    aidAndEndIf(CC_NZ);
    a.load32(ADDRESS, segment(Segment.DS, CpuState.SEGMENT_SELECTOR));
    a.state(0, 0x0b, ADDRESS, segment(Segment.ES, CpuState.SEGMENT_SELECTOR));
    a.state(0, 0x0b, ADDRESS, segment(Segment.FS, CpuState.SEGMENT_SELECTOR));
    a.state(0, 0x0b, ADDRESS, segment(Segment.GS, CpuState.SEGMENT_SELECTOR));
    testRegister(ADDRESS, 0xfffc);
    aidAndEndIf(CC_NZ);
    a.load(ADDRESS, Layout.FRAME);
    a.register(W, 0xc1, 5, ADDRESS);
    a.emit(47);
    aidAndEndIf(CC_NZ);
    frameFlags(Rflags.TF | Rflags.NT | Rflags.VM | Rflags.AC | Rflags.VIF | Rflags.VIP);
    splitFlags(ADDRESS);
    a.state(0, 0x89, ADDRESS, Layout.SYSTEM_FLAGS);
    selector(Segment.CS, Layout.USER_CS, Layout.USER_CS_ATTRIBUTES);
    selector(Segment.SS, Layout.USER_SS, Layout.USER_SS_ATTRIBUTES);
    a.storeImmediate32(CpuState.CPL, 3);
    leaveHandler();
    go(Tlb.USER);

    a.bind(inside);
    a.state(0, 0x3b, TEMPORARY, segment(Segment.CS, CpuState.SEGMENT_SELECTOR));
    aidAndEndIf(CC_NZ);
    a.state(MAP_0F, 0xb7, ADDRESS, Layout.FRAME + 32);
    a.state(0, 0x3b, ADDRESS, segment(Segment.SS, CpuState.SEGMENT_SELECTOR));
    aidAndEndIf(CC_NZ);
    descriptor(Layout.FRAME + 8, 8);
    a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
    a.state(W, 0x3b, TEMPORARY, Layout.KERNEL_CS_DESCRIPTOR);
    aidAndEndIf(CC_NZ);
    a.load(ADDRESS, Layout.FRAME);
    a.register(W, 0xc1, 7, ADDRESS);
    a.emit(47);
    a.lea(ADDRESS, ADDRESS, 1);
    immediate(W, 7, ADDRESS, 1);
    aidAndEndIf(CC_A);
    frameFlags(Rflags.TF | Rflags.NT | Rflags.VM | Rflags.VIF | Rflags.VIP);
    testRegister(ADDRESS, Rflags.AC);
    final int plain = a.jumpForward(CC_Z);
    test(CpuState.CR4, Cr4.SMAP);
    aidAndEndIf(CC_Z);
    splitFlags(ADDRESS);
    a.state(0, 0x89, ADDRESS, Layout.SYSTEM_FLAGS);
    leaveHandler();
    go(Tlb.SUPERVISOR_AC);
    a.bind(plain);
    splitFlags(ADDRESS);
    a.state(0, 0x89, ADDRESS, Layout.SYSTEM_FLAGS);
    leaveHandler();
    go(Tlb.SUPERVISOR);
  }

  /** Leads to the descriptor in the GDT of the selector at a place in the state. */
  private void descriptor(int selector, int size) {
    e.resumeHere();
    a.state(MAP_0F, 0xb7, TEMPORARY, selector);
    immediate(0, 4, TEMPORARY, 0xfff8);
    a.load(ADDRESS, CpuState.GDTR_BASE);
    a.register(W, 0x03, ADDRESS, TEMPORARY);
    e.probe(size, false, false);
  }

  /** The frame's RFLAGS to {@link Layout#ADDRESS}; to Java if any of {@code rare} is set. */
  private void frameFlags(int rare) {
    a.load32(ADDRESS, Layout.FRAME + 16);
    testRegister(ADDRESS, rare);
    aidAndEndIf(CC_NZ);
    testRegister(ADDRESS, Rflags.IF);
    int off = a.jumpForwardShort(CC_Z);
    deferred();
    a.bindShort(off);
    // RF does nothing while no breakpoint is set.
    immediate(
        0, 4, ADDRESS, Rflags.STATUS | Rflags.IF | Rflags.DF | Rflags.IOPL | Rflags.AC | Rflags.ID);
  }

  private void selector(int seg, int selector, int attributes) {
    a.load32(TEMPORARY, selector);
    a.state(0, 0x89, TEMPORARY, segment(seg, CpuState.SEGMENT_SELECTOR));
    a.load32(TEMPORARY, attributes);
    a.state(0, 0x89, TEMPORARY, segment(seg, CpuState.SEGMENT_ATTRIBUTES));
    a.storeImmediate(base(seg), 0);
    a.movImmediate(TEMPORARY, 0xffff_ffffL);
    a.store(segment(seg, CpuState.SEGMENT_LIMIT), TEMPORARY);
  }

  private void leaveHandler() {
    a.storeImmediate32(CpuState.NMI_BLOCKED, 0);
    ahead();
    a.load(STACK, Layout.FRAME + 24);
    a.load(TEMPORARY, Layout.FRAME);
  }

  /**
   * Remembers the descriptors that an IRET to 64-bit code was just done with, for the next ones; to
   * be called after one, and after a change of the GDT's place with nothing to remember.
   */
  static void remember(Cpu cpu, boolean valid) {
    if (!valid || !cpu.is64()) {
      cpu.intField(Layout.USER_CS, -1);
      cpu.field(Layout.KERNEL_CS_DESCRIPTOR, 0);
      return;
    }
    int code = cpu.selector(Segment.CS);
    long gdt = cpu.field(CpuState.GDTR_BASE);
    if ((code & 4) != 0) {
      return;
    }
    long d = cpu.loadLinear(gdt + (code & -8), 8, true);
    if (cpu.cpl() == 0) {
      cpu.field(Layout.KERNEL_CS_DESCRIPTOR, d);
      return;
    }
    int stack = cpu.selector(Segment.SS);
    long sd = cpu.loadLinear(gdt + (stack & -8), 8, true);
    boolean flat =
        cpu.base(Segment.CS) == 0
            && cpu.base(Segment.SS) == 0
            && cpu.limit(Segment.CS) == 0xffff_ffffL
            && cpu.limit(Segment.SS) == 0xffff_ffffL;
    if (cpu.cpl() == 3 && flat && (stack & 4) == 0 && (stack & -8) + 8 == (code & -8)) {
      cpu.intField(Layout.USER_CS, code);
      cpu.intField(Layout.USER_SS, stack);
      cpu.intField(Layout.USER_CS_ATTRIBUTES, cpu.attributes(Segment.CS));
      cpu.intField(Layout.USER_SS_ATTRIBUTES, cpu.attributes(Segment.SS));
      cpu.field(Layout.USER_CS_DESCRIPTOR, d);
      cpu.field(Layout.USER_SS_DESCRIPTOR, sd);
    }
  }
}
