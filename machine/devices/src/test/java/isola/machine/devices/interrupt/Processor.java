package isola.machine.devices.interrupt;

import isola.core.cpu.VcpuSignals;
import java.util.ArrayList;
import java.util.List;

/** A processor that notes what reaches it. */
final class Processor implements VcpuSignals {
  final List<String> events = new ArrayList<>();
  int raised;

  @Override
  public void interruptRaised() {
    raised++;
  }

  @Override
  public void nmi() {
    events.add("nmi");
  }

  @Override
  public void init() {
    events.add("init");
  }

  @Override
  public void startup(int vector) {
    events.add("startup " + vector);
  }

  @Override
  public void unhalt() {
    events.add("unhalt");
  }

  @Override
  public void kick() {
    events.add("kick");
  }
}
