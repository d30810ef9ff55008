package isola.cpu.x86.interpreter;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.cpu.Flags;
import isola.cpu.x86.cpu.MemoryOrder;
import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.fpu.X87Instructions;
import isola.cpu.x86.integer.Arithmetic;
import isola.cpu.x86.integer.IntegerInstructions;
import isola.cpu.x86.integer.MultiplyDivide;
import isola.cpu.x86.integer.Shifts;
import isola.cpu.x86.simd.MmxInstructions;
import isola.cpu.x86.simd.SseInstructions;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.state.CpuState;
import isola.cpu.x86.system.SystemInstructions;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The loop that executes blocks until something waits for the processor, or an instruction faults.
 * Owner thread only.
 *
 * <p>Before the dispatch the loop loads what most handlers want: the destination's old value and
 * the source, register plus constant, both sign-extended. Handlers that leave the switch have their
 * result written to the destination register. Nothing here allocates.
 *
 * <p>An expression that several cases of the switch had in common would be worked out by the
 * compiler before the dispatch, for every instruction; so each stands in one case alone.
 */
final class Executor {
  private static final int JUMPS = 1 << 13;

  /** Bits of an address that a host gives to programs. */
  private static final long USER_SPACE = 0x7fff_ffff_ffffL;

  private static final int RSP = CpuState.GPR + 4 * 8;
  private static final int RBP = CpuState.GPR + 5 * 8;

  private final Cpu cpu;
  private final long state;
  private final BlockCache cache;
  private final BlockBuilder builder;

  /** Blocks by address, for branches whose target is not known before. */
  private final @Nullable Block[] jumps = new @Nullable Block[JUMPS];

  /** Instructions retired since power-on. */
  private long retired;

  private int faultVector;
  private int faultError;

  /** Blocks that {@link #run(int)} may still execute. */
  private int budget = Integer.MAX_VALUE;

  Executor(Cpu cpu, BlockCache cache) {
    this.cpu = cpu;
    this.state = cpu.state;
    this.cache = cache;
    this.builder = new BlockBuilder(cpu);
  }

  long retired() {
    return retired;
  }

  void retired(long value) {
    retired = value;
  }

  /** Vector of the fault that ended {@link #run} or {@link #step}. */
  int faultVector() {
    return faultVector;
  }

  int faultError() {
    return faultError;
  }

  void dropAll() {
    cache.dropAll();
    Arrays.fill(jumps, null);
  }

  /** Runs at most so many blocks from RIP; false if a fault waits to be delivered. */
  boolean run(int blocks) {
    budget = blocks;
    boolean fine = run();
    budget = Integer.MAX_VALUE;
    return fine;
  }

  private boolean spent() {
    return attention() || --budget <= 0;
  }

  /** The state's address, masked so that small offsets from it need no check of bounds. */
  private long state() {
    return state & USER_SPACE;
  }

  /** The entry that stands for a linear address in the TLB of the current privilege. */
  private long entry(long linear) {
    return Tlb.entry(state() + cpu.tlbOffset(), linear);
  }

  /** Where the TLB's entry says that a linear address is on the host. */
  private static long host(long linear, long entry) {
    return (linear + RawMemory.getLong(entry + Tlb.ADDEND)) & USER_SPACE;
  }

  private boolean attention() {
    return RawMemory.getIntOpaque(state() + CpuState.ATTENTION) != 0;
  }

  // Finding blocks.

  /** Whether a block is still what its linear address leads to. */
  private boolean mapped(Block b) {
    long entry = Tlb.entry(cpu.fetchTable(), b.linear);
    return RawMemory.getLong(entry + Tlb.EXECUTE) == (b.linear & -4096)
        && b.linear + RawMemory.getLong(entry + Tlb.CODE_ADDEND) == b.host;
  }

