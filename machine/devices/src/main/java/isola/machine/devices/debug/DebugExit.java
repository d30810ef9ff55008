package isola.machine.devices.debug;

import isola.core.bus.PortDevice;
import java.util.function.IntConsumer;

/** The {@code isa-debug-exit} port: a guest that writes to it ends the machine. Any thread. */
public final class DebugExit implements PortDevice {
  /** Where test programs look for it. */
  public static final int PORT = 0xf4;

  /** How many ports. */
  public static final int PORTS = 4;

  private final IntConsumer exit;

  /**
   * A port.
   *
   * @param exit told the exit status, {@code (value << 1 | 1)} as QEMU has it, on the vCPU's
   *     thread; must not block
   */
  public DebugExit(IntConsumer exit) {
    this.exit = exit;
  }

  @Override
  public int in(int offset, int size) {
    return 0;
  }

  @Override
  public void out(int offset, int size, int value) {
    exit.accept(value << 1 | 1);
  }
}
