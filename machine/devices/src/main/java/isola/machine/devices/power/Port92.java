package isola.machine.devices.power;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;

/**
 * System control port A, 0x92: the fast A20 gate and fast reset (IBM PS/2 technical reference,
 * 82371SB 2.5.5). A20 is stored; the machine never masks that address line. Any thread.
 */
public final class Port92 implements PortDevice, Stateful<Port92.State> {
  /** Where it is. */
  public static final int PORT = 0x92;

  /**
   * Volatile state.
   *
   * @param value the register
   */
  public record State(int value) {}

  private static final int RESET = 1;
  private static final int A20 = 1 << 1;

  // Wiring.
  private final Runnable reset;

  // Volatile state.
  private volatile int register = A20;

  /**
   * The port at power-on, A20 open.
   *
   * @param reset run, on the vCPU's thread, to reset the machine; must not block
   */
  public Port92(Runnable reset) {
    this.reset = reset;
  }

  @Override
  public int in(int offset, int size) {
    return register | 0xffff_ff00;
  }

  @Override
  public void out(int offset, int size, int value) {
    boolean rises = (value & ~register & RESET) != 0;
    register = value & (A20 | RESET);
    if (rises) {
      reset.run();
    }
  }

  @Override
  public void reset() {
    register = A20;
  }

  @Override
  public State save() {
    return new State(register);
  }

  @Override
  public void restore(State state) {
    register = state.value & (A20 | RESET);
  }
}
