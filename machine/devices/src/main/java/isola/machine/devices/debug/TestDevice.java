package isola.machine.devices.debug;

import isola.core.bus.MmioDevice;
import isola.core.bus.PortDevice;
import isola.core.irq.InterruptLine;
import java.util.List;

/**
 * The test device of kvm-unit-tests ({@code pc-testdev}): lines that the guest raises by itself,
 * ports that keep what is written, and a page of device memory that does. Any thread.
 */
public final class TestDevice {
  /** First of 24 ports that drive interrupt lines. */
  public static final int LINE_PORT = 0x2000;

  /** Lines. */
  public static final int LINES = 24;

  /** First of the echoing ports. */
  public static final int ECHO_PORT = 0xe0;

  /** Echoing ports. */
  public static final int ECHO_PORTS = 4;

  /** Where the page of device memory is. */
  public static final long MEMORY = 0xff00_0000L;

  /** Its size in bytes. */
  public static final int MEMORY_BYTES = 0x1_0000;

  private final InterruptLine[] lines;
  private final byte[] memory = new byte[MEMORY_BYTES];
  private final int[] echo = new int[1];

  /**
   * A device.
   *
   * @param lines the machine's interrupt inputs 0 to 23
   */
  public TestDevice(List<InterruptLine> lines) {
    this.lines = lines.toArray(new InterruptLine[0]);
    if (this.lines.length != LINES) {
      throw new IllegalArgumentException("the test device drives 24 lines");
    }
  }

  /** {@link #LINES} ports: a write of anything but 0 asserts the line of that number. */
  public PortDevice linePorts() {
    return new PortDevice() {
      @Override
      public int in(int offset, int size) {
        return -1;
      }

      @Override
      public void out(int offset, int size, int value) {
        lines[offset].set(value != 0);
      }
    };
  }

  /** {@link #ECHO_PORTS} ports that give back what was written. */
  public PortDevice echoPorts() {
    return new PortDevice() {
      @Override
      public int in(int offset, int size) {
        synchronized (echo) {
          return echo[0] >>> (offset * 8);
        }
      }

      @Override
      public void out(int offset, int size, int value) {
        int mask = size == 4 ? -1 : ((1 << (size * 8)) - 1) << (offset * 8);
        synchronized (echo) {
          echo[0] = (echo[0] & ~mask) | (value << (offset * 8) & mask);
        }
      }
    };
  }

  /** Device memory of {@link #MEMORY_BYTES} bytes. */
  public MmioDevice memory() {
    return new MmioDevice() {
      @Override
      public long read(long offset, int size) {
        long value = 0;
        synchronized (memory) {
          for (int i = 0; i < size; i++) {
            value |= (memory[(int) offset + i] & 0xffL) << (i * 8);
          }
        }
        return value;
      }

      @Override
      public void write(long offset, int size, long value) {
        synchronized (memory) {
          for (int i = 0; i < size; i++) {
            memory[(int) offset + i] = (byte) (value >>> (i * 8));
          }
        }
      }
    };
  }
}
