package isola.machine.devices.debug;

import isola.core.bus.PortDevice;

/**
 * Port 0x80: the power-on self-test code, and the port that software writes to wait a microsecond.
 * Keeps the last value. Any thread.
 */
public final class PostPort implements PortDevice {
  /** Where it is. */
  public static final int PORT = 0x80;

  private volatile int code;

  /** A port that shows 0. */
  public PostPort() {}

  /** The last code, 0 to 255. */
  public int code() {
    return code;
  }

  @Override
  public int in(int offset, int size) {
    return code | 0xffff_ff00;
  }

  @Override
  public void out(int offset, int size, int value) {
    code = value & 0xff;
  }
}
