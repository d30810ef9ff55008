package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.state.CpuState;

/** The time-stamp counter (Intel SDM vol. 3B 17.17). */
public final class Tsc {
  private static final long NANOS = 1_000_000_000L;

  private Tsc() {}

  /**
   * Ticks in a span of time, rounded down; exact for frequencies below 2^33 Hz.
   *
   * @param nanos nanoseconds, not negative
   * @param hz frequency
   */
  public static long ticks(long nanos, long hz) {
    long seconds = nanos / NANOS;
    return seconds * hz + (nanos - seconds * NANOS) * hz / NANOS;
  }

  /** The counter as the processor reads it now. */
  public static long now(Cpu cpu) {
    return ticks(cpu.wiring.clock().nanos(), cpu.wiring.tscHz()) + cpu.field(CpuState.TSC_OFFSET);
  }

  /** Writes the counter; IA32_TSC_ADJUST moves by as much. */
  static void write(Cpu cpu, long value) {
    shift(cpu, value - now(cpu));
  }

  /** Writes IA32_TSC_ADJUST; the counter moves by as much. */
  static void adjust(Cpu cpu, long value) {
    shift(cpu, value - cpu.field(CpuState.TSC_ADJUST));
  }

  private static void shift(Cpu cpu, long by) {
    cpu.field(CpuState.TSC_OFFSET, cpu.field(CpuState.TSC_OFFSET) + by);
    cpu.field(CpuState.TSC_ADJUST, cpu.field(CpuState.TSC_ADJUST) + by);
  }

  /** RDTSC, and the first part of RDTSCP. */
  static void rdtsc(Cpu cpu) {
    if ((cpu.cr4() & Cr4.TSD) != 0 && cpu.cpl() != 0) {
      throw cpu.gp();
    }
    long now = now(cpu);
    cpu.gpr(0, now & 0xffff_ffffL);
    cpu.gpr(2, now >>> 32);
  }
}
