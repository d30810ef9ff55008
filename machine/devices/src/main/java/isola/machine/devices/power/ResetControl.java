package isola.machine.devices.power;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;

/**
 * The reset control register, port 0xcf9 (82371SB 2.5.7). {@link
 * isola.machine.devices.pci.PciConfigPorts} shares its ports, so it takes this at offset 1 of its
 * own. Any thread.
 */
public final class ResetControl implements PortDevice, Stateful<ResetControl.State> {
  /**
   * Volatile state.
   *
   * @param value the register
   */
  public record State(int value) {}

  private static final int OFFSET = 1;
  private static final int RESET_CPU = 1 << 2;
  private static final int WRITABLE = 0xe;

  // Wiring.
  private final Runnable reset;

  // Volatile state.
  private volatile int register;

  /**
   * The register at power-on.
   *
   * @param reset run, on the vCPU's thread, to reset the machine; must not block
   */
  public ResetControl(Runnable reset) {
    this.reset = reset;
  }

  @Override
  public int in(int offset, int size) {
    return offset == OFFSET && size == 1 ? register : -1;
  }

  @Override
  public void out(int offset, int size, int value) {
    if (offset != OFFSET || size != 1) {
      return;
    }
    boolean rises = (value & ~register & RESET_CPU) != 0;
    register = value & WRITABLE;
    if (rises) {
      reset.run();
    }
  }

  @Override
  public void reset() {
    register = 0;
  }

  @Override
  public State save() {
    return new State(register);
  }

  @Override
  public void restore(State state) {
    register = state.value & WRITABLE;
  }
}
