package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.RAX;
import static isola.cpu.translator.HostAssembler.RDX;
import static isola.cpu.translator.HostAssembler.W;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.interpreter.SingleInstruction;
import isola.cpu.x86.state.CpuState;
import isola.host.ExecutableMemory;

/**
 * The guest's time-stamp counter from the host's, for RDTSC in generated code: what the guest's
 * clock says now and then, and in between the host's ticks at the rate that was measured, always a
 * little late. A clock that does not run with the host's is noticed and left to Java alone. Owner
 * thread only.
 */
final class HostTicks {
  private static final int BASE = Layout.TICKS;

  /** The host's counter when the clock was last read. */
  private static final int HOST = BASE;

  /** Host ticks from then on for which that may be used; 0 for none. */
  private static final int SPAN = BASE + 8;

  /** Guest ticks for a host tick, times 2 to the 32nd. */
  private static final int RATE = BASE + 16;

  /** The guest's counter at that time, without its offset. */
  private static final int GUEST = BASE + 24;

  /** Nanoseconds for which a reading of the clock may be used. */
  private static final long WINDOW = 2_000_000;

  /** The shortest time to measure a rate over, in nanoseconds. */
  private static final long MEASURE = 20_000_000;

  /** How far two measured rates may be apart. */
  private static final double AGREE = 1e-4;

  /** Disagreements after which the clock is taken for one that does not run with the host's. */
  private static final int PATIENCE = 16;

  private final Cpu cpu;
  private final long readTicks;
  private long firstHost;
  private long firstNanos;
  private long closest = Long.MAX_VALUE;
  private double rate;
  private int disagreed;

  /**
   * Begins without a rate.
   *
   * @param readTicks the function that {@link #reader} wrote
   */
  HostTicks(Cpu cpu, long readTicks) {
    this.cpu = cpu;
    this.readTicks = readTicks;
  }

  /** Writes a function that gives the host's counter. */
  static long reader(HostAssembler a) {
    a.align(16);
    long at = a.here();
    ticks(a);
    a.emit(0xc3);
    return at;
  }

  /** The host's counter to RAX; RDX and flags are lost. */
  private static void ticks(HostAssembler a) {
    a.emit(0x0f);
    a.emit(0x31);
    a.register(W, 0xc1, 4, RDX);
    a.emit(32);
    a.register(W, 0x0b, RAX, RDX);
  }

  /**
   * Writes RDTSC.
   *
   * @return the jump to bind where Java must do it
   */
  static int emit(HostAssembler a) {
    ticks(a);
    a.state(W, 0x2b, RAX, HOST);
    a.state(W, 0x3b, RAX, SPAN);
    int late = a.jumpForward(HostAssembler.CC_AE);
    // mul qword [RATE]; shrd rax, rdx, 32
    a.state(W, 0xf7, 4, RATE);
    a.register(W | MAP_0F, 0xac, RDX, RAX);
    a.emit(32);
    a.state(W, 0x03, RAX, GUEST);
    a.state(W, 0x03, RAX, CpuState.TSC_OFFSET);
    a.mov(RDX, RAX);
    a.register(W, 0xc1, 5, RDX);
    a.emit(32);
    a.mov32(RAX, RAX);
    return late;
  }

  /** From now on Java is asked again. */
  void forget() {
    cpu.field(SPAN, 0);
  }

  private long guestAt(long host) {
    long elapsed = host - cpu.field(HOST);
    long high = Math.multiplyHigh(elapsed, cpu.field(RATE));
    return cpu.field(GUEST) + (high << 32 | elapsed * cpu.field(RATE) >>> 32);
  }

  /** To be called after Java executed RDTSC or RDTSCP: takes another reading of the clock. */
  void read() {
    if (disagreed > PATIENCE) {
      return;
    }
    long before = ExecutableMemory.call(readTicks, 0, 0);
    long nanos = cpu.wiring.clock().nanos();
    long after = ExecutableMemory.call(readTicks, 0, 0);
    long span = cpu.field(SPAN);
    closest = Math.min(closest, after - before);
    if (after - before > 4 * closest) {
      // The thread was away in between.
      return;
    }
    if (firstHost == 0) {
      firstHost = before;
      firstNanos = nanos;
      return;
    }
    if (nanos - firstNanos < MEASURE) {
      if (after - firstHost > 1L << 36) {
        disagreed = PATIENCE + 1;
      }
      return;
    }
    // Rather a little slow, as the readings of the host's counter lie around those of the clock.
    double measured = (double) (nanos - firstNanos) / (after - firstHost);
    boolean agrees = Math.abs(measured - rate) < AGREE * measured;
    rate = measured;
    long hz = cpu.wiring.tscHz();
    long ticks = SingleInstruction.ticks(nanos, hz);
    if (span != 0) {
      // Never back, should the clock have slowed down.
      ticks = Math.max(ticks, guestAt(Math.min(before, cpu.field(HOST) + span)));
    }
    if (!agrees) {
      disagreed++;
      cpu.field(SPAN, 0);
      return;
    }
    disagreed = 0;
    cpu.field(HOST, after);
    cpu.field(GUEST, ticks);
    cpu.field(RATE, (long) (measured * hz / 1e9 * 0x1p32 * (1 - 1e-6)));
    cpu.field(SPAN, (long) (WINDOW / measured));
  }
}
