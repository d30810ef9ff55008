package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.STACK;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.state.CpuState;
import org.jspecify.annotations.Nullable;

/** Writes the host code of one block: its ways in, its instructions, its ways out. */
final class BlockEmitter {
  private static final int NOP_BYTES = 5;

  private final Emitter e;
  private final HostAssembler a;
  private final Sites sites;
  private final Thunks thunks;
  private final PlainEmitter plain;
  private final SystemEmitter system;

  // Taken sides of conditional jumps, written behind the straight code.
  private final int[] sideJump = new int[GuestCode.LIMIT];
  private final long[] sideTarget = new long[GuestCode.LIMIT];
  private final int[] sideLive = new int[GuestCode.LIMIT];
  private final boolean[] sideInHost = new boolean[GuestCode.LIMIT];
  private final boolean[] sideSaved = new boolean[GuestCode.LIMIT];
  private final Insn[] sideInsn = new Insn[GuestCode.LIMIT];
  private final int[] sideRest = new int[GuestCode.LIMIT];
  private int sides;

  private final @Nullable CodeWatch watch;

  BlockEmitter(HostAssembler assembler, Sites sites, Thunks thunks, @Nullable CodeWatch watch) {
    this.watch = watch;
    a = assembler;
    this.sites = sites;
    this.thunks = thunks;
    e = new Emitter(assembler, sites, thunks);
    plain = new PlainEmitter(e);
    system = new SystemEmitter(e);
  }

  /** Whether blocks written from now on count their instructions. */
  void counting(boolean wanted) {
    e.counting = wanted;
  }

  /**
   * Writes a block.
   *
   * @param table number of the TLB table for its accesses and its own page
   * @param hostPage host address of the page of its guest code
   */
  void emit(Block block, GuestCode code, int table, long hostPage) {
    e.block = block;
    e.table = table;
    e.beginStubs();
    block.hostBegin = a.here();
    sides = 0;
    block.vectors = code.vectors;
    block.length = (int) (code.end() - code.rip);
    block.count = code.count;
    int liveIn = code.liveBefore[0];
    waysIn(block, table, hostPage, liveIn);
    e.inHost = true;
    e.saved = false;
    boolean open = true;
    for (int i = 0; i < code.count; i++) {
      e.insn = code.insns[i];
      e.mark();
      if (watch != null) {
        watch.before(a, e.insn);
      }
      open = !code.kinds[i].ends();
      instruction(code, i);
    }
    if (open) {
      int last = code.count - 1;
      chain(code.end(), code.liveAfter[last]);
    }
    for (int i = 0; i < sides; i++) {
      a.bind(sideJump[i]);
      e.insn = sideInsn[i];
      e.inHost = sideInHost[i];
      e.saved = sideSaved[i];
      e.refund(sideRest[i]);
      chain(sideTarget[i], sideLive[i]);
    }
    e.writeStubs();
    block.stale[Block.FLAGS_IN_HOST] = a.here();
    e.leave(sites.add(Sites.STALE, block, block.rip, 0, 0, false), thunks.exit);
    block.stale[Block.FLAGS_SAVED] = a.here();
    e.leave(sites.add(Sites.STALE, block, block.rip, 0, 0, true), thunks.exit);
    e.handMarks();
  }