  /** The block at an address, to which RIP is set; or the fetch's fault. */
  private Block find(long rip) {
    cpu.rip(rip);
    boolean is64 = cpu.is64();
    long linear = is64 ? rip : (rip + cpu.effectiveBase(Segment.CS)) & 0xffff_ffffL;
    if (is64 ? !cpu.canonical(rip) : rip > cpu.limit(Segment.CS)) {
      throw cpu.gp();
    }
    long host = cpu.fetchHost(linear);
    int mode = cpu.mode();
    if (host == 0) {
      return builder.build(linear, 0, cpu.fetchPhysical(linear), 1);
    }
    Block found = cache.find(host, rip, mode, linear);
    if (found == null) {
      found = build(linear, host);
    } else if (found.secondHost != 0) {
      long second = linear + (4096 - (linear & 4095));
      if (cpu.fetchHost(is64 ? second : second & 0xffff_ffffL) != found.secondHost) {
        found = build(linear, host);
      }
    } else if (!is64 && cpu.limit(Segment.CS) < rip + found.length - 1) {
      // Decoded under a larger limit.
      return builder.build(linear, host, found.physical, 1);
    }
    if (found.secondHost == 0 && (mode & Cpu.MODE_FLAT) != 0) {
      jumps[jump(rip)] = found;
    }
    return found;
  }

  private Block build(long linear, long host) {
    if (cache.makeRoom()) {
      Arrays.fill(jumps, null);
    }
    long physical = cpu.fetchPhysical(linear);
    cache.hold(physical >>> 12);
    Block block = builder.build(linear, host, physical, Block.LIMIT);
    if (block.secondHost != 0) {
      cache.hold(block.secondPhysical >>> 12);
      block = builder.build(linear, host, physical, 1);
    }
    cache.add(block);
    return block;
  }

  private static int jump(long rip) {
    return (int) (rip ^ rip >>> 13) & (JUMPS - 1);
  }

  private Block indirect(long rip) {
    Block b = jumps[jump(rip)];
    if (b != null
        && b.rip == rip
        && b.mode == cpu.mode()
        && b.first.handler != Handler.STALE
        && mapped(b)) {
      return b;
    }
    return find(rip);
  }

  private Block link(Block from, boolean taken) {
    Block to = find(taken ? from.target : from.end);
    if ((from.mode & Cpu.MODE_FLAT) != 0 && to.secondHost == 0 && to.host != 0) {
      if (taken) {
        from.taken = to;
      } else {
        from.fall = to;
      }
    }
    return to;
  }

  // Memory, flat.

  private long address(Insn i) {
    int u = i.unusedAddress;
    long offset =
        RawMemory.getLong(state() + i.baseSlot)
            + (RawMemory.getLong(state() + i.indexSlot) << i.scale)
            + i.absolute;
    return (offset << u >>> u) + RawMemory.getLong(state() + i.segmentSlot);
  }

  private long slowLoad(Insn i, int size) {
    cpu.begin(i.rip, i.length);
    int unused = 64 - size * 8;
    return cpu.load(i.segment, cpu.effective(i), size) << unused >> unused;
  }

  /** The operand in memory, sign-extended. */
  private long operand(Insn i) {
    long a = address(i);
    int size = i.accessSize;
    long e = entry(a);
    if (RawMemory.getLong(e + Tlb.READ) != ((a + (size - 1)) & -4096)) {
      return slowLoad(i, size);
    }
    return MemoryOrder.loadSigned(host(a, e), size);
  }

  private void store(Insn i, long v) {
    long a = address(i);
    int size = i.operandSize;
    long e = entry(a);
    if (RawMemory.getLong(e + Tlb.WRITE) != ((a + (size - 1)) & -4096)) {
      slowStore(i, size, v);
      return;
    }
    MemoryOrder.store(host(a, e), size, v);
  }

  private void slowStore(Insn i, int size, long v) {
    cpu.begin(i.rip, i.length);
    cpu.store(i.segment, cpu.effective(i), size, v);
  }

