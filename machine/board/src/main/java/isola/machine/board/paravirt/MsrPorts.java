package isola.machine.board.paravirt;

import isola.core.cpu.MsrPort;

/** Several owners of model-specific registers as one: the first that has a register answers. */
public final class MsrPorts implements MsrPort {
  private final MsrPort[] ports;
  private MsrPort answered;

  /** The owners, in the order they are asked; at least one. */
  public MsrPorts(MsrPort... ports) {
    this.ports = ports.clone();
    answered = this.ports[0];
  }

  @Override
  public Access read(int index) {
    for (MsrPort port : ports) {
      Access access = port.read(index);
      if (access != Access.ABSENT) {
        answered = port;
        return access;
      }
    }
    return Access.ABSENT;
  }

  @Override
  public long value() {
    return answered.value();
  }

  @Override
  public Access write(int index, long value) {
    for (MsrPort port : ports) {
      Access access = port.write(index, value);
      if (access != Access.ABSENT) {
        return access;
      }
    }
    return Access.ABSENT;
  }
}
