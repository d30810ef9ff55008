package isola.machine.board;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuidTable;
import isola.machine.board.layout.BoardSpec;
import java.util.List;

/**
 * The engines of this host that a new machine is to be able to move to when it is saved. One that
 * runs on hardware cannot do everything, so such a machine is given what all have from the start.
 *
 * @param engines those other than the machine's own
 */
record OtherEngines(List<CpuEngine> engines) {
  /** Nobody thought of moving the machine: it has all that its engine has. */
  static final OtherEngines NONE = new OtherEngines(List.of());

  /** Where a machine of this configuration is to be able to go on. */
  static OtherEngines of(MachineConfig config, CpuEngine own, List<CpuEngine> installed) {
    return config.cpuModel().equals(MachineConfig.COMMON_CPU_MODEL)
        ? new OtherEngines(installed.stream().filter(engine -> engine != own).toList())
        : NONE;
  }

  /** The frequency of its time-stamp counters in Hz, on an engine that counts at any. */
  long tscHz() {
    for (CpuEngine engine : engines) {
      long hz = engine.hostTscHz();
      if (hz > 0) {
        return hz;
      }
    }
    return BoardSpec.TSC_HZ;
  }

  /** The level of x86-64 that all of them have, up to one. */
  int level(int most) {
    int level = most;
    for (CpuEngine engine : engines) {
      if (engine.unavailable().isEmpty()) {
        level = Math.min(level, engine.level());
      }
    }
    return level;
  }

  /** Of a processor's CPUID, what all of them have. */
  CpuidTable offered(CpuidTable table) {
    CpuidTable offered = table;
    for (CpuEngine engine : engines) {
      offered = engine.hostCpuid(offered);
    }
    return offered;
  }
}
