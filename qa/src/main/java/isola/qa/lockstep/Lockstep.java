package isola.qa.lockstep;

import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.SteppedMachine;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Runs one guest on two engines whose time is counted in instructions, compares all state every so
 * many instructions, and finds where they part.
 *
 * <p>Compared are registers, RFLAGS, control, segment and model-specific registers, x87 and SSE
 * state, and all memory. Status flags that the manual leaves undefined may differ, so a difference
 * in status flags alone counts neither in RFLAGS nor where a copy of RFLAGS stands in a register or
 * in memory; where a defined one matters, something else will differ.
 */
public final class Lockstep {
  private static final int FINEST = 64;
  private static final int FINER = 50;
  private static final long SYSTEM_BITS = 0x3f_ffffL & ~Rflags.STATUS;

  /** Parts of the state that mean something at every instruction, in pairs: from, to. */
  private static final int[] PARTS = {
    0,
    CpuState.ATTENTION,
    CpuState.INTERRUPT_SHADOW,
    CpuState.STARTUP_VECTOR,
    CpuState.XSAVE,
    CpuState.SCRATCH
  };

  private final Function<String, SteppedMachine> machines;
  private final Consumer<String> messages;

  /**
   * A comparison.
   *
   * @param machines makes the machine for an engine's name, always the same
   * @param messages hears how it goes on
   */
  public Lockstep(Function<String, SteppedMachine> machines, Consumer<String> messages) {
    this.machines = machines;
    this.messages = messages;
  }

  /**
   * What came out.
   *
   * @param instructions compared without a difference
   * @param ending how both ended, the empty string if they still ran
   * @param difference where they part, or null
   */
  public record Result(long instructions, String ending, @Nullable String difference) {}

  /**
   * Compares every {@code step} instructions, memory every tenth time, until both end or {@code
   * most} instructions are done.
   */
  public Result run(long step, long most) {
    long from = 0;
    long every = step;
    long to = most;
    while (true) {
      Span span = compare(from, to, every);
      if (span.difference == null) {
        return new Result(span.good, span.ending, null);
      }
      messages.accept(
          "they part between %d and %d: %s"
              .formatted(span.good, span.bad, span.difference.lines().findFirst().orElse("")));
      if (every <= FINEST) {
        return new Result(span.good, span.ending, explain(span));
      }
      from = span.good;
      to = span.bad;
      every = Math.max(FINEST, every / FINER);
    }
  }

  private record Span(long good, long bad, String ending, @Nullable String difference) {}

  /** Runs both from power-on, and compares from {@code from} on. */
  private Span compare(long from, long to, long every) {
    try (SteppedMachine first = machines.apply("interpreter");
        SteppedMachine second = machines.apply("translator")) {
      first.runTo(from);
      second.runTo(from);
      long good = from;
      boolean all = to - from <= 20 * every;
      long last = System.nanoTime();
      for (long at = from + every, count = 1; ; at += every, count++) {
        long here = Math.min(at, to);
        boolean runs = first.runTo(here);
        boolean other = second.runTo(here);
        String difference = differences(first, second, all || count % 10 == 0 || !runs);
        if (runs != other || !first.ending().equals(second.ending())) {
          difference = "ended: \"%s\" and \"%s\"".formatted(first.ending(), second.ending());
        }
        if (difference != null) {
          // Memory may have parted before.
          long checked = all ? good : Math.max(from, from + (count - 1) / 10 * 10 * every);
          return new Span(checked, here, "", difference);
        }
        good = first.instructions();
        if (!runs || here == to) {
          return new Span(good, good, first.ending(), null);
        }
        if (System.nanoTime() - last > 10_000_000_000L) {
          last = System.nanoTime();
          messages.accept("%d million instructions are equal".formatted(good / 1_000_000));
        }
      }
    }
  }

  private static @Nullable String differences(
      SteppedMachine first, SteppedMachine second, boolean memory) {
    List<String> found = new ArrayList<>();
    long a = first.state();
    long b = second.state();
    for (int part = 0; part < PARTS.length; part += 2) {
      for (int at = PARTS[part]; at < PARTS[part + 1]; at += 4) {
        int x = RawMemory.getInt(a + at);
        int y = RawMemory.getInt(b + at);
        if (x != y && !flags(RawMemory.getLong(a + (at & -8)), RawMemory.getLong(b + (at & -8)))) {
          found.add("state+%x: %08x and %08x".formatted(at, x, y));
        }
      }
    }
    if (memory) {
      for (MemorySlot slot : first.memory().slots()) {
        compare(slot, second.memory().slotAt(slot.guestBase()), found);
      }
    }
    return found.isEmpty() ? null : String.join("\n", found.subList(0, Math.min(40, found.size())));
  }