  private void waysIn(Block block, int table, long hostPage, int liveIn) {
    long key = Tlb.codeKey(block.rip & -4096, hostPage);
    int keyOffset = Layout.tlb(table, block.rip, Tlb.CODE_KEY);
    block.entry[Block.INDIRECT] = a.here();
    a.movImmediate(ADDRESS, -(block.rip + key));
    a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
    a.load(ADDRESS, keyOffset);
    a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
    a.load32(ADDRESS, CpuState.ATTENTION);
    a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
    int first = a.jumpIfRcxZero();
    a.jump(thunks.lookup);

    block.entry[Block.CHECKED] = a.here();
    a.load(TEMPORARY, keyOffset);
    a.movImmediate(ADDRESS, -key);
    a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
    a.load32(ADDRESS, CpuState.ATTENTION);
    a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
    int second = a.jumpIfRcxZero();
    long fail = a.here();
    e.leave(sites.add(Sites.ENTRY, block, block.rip, 0, 0, true), thunks.exit);

    block.entry[Block.POLLING] = a.here();
    a.load32(TEMPORARY, CpuState.ATTENTION);
    int third = a.jumpIfRcxZero();
    a.jump(fail);

    a.align(8);
    block.entry[Block.FLAGS_SAVED] = a.here();
    a.bindShort(first);
    a.bindShort(second);
    a.bindShort(third);
    // Both heads are overwritten as one when the block goes stale.
    a.nops(NOP_BYTES);
    if (liveIn != 0) {
      Thunks.restoreFlags(a);
    }
    a.align(8);
    block.entry[Block.FLAGS_IN_HOST] = a.here();
    a.nops(NOP_BYTES);
    e.charge(block.count);
    if (block.secondPage >= 0) {
      long nextPage = (block.rip & -4096) + 4096;
      a.load(TEMPORARY, Layout.tlb(table, nextPage, Tlb.CODE_KEY));
      a.movImmediate(ADDRESS, -Tlb.codeKey(nextPage, block.secondHost));
      a.memory(W, 0x8d, TEMPORARY, TEMPORARY, ADDRESS, 0, 0);
      int there = a.jumpIfRcxZero();
      // The interpreter fetches from the second page, which brings it into the TLB.
      e.leave(sites.add(Sites.INTERPRET, block, block.rip, 0, 0, false), thunks.exit);
      a.bindShort(there);
    }
    if (block.vectors) {
      a.load(TEMPORARY, Layout.FP_ABSENT);
      int there = a.jumpIfRcxZero();
      a.call(thunks.loadVectors);
      a.bindShort(there);
    }
  }

  private void instruction(GuestCode code, int i) {
    Insn insn = code.insns[i];
    int before = code.liveBefore[i];
    int after = code.liveAfter[i];
    switch (code.kinds[i]) {
      case NOTHING -> {}
      case PLAIN -> plain.emit(insn, code.bytes, code.offsets[i], before, after);
      case LEA -> lea(insn);
      case DIVIDE -> divide(insn, before);
      case PUSH -> push(insn, before);
      case POP -> pop(insn, before);
      case LEAVE -> leave(before);
      case SELECTOR -> selector(insn, before);
      case INTERRUPTS_OFF -> {
        e.protectFlags(before);
        a.state(0, 0x81, 4, Layout.SYSTEM_FLAGS);
        a.emit32(~Rflags.IF);
        e.inHost = false;
      }
      case INTERRUPTS_ON -> {
        e.protectFlags(before);
        e.inHost = false;
        // cmp dword [deferred], 0
        a.state(0, 0x83, 7, CpuState.INTERRUPT_DEFERRED);
        a.emit(0);
        interpretIf(HostAssembler.CC_NZ);
        a.state(0, 0x81, 1, Layout.SYSTEM_FLAGS);
        a.emit32(Rflags.IF);
      }
      case PUSH_FLAGS -> pushFlags();
      case JUMP -> chain(target(insn), after);
      case JUMP_IF -> jumpIf(insn, after, code.count - 1 - i);
      case CALL -> {
        pushReturn(insn, before);
        chain(target(insn), after);
      }
      case JUMP_INDIRECT -> {
        indirectTarget(insn);
        jumpIndirect();
      }
      case CALL_INDIRECT -> {
        indirectTarget(insn);
        a.store(Layout.TARGET, TEMPORARY);
        pushReturn(insn, before);
        a.load(TEMPORARY, Layout.TARGET);
        jumpIndirect();
      }
      case RETURN -> {
        e.protectFlags(Rflags.STATUS);
        e.resumeHere();
        a.mov(ADDRESS, STACK);
        e.probe(8, false, false);
        a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
        a.lea(STACK, STACK, 8 + (int) insn.imm);
        jumpIndirect();
      }
      case AID -> {
        if (system.emit(insn)) {
          break;
        }
        int site = sites.add(Sites.AID, e.block, insn.rip, 0, 0, e.saved);
        e.leave(site, thunks.exit);
        sites.aid(site, insn, a.here());
        e.inHost = true;
        e.saved = true;
      }
      case INTERPRET -> {
        if (system.emit(insn)) {
          break;
        }
        int site = sites.add(Sites.AID, e.block, insn.rip, 0, 0, e.saved);
        sites.aid(site, insn, 0);
        e.leave(site, thunks.exit);
      }
    }
  }

  private static long target(Insn insn) {
    return insn.rip + insn.length + insn.imm;
  }

