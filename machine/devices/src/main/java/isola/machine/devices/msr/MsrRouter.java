package isola.machine.devices.msr;

import isola.core.cpu.MsrPort;
import java.util.List;

/**
 * Several {@link MsrPort}s as one: the first that has a register answers for it. Owner thread of
 * the vCPU.
 */
public final class MsrRouter implements MsrPort {
  private final MsrPort[] ports;
  private long value;

  /** A router that asks in this order. */
  public MsrRouter(List<MsrPort> ports) {
    this.ports = ports.toArray(new MsrPort[0]);
  }

  @Override
  public Access read(int index) {
    for (MsrPort port : ports) {
      Access access = port.read(index);
      if (access != Access.ABSENT) {
        value = port.value();
        return access;
      }
    }
    return Access.ABSENT;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public Access write(int index, long written) {
    for (MsrPort port : ports) {
      Access access = port.write(index, written);
      if (access != Access.ABSENT) {
        return access;
      }
    }
    return Access.ABSENT;
  }
}
