package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.STACK;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.state.CpuState;
import org.jspecify.annotations.Nullable;

/** Writes the host code of one block: its ways in, its instructions, its ways out. */
final class BlockEmitter {
  private static final int RSP = 4;
  private static final int RBP = 5;

  private final Emitter e;
  private final HostAssembler a;
  private final Sites sites;
  private final Thunks thunks;
  private final PlainEmitter plain;
  private final Ways ways;
  private final SystemEmitter system;
  private final SelfCheck check;
  private final X87Emitter x87;

  /** What is to be added to the host's register for RSP: several pushes, one addition. */
  private int stackBehind;

  /** Host addresses of the instructions that are {@link GuestCode#loopHead}. */
  private final long[] loopHead = new long[GuestCode.LIMIT];

  private final @Nullable CodeWatch watch;

  BlockEmitter(
      HostAssembler assembler,
      Sites sites,
      Thunks thunks,
      GuestCode code,
      @Nullable CodeWatch watch) {
    this.watch = watch;
    a = assembler;
    this.sites = sites;
    this.thunks = thunks;
    e = new Emitter(assembler, sites, thunks, code);
    plain = new PlainEmitter(e);
    ways = new Ways(e);
    system = new SystemEmitter(e);
    check = new SelfCheck(e);
    x87 = new X87Emitter(e);
  }

  /** Whether blocks written from now on are for a machine with no other processor. */
  void alone(boolean wanted) {
    e.alone = wanted;
  }

  /** Addresses for {@link #eager} at most. */
  private static final int MOST_EAGER = 4096;

  /**
   * The flags at an instruction are saved where they are handed on, in blocks written from now on.
   */
  void eager(long rip) {
    if (e.eager.size() >= MOST_EAGER) {
      e.eager.clear();
    }
    e.eager.add(rip);
  }

  /** Whether blocks written from now on count their instructions. */
  void counting(boolean wanted) {
    e.counting = wanted;
  }

  /**
   * Writes a block.
   *
   * @param way the way in that will be wanted first, see {@link Block#entry}, or 0
   * @param table number of the TLB table for its accesses and its own page
   * @param sharing whether a probe may be made for several operands
   */
  void emit(Block block, GuestCode code, int way, int table, boolean sharing) {
    e.block = block;
    e.code = code;
    e.table = table;
    e.sharing = sharing && !e.counting;
    e.window.start(code);
    e.beginStubs();
    e.source(null);
    block.hostBegin = a.here();
    ways.begin();
    block.vectors = code.vectors;
    block.wide = code.wide;
    block.x87 = code.x87;
    block.length = (int) (code.end() - code.rip);
    block.count = code.count;
    block.ahead = code.seen;
    block.flagsDead = code.liveBefore[0] == 0;
    boolean savedFirst = block.checking || (code.savedFirst && code.liveBefore[0] != 0);
    ways.heads(block, way, table, code.liveBefore[0], savedFirst);
    if (block.checking) {
      check.head(block, code);
    }
    e.inHost = !savedFirst;
    e.saved = savedFirst;
    e.promised = savedFirst;
    boolean open = true;
    for (int i = 0; i < code.count; i++) {
      e.insn = code.insns[i];
      e.at = i;
      e.mark();
      if (watch != null) {
        watch.before(a, e.insn);
      }
      if (stackBehind != 0 && (code.loopHead[i] || !leavesStack(code, i))) {
        catchUpStack();
      }
      if (code.loopHead[i] || leavesX87(code.kinds[i])) {
        e.settleX87();
      }
      if (code.loopHead[i]) {
        // Flags that matter are saved whichever way it is reached; nothing else is known.
        e.handFlags(code.liveBefore[i], code.laterHere[i]);
        e.flagsFromElsewhere(code.liveBefore[i] != 0);
        e.window.close();
        a.align(16);
        loopHead[i] = a.here();
      }
      open = !code.kinds[i].ends();
      instruction(code, i);
      if (Coverage.remembered(e.insn, code.kinds[i])) {
        e.rememberX87();
      }
    }
    e.settleX87();
    catchUpStack();
    if (open) {
      int last = code.count - 1;
      ways.chain(code.end(), code.liveAfter[last], 0, code.later[last]);
    }
    ways.end();
    e.writeStubs();
    e.source(null);
    ways.stale(block);
    e.handMarks();
  }