  private void update(Insn i, long b) {
    long a = address(i);
    int size = i.operandSize;
    long e = entry(a);
    if (RawMemory.getLong(e + Tlb.WRITE) == ((a + (size - 1)) & -4096)) {
      long host = host(a, e);
      int u = i.unused;
      long old = MemoryOrder.load(host, size) << u >> u;
      MemoryOrder.store(host, size, Arithmetic.apply(cpu.flags, i.sub, old, b, u));
    } else {
      cpu.begin(i.rip, i.length);
      IntegerInstructions.execute(cpu, i);
    }
  }

  // The stack of 64-bit and flat 32-bit code.

  private void push(Insn i, long value) {
    boolean wide = i.operandSize == 8;
    long sp = RawMemory.getLong(state() + RSP) - (wide ? 8 : 4);
    if (!wide) {
      sp &= 0xffff_ffffL;
    }
    long e = entry(sp);
    if (RawMemory.getLong(e + Tlb.WRITE) == ((sp + (wide ? 7 : 3)) & -4096)) {
      MemoryOrder.store(host(sp, e), wide ? 8 : 4, value);
    } else {
      cpu.begin(i.rip, i.length);
      cpu.store(Segment.SS, sp, i.operandSize, value);
    }
    RawMemory.putLong(state() + RSP, sp);
  }

  /** What is on the stack at an address, zero-extended. */
  private long stack(Insn i, long sp) {
    boolean wide = i.operandSize == 8;
    long e = entry(sp);
    if (RawMemory.getLong(e + Tlb.READ) == ((sp + (wide ? 7 : 3)) & -4096)) {
      return MemoryOrder.load(host(sp, e), wide ? 8 : 4);
    }
    cpu.begin(i.rip, i.length);
    return cpu.load(Segment.SS, sp, i.operandSize);
  }

  private void stackPointer(Insn i, long value) {
    RawMemory.putLong(state() + RSP, i.operandSize == 8 ? value : value & 0xffff_ffffL);
  }

  private long pop(Insn i) {
    long sp = RawMemory.getLong(state() + RSP);
    long value = stack(i, sp);
    stackPointer(i, sp + i.operandSize);
    return value;
  }

  private void leave(Insn i) {
    long frame = RawMemory.getLong(state() + RBP);
    if (i.operandSize == 4) {
      frame &= 0xffff_ffffL;
    }
    long value = stack(i, frame);
    stackPointer(i, frame + i.operandSize);
    RawMemory.putLong(state() + RBP, value);
  }

  /** The address after an instruction. */
  private long after(Insn i) {
    long at = i.rip + i.length;
    return i.operandSize == 8 ? at : at & 0xffff_ffffL;
  }

  private long branch(Insn i, long target) {
    if (i.operandSize == 8 ? target << 16 >> 16 != target : target >>> 32 != 0) {
      if (i.operandSize == 8 && !cpu.canonical(target)) {
        throw cpu.gp();
      }
      return i.operandSize == 8 ? target : target & 0xffff_ffffL;
    }
    return target;
  }

  private long ret(Insn i) {
    long sp = RawMemory.getLong(state() + RSP);
    long target = branch(i, stack(i, sp));
    stackPointer(i, sp + i.operandSize);
    return target;
  }

  private long call(Insn i, long target) {
    long to = branch(i, target);
    push(i, after(i));
    return to;
  }

  private void narrow(long at, int unused, long r) {
    if ((at & 7) == 0) {
      // All eight bytes, so that the host forwards them to the next read, which is of eight.
      long mask = -1L >>> unused;
      RawMemory.putLong(at, (RawMemory.getLong(at) & ~mask) | (r & mask));
    } else {
      RawMemory.putByte(at, (byte) r);
    }
  }

  private long shift(Insn i, long x) {
    int u = i.unused;
    return Shifts.apply(cpu.flags, i.op, x << u >>> u, i.sub, i.operandSize);
  }