  /** Whether two words differ in the status flags of images of RFLAGS, of 4 or 8 bytes, alone. */
  private static boolean flags(long x, long y) {
    return image(x & 0xffff_ffffL, y & 0xffff_ffffL) && image(x >>> 32, y >>> 32);
  }

  private static boolean image(long x, long y) {
    boolean images = (x & 2) != 0 && (y & 2) != 0 && x >>> 22 == 0 && y >>> 22 == 0;
    return x == y || (images && ((x ^ y) & SYSTEM_BITS) == 0);
  }

  private static void compare(MemorySlot slot, @Nullable MemorySlot other, List<String> found) {
    if (other == null) {
      found.add("memory at %x is in one machine only".formatted(slot.guestBase()));
      return;
    }
    MemorySegment a = RawMemory.view(slot.hostAddress(), slot.size());
    MemorySegment b = RawMemory.view(other.hostAddress(), other.size());
    long at = 0;
    while (at < slot.size() && found.size() < 40) {
      long next = MemorySegment.mismatch(a, at, slot.size(), b, at, slot.size());
      if (next < 0) {
        return;
      }
      long word = (at + next) & -8;
      long x = RawMemory.getLong(slot.hostAddress() + word);
      long y = RawMemory.getLong(other.hostAddress() + word);
      if (!flags(x, y)) {
        found.add("memory %x: %016x and %016x".formatted(slot.guestBase() + word, x, y));
      }
      at = word + 8;
    }
  }

  /** Both states after the smallest span that parts them, and the instructions in it. */
  private String explain(Span span) {
    StringBuilder text = new StringBuilder(4096);
    text.append(
        "The engines part between instructions %d and %d.\n%s\n"
            .formatted(span.good, span.bad, span.difference));
    try (SteppedMachine first = machines.apply("interpreter");
        SteppedMachine second = machines.apply("translator")) {
      first.runTo(span.good);
      second.runTo(span.good);
      text.append("Instructions, as the interpreter goes:\n");
      for (long at = span.good; at < span.bad && first.runTo(at); at++) {
        text.append("%d %s\n".formatted(at, instruction(first)));
      }
      first.runTo(span.bad);
      second.runTo(span.bad);
      text.append("interpreter:\n").append(registers(first.state()));
      text.append("translator:\n").append(registers(second.state()));
    }
    return text.toString();
  }

  private static String instruction(SteppedMachine machine) {
    long state = machine.state();
    long rip = RawMemory.getLong(state + CpuState.RIP);
    long linear = GuestTables.physical(machine.memory(), state, rip);
    StringBuilder text = new StringBuilder("%x".formatted(rip));
    if (linear < 0) {
      return text.append(" not mapped").toString();
    }
    byte[] bytes = new byte[(int) Math.min(15, 4096 - (linear & 4095))];
    machine.memory().read(linear, bytes, 0, bytes.length);
    Insn insn = new Insn();
    boolean fine =
        new Decoder(OpcodeTable.v3()).decode(insn, bytes, 0, bytes.length, 8) == Decoder.Status.OK;
    for (int i = 0; i < (fine ? insn.length : bytes.length); i++) {
      text.append(i == 0 ? ": " : " ").append("%02x".formatted(bytes[i]));
    }
    return text.append(fine ? " " + insn.op : "").toString();
  }

  private static String registers(long state) {
    StringBuilder text = new StringBuilder(1024);
    for (int r = 0; r < 16; r++) {
      text.append(" r%-2d %016x".formatted(r, RawMemory.getLong(state + CpuState.GPR + r * 8)));
      text.append(r % 4 == 3 ? "\n" : "");
    }
    text.append(
        " rip %x rflags %x cr2 %x cr3 %x\n"
            .formatted(
                RawMemory.getLong(state + CpuState.RIP),
                RawMemory.getLong(state + CpuState.RFLAGS),
                RawMemory.getLong(state + CpuState.CR2),
                RawMemory.getLong(state + CpuState.CR3)));
    return text.toString();
  }
}