  /** Writes a way in that a block does not have yet, see {@link Block#entry}. */
  void wayIn(Block block, int way) {
    ways.wayIn(block, way);
  }

  /** Whether an instruction may lead to code that does not know the last x87 instruction. */
  private static boolean leavesX87(Coverage.Kind kind) {
    return kind.ends() || kind == Coverage.Kind.JUMP_IF || kind == Coverage.Kind.AID;
  }

  private long loopHead(GuestCode code, int i) {
    int head = e.counting ? -1 : code.loopHead(i);
    return head < 0 ? 0 : loopHead[head];
  }

  private void instruction(GuestCode code, int i) {
    Insn insn = code.insns[i];
    int before = code.liveBefore[i];
    int after = code.liveAfter[i];
    switch (code.kinds[i]) {
      case NOTHING -> {}
      case PLAIN -> {
        if (e.block.checking && SelfCheck.readsImmediate(insn)) {
          e.beforeWrite(1 << insn.reg, after);
          check.moveImmediate(insn, code.offsets[i]);
        } else {
          plain.emit(insn, code.bytes, code.offsets[i], before, after);
        }
      }
      case LEA -> {
        e.beforeWrite(1 << insn.reg, after);
        lea(insn);
        if (insn.form != null) {
          e.window.after(insn, insn.form);
        }
      }
      case DIVIDE -> divide(insn, before);
      case PUSH -> push(insn, before, after);
      case POP -> pop(insn, before, after);
      case LEAVE -> leave(before, after);
      case SELECTOR -> selector(insn, before, after);
      case INTERRUPTS_OFF -> {
        e.protectFlags(before);
        e.useAddress();
        a.state(0, 0x81, 4, Layout.SYSTEM_FLAGS);
        a.emit32(~Rflags.IF);
        e.inHost = false;
      }
      case INTERRUPTS_ON -> {
        e.protectFlags(before);
        e.useAddress();
        e.inHost = false;
        // cmp dword [deferred], 0
        a.state(0, 0x83, 7, CpuState.INTERRUPT_DEFERRED);
        a.emit(0);
        e.interpretIf(HostAssembler.CC_NZ);
        a.state(0, 0x81, 1, Layout.SYSTEM_FLAGS);
        a.emit32(Rflags.IF);
      }
      case X87 -> x87.emit(insn, before);
      case PUSH_FLAGS -> pushFlags();
      case JUMP -> ways.chain(code.target(insn), after, loopHead(code, i), code.later[i]);
      case JUMP_IF -> {
        Form form = insn.form;
        int condition = form == null ? 0 : Coverage.condition(form);
        ways.jumpIf(
            insn,
            condition,
            code.liveTaken[i],
            loopHead(code, i),
            code.count - 1 - i,
            code.later[i]);
      }
      case CALL -> {
        pushReturn(insn, before);
        ways.chain(code.target(insn), after, 0, code.later[i]);
      }
      case JUMP_INDIRECT -> {
        indirectTarget(insn);
        jumpIndirect();
      }
      case CALL_INDIRECT -> {
        indirectTarget(insn);
        canonicalOrAid();
        a.store(Layout.TARGET, TEMPORARY);
        pushReturn(insn, before);
        a.load(TEMPORARY, Layout.TARGET);
        jumpIndirect();
      }
      case RETURN -> {
        beforeIndirect();
        e.beforeStackMoves(Rflags.STATUS);
        e.operand(RSP, 0, false, Rflags.STATUS);
        a.memory(e.wide(), 0x8b, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
        e.window.close();
        moveStack(word() + (int) insn.imm);
        catchUpStack();
        jumpIndirect();
      }
      case AID -> {
        e.useAddress();
        e.storeFlags();
        e.source(null);
        if (!system.emit(insn)) {
          int site = sites.add(Sites.AID, e.block, insn.rip, 0, 0, e.saved);
          e.leave(site, thunks.exit);
          sites.aid(site, insn, a.here());
          e.flagsChanged();
          e.saved = true;
        }
        if (Coverage.changesPages(insn)) {
          e.checkOwnPage(insn.rip + insn.length);
        }
      }
      case INTERPRET -> {
        e.useAddress();
        e.storeFlags();
        e.source(null);
        if (system.emit(insn)) {
          break;
        }
        int site = sites.add(Sites.AID, e.block, insn.rip, 0, 0, e.saved);
        sites.aid(site, insn, 0);
        e.leave(site, thunks.exit);
      }
    }
  }

  private void lea(Insn insn) {
    int to = Layout.host(insn.reg);
    int size = insn.operandSize;
    if (to >= 0 && size >= 4 && addressPinned(insn)) {
      // The address's own size cuts it off before the operand's does.
      int wide = size == 8 && insn.addressSize == 8 ? W : 0;
      int base = insn.base < 0 ? NONE : Layout.host(insn.base);
      int index = insn.index < 0 ? NONE : Layout.host(insn.index);
      a.memory(wide, 0x8d, to, base, index, insn.scale, (int) insn.displacement);
      return;
    }
    e.useAddress();
    e.offset(insn, 0);
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

  private static boolean addressPinned(Insn insn) {
    return insn.base != Insn.RIP
        && (insn.base >= 0 || insn.index >= 0)
        && (insn.base < 0 || Layout.host(insn.base) >= 0)
        && (insn.index < 0 || Layout.host(insn.index) >= 0)
        && insn.displacement == (int) insn.displacement;
  }

  private void divide(Insn insn, int before) {
    int w = insn.operandSize == 8 ? W : 0;
    e.protectFlags(before);
    int divisor = ADDRESS;
    if (insn.memory()) {
      e.operand(insn, insn.operandSize, false, false, before);
      a.memory(w, 0x8b, ADDRESS, ADDRESS, NONE, 0, e.displacement);
    } else {
      divisor = e.read(insn.rm, ADDRESS);
    }
    e.useAddress();
    e.inHost = false;
    if (insn.op == Op.DIV) {
      // The quotient fits if the high half is less than the divisor, which then is not 0 either.
      a.register(w, 0x3b, RDX, divisor);
      e.interpretIf(HostAssembler.CC_AE);
    } else {
      // A dividend that is a sign-extended register fits, unless divided by 0 or -1.
      a.register(w, 0x8b, TEMPORARY, RAX);
      a.register(w, 0xc1, 7, TEMPORARY);
      a.emit(insn.operandSize * 8 - 1);
      a.register(w, 0x3b, TEMPORARY, RDX);
      e.interpretIf(HostAssembler.CC_NZ);
      a.memory(w, 0x8d, TEMPORARY, divisor, NONE, 0, 1);
      a.register(w, 0x83, 7, TEMPORARY);
      a.emit(1);
      e.interpretIf(HostAssembler.CC_BE);
    }
    a.register(w, 0xf7, insn.op == Op.DIV ? 6 : 7, divisor);
    e.flagsChanged();
  }

  /** MOV from a segment register: all of a wide register, else 16 bits. */
  private void selector(Insn insn, int before, int after) {
    int from = CpuState.SEGMENTS + insn.reg * CpuState.SEGMENT_SIZE + CpuState.SEGMENT_SELECTOR;
    if (insn.memory()) {
      e.operand(insn, 2, true, false, before);
      a.state(MAP_0F, 0xb7, TEMPORARY, from);
      a.memory(HostAssembler.P66, 0x89, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
      return;
    }
    e.window.changed(insn.rm);
    e.beforeWrite(1 << insn.rm, after);
    a.state(MAP_0F, 0xb7, TEMPORARY, from);
    int to = Layout.host(insn.rm);
    if (to < 0) {
      a.store(Layout.gpr(insn.rm), TEMPORARY);
    } else {
      a.mov(to, TEMPORARY);
    }
  }

  private void push(Insn insn, int before, int after) {
    e.beforeStackMoves(after);
    Form form = insn.form;
    char kind = form == null ? ' ' : form.operands().kind(0);
    boolean memory = kind == 'E' && insn.memory();
    if (memory) {
      e.operand(insn, word(), false, false, before);
      a.memory(e.wide(), 0x8b, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
      a.store(Layout.SPILL, TEMPORARY);
    }
    e.operand(RSP, -word(), true, before);
    if (kind == 'I') {
      a.memory(e.wide(), 0xc7, 0, ADDRESS, NONE, 0, e.displacement);
      a.emit32((int) insn.imm);
    } else {
      int from = TEMPORARY;
      if (memory) {
        a.load(TEMPORARY, Layout.SPILL);
      } else {
        from = e.read(kind == 'Z' ? insn.reg : insn.rm, TEMPORARY);
      }
      a.memory(e.wide(), 0x89, from, ADDRESS, NONE, 0, e.displacement);
    }
    moveStack(-word());
  }

  private int word() {
    return e.code.word;
  }

  private void moveStack(int by) {
    stackBehind += by;
    e.window.moved(RSP, by);
    e.stackMoved(by);
    FlagSource source = e.source();
    if (source != null && (source.registers() & 1 << RSP) != 0) {
      catchUpStack();
    }
  }

  private void catchUpStack() {
    if (stackBehind != 0) {
      a.memory(e.wide(), 0x8d, STACK, STACK, NONE, 0, stackBehind);
      stackBehind = 0;
    }
  }

  /** Whether an instruction neither uses the stack pointer's own register nor may leave. */
  private boolean leavesStack(GuestCode code, int i) {
    Insn insn = code.insns[i];
    Form form = insn.form;
    if (form == null) {
      return false;
    }
    return switch (code.kinds[i]) {
      case NOTHING -> true;
      case PUSH ->
          !PlainEmitter.hasMemory(insn, form)
              && pushed(insn, form) != RSP
              && e.window.find(RSP, -word(), word(), true) != Long.MIN_VALUE;
      case POP ->
          pushed(insn, form) != RSP && e.window.find(RSP, 0, word(), false) != Long.MIN_VALUE;
      case CALL -> e.window.find(RSP, -word(), word(), true) != Long.MIN_VALUE;
      case RETURN -> e.window.find(RSP, 0, word(), false) != Long.MIN_VALUE;
      case PLAIN -> {
        boolean own = insn.reg != RSP && insn.rm != RSP && insn.vvvv != RSP;
        boolean flags =
            e.inHost
                || Coverage.reads(insn, form) == 0
                    && (code.liveAfter[i] == 0 || Coverage.touches(insn, form) == 0);
        yield own && flags && !insn.memory();
      }
      default -> false;
    };
  }

  /** The register that a PUSH or POP names, -1 if none. */
  private static int pushed(Insn insn, Form form) {
    return switch (form.operands().kind(0)) {
      case 'Z' -> insn.reg;
      case 'E' -> insn.rm;
      default -> -1;
    };
  }

  private void pushFlags() {
    e.realFlags();
    e.beforeWrite(1 << RSP, 0);
    e.operand(RSP, -word(), true, Rflags.STATUS);
    e.inHost = false;
    // OF to bit 11; what LAHF gave has the other five, and bit 1 set.
    a.state(MAP_0F, 0xb6, TEMPORARY, Layout.FLAGS);
    a.register(0, 0xc1, 4, TEMPORARY);
    a.emit(11);
    a.state(0, 0x0a, TEMPORARY, Layout.FLAGS + 1);
    a.state(0, 0x0b, TEMPORARY, Layout.SYSTEM_FLAGS);
    a.memory(e.wide(), 0x89, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
    moveStack(-word());
  }

  private void pop(Insn insn, int before, int after) {
    Form form = insn.form;
    int guest = form != null && form.operands().kind(0) == 'Z' ? insn.reg : insn.rm;
    e.beforeStackMoves(after);
    e.beforeWrite(1 << guest, after);
    e.operand(RSP, 0, false, before);
    int to = Layout.host(guest);
    a.memory(e.wide(), 0x8b, to < 0 ? TEMPORARY : to, ADDRESS, NONE, 0, e.displacement);
    e.written(guest, TEMPORARY);
    if (to != STACK) {
      moveStack(word());
    }
    e.window.changed(guest);
  }

  private void leave(int before, int after) {
    e.beforeWrite(1 << RSP | 1 << RBP, after);
    e.operand(RBP, 0, false, before);
    a.memory(e.wide(), 0x8d, STACK, HostAssembler.RBP, NONE, 0, word());
    a.memory(e.wide(), 0x8b, HostAssembler.RBP, ADDRESS, NONE, 0, e.displacement);
    e.window.left();
  }

  private void pushReturn(Insn insn, int before) {
    e.beforeStackMoves(Rflags.STATUS);
    e.operand(RSP, -word(), true, before);
    long next = e.code.truncated(insn.rip + insn.length);
    if (word() == 4 || next == (int) next) {
      a.memory(e.wide(), 0xc7, 0, ADDRESS, NONE, 0, e.displacement);
      a.emit32((int) next);
    } else {
      a.movImmediate(TEMPORARY, next);
      a.memory(e.wide(), 0x89, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
    }
    moveStack(-word());
    catchUpStack();
  }

  /** Sees to flags that an indirect jump could not promise, while TEMPORARY is free. */
  private void beforeIndirect() {
    if (!e.promises(GuestCode.UNKNOWN)) {
      e.storeFlags();
    }
  }

  /** Leaves the target of an indirect branch in {@link Layout#TEMPORARY}. */
  private void indirectTarget(Insn insn) {
    beforeIndirect();
    if (insn.memory()) {
      e.operand(insn, word(), false, false, Rflags.STATUS);
      a.memory(e.wide(), 0x8b, TEMPORARY, ADDRESS, NONE, 0, e.displacement);
    } else {
      int from = e.read(insn.rm, TEMPORARY);
      a.register(e.wide(), 0x8b, TEMPORARY, from);
    }
  }

  /** A call to what is no address faults before it pushes; the flags are saved. */
  private void canonicalOrAid() {
    if (word() == 4) {
      return;
    }
    e.useAddress();
    a.mov(ADDRESS, TEMPORARY);
    a.register(W, 0xc1, 4, ADDRESS);
    a.emit(16);
    a.register(W, 0xc1, 7, ADDRESS);
    a.emit(16);
    a.register(W, 0x3b, ADDRESS, TEMPORARY);
    e.interpretIf(HostAssembler.CC_NZ);
  }

  private void jumpIndirect() {
    e.useAddress();
    if (!e.saved) {
      e.promise(GuestCode.UNKNOWN, ADDRESS, Sites.JUMP);
    } else {
      if (e.promised) {
        // mov byte [FLAGS + 3], 80h
        a.state(0, 0xc6, 0, Layout.FLAGS + 3);
        a.emit(0x80);
      }
      a.storeImmediate32(Layout.JUMP_SITE, sites.add(Sites.JUMP, e.block, e.insn.rip, 0, 0, true));
    }
    // movzx r14d, cx; jmp [jump cache + r14 * 8]
    a.register(MAP_0F, 0xb7, ADDRESS, TEMPORARY);
    a.stateIndexed(0, 0xff, 4, NONE, ADDRESS, 3, Layout.jumpCache(e.table, word() == 4));
  }
}