  private static boolean repeats(Insn i) {
    if ((i.prefixes & (Insn.REP | Insn.REPNE)) == 0) {
      return false;
    }
    return switch (i.op) {
      case MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS -> true;
      default -> false;
    };
  }

  private void integer(Insn i) {
    cpu.begin(i.rip, i.length);
    IntegerInstructions.execute(cpu, i);
  }

  private void system(Insn i) {
    cpu.begin(i.rip, i.length);
    SystemInstructions.execute(cpu, i);
  }

  private void sse(Insn i) {
    cpu.begin(i.rip, i.length);
    SseInstructions.execute(cpu, i);
  }

  private void mmx(Insn i) {
    cpu.begin(i.rip, i.length);
    MmxInstructions.execute(cpu, i);
  }

  private void x87(Insn i) {
    cpu.begin(i.rip, i.length);
    X87Instructions.execute(cpu, i);
  }

  /** Runs from RIP; false if a fault waits to be delivered. */
  boolean run() {
    Block start;
    try {
      start = indirect(cpu.rip());
    } catch (Fault fault) {
      return faulted(fault);
    }
    return loop(start);
  }

  /** Executes one instruction at RIP; false if a fault waits to be delivered. */
  @Nullable Insn step() {
    Block one;
    try {
      long rip = cpu.rip();
      boolean is64 = cpu.is64();
      long linear = is64 ? rip : (rip + cpu.effectiveBase(Segment.CS)) & 0xffff_ffffL;
      if (is64 ? !cpu.canonical(rip) : rip > cpu.limit(Segment.CS)) {
        throw cpu.gp();
      }
      long host = cpu.fetchHost(linear);
      one = builder.build(linear, host, cpu.fetchPhysical(linear), 1);
    } catch (Fault fault) {
      faulted(fault);
      return null;
    }
    Insn insn = one.first;
    return loop(one) ? insn : null;
  }

  private boolean faulted(Fault fault) {
    faultVector = fault.vector();
    faultError = fault.errorCode();
    return false;
  }