  private void lea(Insn insn) {
    int to = Layout.host(insn.reg);
    e.offset(insn);
    int size = insn.operandSize;
    if (size == 2) {
      if (to < 0) {
        a.state(HostAssembler.P66, 0x89, ADDRESS, Layout.gpr(insn.reg));
      } else {
        a.register(HostAssembler.P66, 0x8b, to, ADDRESS);
      }
      return;
    }
    if (to >= 0) {
      a.register(size == 8 ? W : 0, 0x8b, to, ADDRESS);
      return;
    }
    if (size == 4) {
      a.mov32(ADDRESS, ADDRESS);
    }
    a.store(Layout.gpr(insn.reg), ADDRESS);
  }

  private void divide(Insn insn, int before) {
    int w = insn.operandSize == 8 ? W : 0;
    e.protectFlags(before);
    int divisor = ADDRESS;
    if (insn.memory()) {
      e.resumeHere();
      e.address(insn);
      e.probe(insn.operandSize, false, false);
      a.memory(w, 0x8b, ADDRESS, ADDRESS, NONE, 0, 0);
    } else {
      divisor = e.read(insn.rm, ADDRESS);
    }
    e.inHost = false;
    if (insn.op == Op.DIV) {
      // The quotient fits if the high half is less than the divisor, which then is not 0 either.
      a.register(w, 0x3b, RDX, divisor);
      interpretIf(HostAssembler.CC_AE);
    } else {
      // A dividend that is a sign-extended register fits, unless divided by 0 or -1.
      a.register(w, 0x8b, TEMPORARY, RAX);
      a.register(w, 0xc1, 7, TEMPORARY);
      a.emit(insn.operandSize * 8 - 1);
      a.register(w, 0x3b, TEMPORARY, RDX);
      interpretIf(HostAssembler.CC_NZ);
      a.memory(w, 0x8d, TEMPORARY, divisor, NONE, 0, 1);
      a.register(w, 0x83, 7, TEMPORARY);
      a.emit(1);
      interpretIf(HostAssembler.CC_BE);
    }
    a.register(w, 0xf7, insn.op == Op.DIV ? 6 : 7, divisor);
    e.flagsChanged();
  }

  private void interpretIf(int condition) {
    int jump = a.jumpForward(condition);
    int site = sites.add(Sites.AID, e.block, e.insn.rip, 0, 0, e.saved);
    sites.aid(site, e.insn, 0);
    e.stub(jump, site, thunks.exit);
  }

  /** MOV from a segment register: all of a wide register, else 16 bits. */
  private void selector(Insn insn, int before) {
    int from = CpuState.SEGMENTS + insn.reg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_SELECTOR;
    if (insn.memory()) {
      e.protectFlags(before);
      e.resumeHere();
      e.address(insn);
      e.probe(2, true, false);
      a.state(MAP_0F, 0xb7, TEMPORARY, from);
      a.memory(HostAssembler.P66, 0x89, TEMPORARY, ADDRESS, NONE, 0, 0);
      return;
    }
    a.state(MAP_0F, 0xb7, TEMPORARY, from);
    int to = Layout.host(insn.rm);
    if (to < 0) {
      a.store(Layout.gpr(insn.rm), TEMPORARY);
    } else {
      a.mov(to, TEMPORARY);
    }
  }

  private void push(Insn insn, int before) {
    Form form = insn.form;
    char kind = form == null ? ' ' : form.operand(0).charAt(0);
    e.protectFlags(before);
    e.resumeHere();
    boolean memory = kind == 'E' && insn.memory();
    if (memory) {
      e.address(insn);
      e.probe(8, false, false);
      a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
      a.store(Layout.SPILL, TEMPORARY);
      // Two pages may want the same entry of the TLB: what was loaded is not probed for again.
      e.resumeHere();
    }
    // Not from the beginning: both pages may want the same entry of the TLB.
    e.resumeHere();
    a.lea(ADDRESS, STACK, -8);
    e.probe(8, true, false);
    if (kind == 'I') {
      a.memory(W, 0xc7, 0, ADDRESS, NONE, 0, 0);
      a.emit32((int) insn.imm);
    } else {
      int from = TEMPORARY;
      if (memory) {
        a.load(TEMPORARY, Layout.SPILL);
      } else {
        from = e.read(kind == 'Z' ? insn.reg : insn.rm, TEMPORARY);
      }
      a.memory(W, 0x89, from, ADDRESS, NONE, 0, 0);
    }
    a.lea(STACK, STACK, -8);
  }

