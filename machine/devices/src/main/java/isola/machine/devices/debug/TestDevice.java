package isola.machine.devices.debug;

import isola.core.bus.MmioDevice;
import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import java.util.List;

/**
 * The test device of kvm-unit-tests ({@code pc-testdev}): lines that the guest raises by itself,
 * ports that keep what is written, and a page of device memory that does. Any thread.
 */
public final class TestDevice implements Stateful<TestDevice.State> {
  /**
   * Volatile state.
   *
   * @param raised the lines that are asserted, a bit each
   * @param echo what the echoing ports give back
   * @param memory device memory
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int raised, int echo, byte[] memory) {}

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
  private int raised;

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
        raise(offset, value != 0);
      }
    };
  }

  private void raise(int line, boolean asserted) {
    synchronized (lines) {
      raised = asserted ? raised | 1 << line : raised & ~(1 << line);
      lines[line].set(asserted);
    }
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

  @Override
  public void reset() {
    restore(new State(0, 0, new byte[MEMORY_BYTES]));
  }

  @Override
  public State save() {
    int up;
    synchronized (lines) {
      up = raised;
    }
    int echoed;
    synchronized (echo) {
      echoed = echo[0];
    }
    synchronized (memory) {
      return new State(up, echoed, memory.clone());
    }
  }

  @Override
  public void restore(State state) {
    if (state.memory.length != MEMORY_BYTES) {
      throw new IllegalArgumentException("the saved state is not a test device's");
    }
    synchronized (memory) {
      System.arraycopy(state.memory, 0, memory, 0, MEMORY_BYTES);
    }
    synchronized (echo) {
      echo[0] = state.echo;
    }
    for (int line = 0; line < LINES; line++) {
      raise(line, (state.raised & 1 << line) != 0);
    }
  }
}
