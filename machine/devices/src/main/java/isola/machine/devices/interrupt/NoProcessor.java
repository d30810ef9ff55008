package isola.machine.devices.interrupt;

import isola.core.cpu.VcpuSignals;

/** Stands in for a local APIC's processor until it is connected. */
final class NoProcessor implements VcpuSignals {
  @Override
  public void interruptRaised() {}

  @Override
  public void nmi() {}

  @Override
  public void init() {}

  @Override
  public void startup(int vector) {}

  @Override
  public void kick() {}
}
