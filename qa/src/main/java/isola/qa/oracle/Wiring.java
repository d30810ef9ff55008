package isola.qa.oracle;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.cpu.CpuidTable;
import isola.core.cpu.InterruptPort;
import isola.core.cpu.MsrPort;
import isola.core.cpu.VcpuWiring;
import isola.core.time.ManualClock;
import java.util.List;

/** A processor that is connected to nothing. */
final class Wiring {
  private Wiring() {}

  static VcpuWiring none() {
    InterruptPort quiet =
        new InterruptPort() {
          @Override
          public boolean pending() {
            return false;
          }

          @Override
          public int acknowledge() {
            return -1;
          }

          @Override
          public int cr8() {
            return 0;
          }

          @Override
          public void cr8(int value) {}
        };
    MsrPort absent =
        new MsrPort() {
          @Override
          public Access read(int index) {
            return Access.ABSENT;
          }

          @Override
          public long value() {
            return 0;
          }

          @Override
          public Access write(int index, long value) {
            return Access.ABSENT;
          }
        };
    return new VcpuWiring(
        new PortBus(),
        new MmioBus(),
        quiet,
        absent,
        new ManualClock(0),
        1_000_000_000L,
        () -> 4,
        new CpuidTable(List.of()));
  }
}
