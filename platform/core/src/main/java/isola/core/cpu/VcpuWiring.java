package isola.core.cpu;

import isola.core.backend.EntropySource;
import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.time.Clock;
import isola.core.time.ManualClock;

/**
 * What a processor is connected to.
 *
 * @param ports the I/O ports
 * @param mmio device memory, this processor's local APIC included
 * @param interrupts its local interrupt controller
 * @param msrs registers outside the core
 * @param clock drives the time-stamp counter
 * @param tscHz time-stamp counter frequency in Hz, constant
 * @param entropy behind RDRAND and RDSEED
 * @param cpuid what CPUID answers on this processor
 * @param hypercalls what its kernel may ask of the machine
 */
public record VcpuWiring(
    PortBus ports,
    MmioBus mmio,
    InterruptPort interrupts,
    MsrPort msrs,
    Clock clock,
    long tscHz,
    EntropySource entropy,
    CpuidTable cpuid,
    HypercallPort hypercalls) {
  /** A processor of a machine without hypercalls. */
  public VcpuWiring(
      PortBus ports,
      MmioBus mmio,
      InterruptPort interrupts,
      MsrPort msrs,
      Clock clock,
      long tscHz,
      EntropySource entropy,
      CpuidTable cpuid) {
    this(ports, mmio, interrupts, msrs, clock, tscHz, entropy, cpuid, HypercallPort.NONE);
  }

  /** The wiring of a processor that stands alone: no device, no interrupt, a clock at 0. */
  public static VcpuWiring unconnected(CpuidTable cpuid) {
    return new VcpuWiring(
        new PortBus(),
        new MmioBus(),
        InterruptPort.NONE,
        MsrPort.NONE,
        new ManualClock(0),
        1_000_000_000L,
        () -> 4,
        cpuid);
  }
}