  private void pushFlags() {
    e.protectFlags(Rflags.STATUS);
    e.resumeHere();
    a.lea(ADDRESS, STACK, -8);
    e.probe(8, true, false);
    // OF to bit 11; what LAHF gave has the other five, and bit 1 set.
    a.state(MAP_0F, 0xb6, TEMPORARY, Layout.FLAGS);
    a.register(0, 0xc1, 4, TEMPORARY);
    a.emit(11);
    a.state(0, 0x0a, TEMPORARY, Layout.FLAGS + 1);
    a.state(0, 0x0b, TEMPORARY, Layout.SYSTEM_FLAGS);
    a.memory(W, 0x89, TEMPORARY, ADDRESS, NONE, 0, 0);
    a.lea(STACK, STACK, -8);
  }

  private void pop(Insn insn, int before) {
    Form form = insn.form;
    int guest = form != null && form.operand(0).startsWith("Z") ? insn.reg : insn.rm;
    e.protectFlags(before);
    e.resumeHere();
    a.mov(ADDRESS, STACK);
    e.probe(8, false, false);
    int to = Layout.host(guest);
    a.memory(W, 0x8b, to < 0 ? TEMPORARY : to, ADDRESS, NONE, 0, 0);
    e.written(guest, TEMPORARY);
    if (to != STACK) {
      a.lea(STACK, STACK, 8);
    }
  }

  private void leave(int before) {
    e.protectFlags(before);
    e.resumeHere();
    a.mov(ADDRESS, HostAssembler.RBP);
    e.probe(8, false, false);
    a.lea(STACK, HostAssembler.RBP, 8);
    a.memory(W, 0x8b, HostAssembler.RBP, ADDRESS, NONE, 0, 0);
  }

  private void pushReturn(Insn insn, int before) {
    e.protectFlags(before);
    e.resumeHere();
    a.lea(ADDRESS, STACK, -8);
    e.probe(8, true, false);
    long next = insn.rip + insn.length;
    if (next == (int) next) {
      a.memory(W, 0xc7, 0, ADDRESS, NONE, 0, 0);
      a.emit32((int) next);
    } else {
      a.movImmediate(TEMPORARY, next);
      a.memory(W, 0x89, TEMPORARY, ADDRESS, NONE, 0, 0);
    }
    a.lea(STACK, STACK, -8);
  }

  /** Leaves the target of an indirect branch in {@link Layout#TEMPORARY}, flags saved. */
  private void indirectTarget(Insn insn) {
    e.protectFlags(Rflags.STATUS);
    e.resumeHere();
    if (insn.memory()) {
      e.address(insn);
      e.probe(8, false, false);
      a.memory(W, 0x8b, TEMPORARY, ADDRESS, NONE, 0, 0);
    } else {
      int from = e.read(insn.rm, TEMPORARY);
      a.mov(TEMPORARY, from);
    }
  }

  private void jumpIndirect() {
    a.store(Layout.TARGET, TEMPORARY);
    // movzx r14d, cx; jmp [jump cache + r14 * 8]
    a.register(MAP_0F, 0xb7, ADDRESS, TEMPORARY);
    a.stateIndexed(0, 0xff, 4, NONE, ADDRESS, 3, Layout.jumpCache(e.table));
  }

  private void jumpIf(Insn insn, int live, int rest) {
    e.wantFlags();
    Form form = insn.form;
    int condition = form == null ? 0 : Coverage.condition(form);
    sideJump[sides] = a.jumpForward(condition);
    sideTarget[sides] = target(insn);
    sideLive[sides] = live;
    sideInHost[sides] = e.inHost;
    sideSaved[sides] = e.saved;
    sideInsn[sides] = insn;
    sideRest[sides] = rest;
    sides++;
  }

  /** Goes on at another block, through Java until it is known. */
  private void chain(long target, int live) {
    boolean samePage = ((target ^ e.block.rip) & -4096) == 0;
    int entry;
    if (samePage && target > e.insn.rip) {
      entry = e.inHost || live == 0 ? Block.FLAGS_IN_HOST : Block.FLAGS_SAVED;
    } else {
      e.protectFlags(live);
      entry = samePage ? Block.POLLING : Block.CHECKED;
    }
    // The distance is patched while the code may run, so it must not straddle 8 bytes.
    while (((a.here() + 1) & 7) > 4) {
      a.nops(1);
    }
    a.emit(0xe9);
    long at = a.here();
    a.emit32(0);
    e.leave(sites.add(Sites.CHAIN, e.block, target, at, entry, e.saved), thunks.exit);
  }
}
