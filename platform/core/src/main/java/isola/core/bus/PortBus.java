package isola.core.bus;

import org.jspecify.annotations.Nullable;

/**
 * The 64 Ki x86 I/O ports. Unclaimed ports read as all ones and ignore writes. An access that runs
 * over the end of a device's range is split into bytes, as a real bus splits it.
 */
public final class PortBus {
  private static final int PORTS = 1 << 16;

  private record Range(int base, int count, PortDevice device) {}

  private final @Nullable Range[] owner = new @Nullable Range[PORTS];

  /** A bus with no device. */
  public PortBus() {}

  /**
   * Attaches a device at {@code count} ports from {@code base}.
   *
   * @throws IllegalArgumentException if the range is empty, leaves the port space or is taken
   */
  public synchronized void attach(int base, int count, PortDevice device) {
    if (base < 0 || count <= 0 || base + count > PORTS) {
      throw new IllegalArgumentException(
          "ports 0x%x+%d are outside the port space".formatted(base, count));
    }
    for (int port = base; port < base + count; port++) {
      if (owner[port] != null) {
        throw new IllegalArgumentException("port 0x%x is taken".formatted(port));
      }
    }
    Range range = new Range(base, count, device);
    for (int port = base; port < base + count; port++) {
      owner[port] = range;
    }
  }

  /** Detaches every range of {@code device}. */
  public synchronized void detach(PortDevice device) {
    for (int port = 0; port < PORTS; port++) {
      Range range = owner[port];
      if (range != null && range.device == device) {
        owner[port] = null;
      }
    }
  }

  /** Reads {@code size} bytes (1, 2 or 4) at a port, zero-extended. */
  public int in(int port, int size) {
    long whole = ask(port, size);
    if (whole >= 0) {
      return (int) whole;
    }
    if (size == 1) {
      return 0xff;
    }
    int value = 0;
    for (int i = 0; i < size; i++) {
      value |= in(port + i, 1) << (i * 8);
    }
    return value;
  }

  /** Writes the low {@code size} bytes (1, 2 or 4) of {@code value} at a port. */
  public void out(int port, int size, int value) {
    if (!offer(port, size, value) && size > 1) {
      for (int i = 0; i < size; i++) {
        out(port + i, 1, value >>> (i * 8));
      }
    }
  }

  /** As {@link #in} if one device has all of these ports, otherwise negative. */
  public long ask(int port, int size) {
    Range range = owner[port & 0xffff];
    int offset;
    if (range == null || (offset = (port & 0xffff) - range.base) + size > range.count) {
      return -1;
    }
    return range.device.in(offset, size) & -1L >>> 64 - 8 * size;
  }

  /** As {@link #out} if one device has all of these ports; whether one has. */
  public boolean offer(int port, int size, int value) {
    Range range = owner[port & 0xffff];
    int offset;
    if (range == null || (offset = (port & 0xffff) - range.base) + size > range.count) {
      return false;
    }
    range.device.out(offset, size, value & -1 >>> 32 - 8 * size);
    return true;
  }
}