  /**
   * Runs from a block until the processor is asked for; false after a fault.
   *
   * <p>The label on a plain block keeps direct branches apart from indirect ones without a test;
   * every instruction that does not end its block has a next one.
   */
  @SuppressWarnings({"LabelledBreakTarget", "NullAway"})
  private boolean loop(Block start) {
    final Cpu cpu = this.cpu;
    final Flags f = cpu.flags;
    final long st = state();
    Block b = start;
    Insn i = b.first;
    boolean fetching = false;
    try {
      blocks:
      while (true) {
        retired += b.count;
        i = b.first;
        boolean taken = true;
        long to = 0;
        direct:
        {
          indirect:
          while (true) {
            int u = i.unused;
            long x = RawMemory.getLong(st + i.dst) << u >> u;
            long y = (RawMemory.getLong(st + i.src) + i.constant) << u >> u;
            long r;
            if (i.access != 0) {
              long m = operand(i);
              if (i.access == Preparation.SOURCE) {
                y = m;
              } else {
                x = m;
              }
            }
            switch (i.handler) {
              case Handler.STALE -> {
                retired -= b.count - i.ordinal;
                to = i.rip;
                break indirect;
              }
              case Handler.END -> {
                taken = false;
                break direct;
              }
              case Handler.INTEGER -> {
                integer(i);
                i = i.next;
                continue;
              }
              case Handler.INTEGER_END -> {
                integer(i);
                to = cpu.nextRip();
                if (to == i.rip && repeats(i)) {
                  // Stopped half-way; it counts when it is done.
                  retired--;
                }
                break indirect;
              }
              case Handler.SYSTEM_END -> {
                system(i);
                to = cpu.nextRip();
                break indirect;
              }
              case Handler.SSE -> {
                sse(i);
                i = i.next;
                continue;
              }
              case Handler.MMX -> {
                mmx(i);
                i = i.next;
                continue;
              }
              case Handler.X87 -> {
                x87(i);
                i = i.next;
                continue;
              }
              case Handler.NOP -> {
                i = i.next;
                continue;
              }
              case Handler.ADD, Handler.ADD_QUIET -> {
                if (i.handler == Handler.ADD) {
                  r = f.add(x, y, u);
                } else {
                  r = x + y;
                }
              }
              case Handler.SUB, Handler.SUB_QUIET -> {
                if (i.handler == Handler.SUB) {
                  r = f.sub(x, y, u);
                } else {
                  r = x - y;
                }
              }
              case Handler.CMP -> {
                f.compare(x, y, u);
                i = i.next;
                continue;
              }
              case Handler.CMP_JCC + 2,
                  Handler.CMP_JCC + 3,
                  Handler.CMP_JCC + 4,
                  Handler.CMP_JCC + 5,
                  Handler.CMP_JCC + 6,
                  Handler.CMP_JCC + 7,
                  Handler.CMP_JCC + 8,
                  Handler.CMP_JCC + 9,
                  Handler.CMP_JCC + 12,
                  Handler.CMP_JCC + 13,
                  Handler.CMP_JCC + 14,
                  Handler.CMP_JCC + 15 -> {
                f.compare(x, y, u);
                taken = f.condition(i.handler - Handler.CMP_JCC);
                break direct;
              }
              case Handler.AND, Handler.AND_QUIET, Handler.TEST -> {
                r = x & y;
                if (i.handler != Handler.AND_QUIET) {
                  f.logic(r);
                  if (i.handler == Handler.TEST) {
                    i = i.next;
                    continue;
                  }
                }
              }
              case Handler.TEST_JCC + 4,
                  Handler.TEST_JCC + 5,
                  Handler.TEST_JCC + 6,
                  Handler.TEST_JCC + 7,
                  Handler.TEST_JCC + 8,
                  Handler.TEST_JCC + 9,
                  Handler.TEST_JCC + 12,
                  Handler.TEST_JCC + 13,
                  Handler.TEST_JCC + 14,
                  Handler.TEST_JCC + 15 -> {
                f.test(x, y);
                taken = f.condition(i.handler - Handler.TEST_JCC);
                break direct;
              }
              case Handler.OR, Handler.OR_QUIET -> {
                r = x | y;
                if (i.handler == Handler.OR) {
                  f.logic(r);
                }
              }
              case Handler.XOR, Handler.XOR_QUIET -> {
                r = x ^ y;
                if (i.handler == Handler.XOR) {
                  f.logic(r);
                }
              }
              case Handler.INC, Handler.INC_QUIET -> r = f.inc(x, u);
              case Handler.DEC, Handler.DEC_QUIET -> r = f.dec(x, u);
              case Handler.NEG, Handler.NEG_QUIET -> r = f.sub(0, x, u);
              case Handler.SHL, Handler.SHL_QUIET -> {
                int n = i.sub;
                r = x << (u + n) >> u;
                if (i.handler == Handler.SHL) {
                  long cf = x << (u + n - 1) >>> 63;
                  f.shifted(r, cf, (r >>> 63) ^ cf);
                }
              }
              case Handler.SHR, Handler.SHR_QUIET -> {
                int n = i.sub;
                r = (x << u >>> u) >>> n;
                if (i.handler == Handler.SHR) {
                  f.shifted(r << u >> u, x >>> (n - 1) & 1, n == 1 ? x >>> 63 : 0);
                }
              }
              case Handler.SAR, Handler.SAR_QUIET -> {
                int n = i.sub;
                r = x >> n;
                if (i.handler == Handler.SAR) {
                  f.shifted(r, x >> (n - 1) & 1, 0);
                }
              }
              case Handler.IMUL, Handler.IMUL_QUIET -> {
                if (i.handler == Handler.IMUL) {
                  r = MultiplyDivide.imul(f, x, y, u);
                } else {
                  r = x * y;
                }
              }
              case Handler.IMUL3, Handler.IMUL3_QUIET -> {
                if (i.handler == Handler.IMUL3) {
                  r = MultiplyDivide.imul(f, y, i.absolute, u);
                } else {
                  r = y * i.absolute;
                }
              }
              case Handler.JCC,
                  Handler.JCC + 1,
                  Handler.JCC + 2,
                  Handler.JCC + 3,
                  Handler.JCC + 4,
                  Handler.JCC + 5,
                  Handler.JCC + 6,
                  Handler.JCC + 7,
                  Handler.JCC + 8,
                  Handler.JCC + 9,
                  Handler.JCC + 10,
                  Handler.JCC + 11,
                  Handler.JCC + 12,
                  Handler.JCC + 13,
                  Handler.JCC + 14,
                  Handler.JCC + 15 -> {
                taken = f.condition(i.handler - Handler.JCC);
                break direct;
              }
              case Handler.ADC -> r = f.adc(x, y, u);
              case Handler.SBB -> r = f.sbb(x, y, u);
              case Handler.UPDATE -> {
                update(i, y);
                i = i.next;
                continue;
              }
              case Handler.MOV -> r = y;
              case Handler.MOVZX1 -> r = y & 0xff;
              case Handler.MOVZX2 -> r = y & 0xffff;
              case Handler.MOVSX1 -> r = (byte) y;
              case Handler.MOVSX2 -> r = (short) y;
              case Handler.MOVSX4 -> r = (int) y;
              case Handler.STORE -> {
                store(i, y);
                i = i.next;
                continue;
              }
              case Handler.LEA -> r = address(i);
              case Handler.NOT -> r = ~x;
              case Handler.CMOV -> r = f.condition(i.sub) ? y : x;
              case Handler.SET -> r = f.condition(i.sub) ? 1 : 0;
              case Handler.SIGN -> r = y >> 63;
              case Handler.BT -> {
                f.carry((x >>> (y & (63 - u)) & 1) != 0);
                i = i.next;
                continue;
              }
              case Handler.PUSH -> {
                push(i, y);
                i = i.next;
                continue;
              }
              case Handler.POP -> r = pop(i);
              case Handler.LEAVE -> {
                leave(i);
                i = i.next;
                continue;
              }
              case Handler.SHIFT -> r = shift(i, x);
              case Handler.CALL -> {
                push(i, after(i));
                break direct;
              }
              case Handler.CALL_INDIRECT -> {
                to = call(i, y);
                break indirect;
              }
              case Handler.JMP -> {
                break direct;
              }
              case Handler.JMP_INDIRECT -> {
                to = branch(i, y);
                break indirect;
              }
              case Handler.RET -> {
                to = ret(i);
                break indirect;
              }
              default -> throw new IllegalStateException("no such handler");
            }
            if (u <= 32) {
              RawMemory.putLong(st + i.dst, r << u >>> u);
            } else {
              narrow(st + i.dst, u, r);
            }
            i = i.next;
          }
          // To an address that was worked out.
          if (spent()) {
            cpu.rip(to);
            return true;
          }
          fetching = true;
          b = indirect(to);
          fetching = false;
          continue blocks;
        }
        // To one of two addresses that the block knows.
        if (spent()) {
          cpu.rip(taken ? b.target : b.end);
          return true;
        }
        Block next = taken ? b.taken : b.fall;
        if (next == null || (((next.linear ^ b.linear) & -4096) != 0 && !mapped(next))) {
          fetching = true;
          next = link(b, taken);
          fetching = false;
        }
        b = next;
      }
    } catch (Fault fault) {
      if (!fetching) {
        retired -= b.count - i.ordinal;
        cpu.rip(i.rip);
      }
      return faulted(fault);
    }
  }
}
