package isola.machine.devices.display;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import java.util.Arrays;

/**
 * The CRT controller's registers of a colour text screen, index at port 0x3d4 and data at 0x3d5
 * (IBM VGA technical reference, CRT controller). No picture is drawn: small systems that write to
 * the text screen keep their cursor in these registers, and read it back. Any thread.
 */
public final class CrtController implements PortDevice, Stateful<CrtController.State> {
  /** The index port; data follows. */
  public static final int PORT = 0x3d4;

  /** How many ports. */
  public static final int PORTS = 2;

  /** Registers, 0x00 to 0x18. */
  private static final int REGISTERS = 0x19;

  /**
   * Volatile state.
   *
   * @param index the selected register
   * @param registers their values
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int index, byte[] registers) {}

  private int index;
  private final byte[] registers = new byte[REGISTERS];

  /** All registers zero: the cursor is in the upper left corner. */
  public CrtController() {}

  @Override
  public synchronized int in(int offset, int size) {
    if (size == 2) {
      return in(0, 1) | in(1, 1) << 8;
    }
    if (offset == 0) {
      return index;
    }
    return index < REGISTERS ? registers[index] & 0xff : 0xff;
  }

  @Override
  public synchronized void out(int offset, int size, int value) {
    if (size == 2) {
      // A word at the index port writes both, which programs rely on.
      out(0, 1, value);
      out(1, 1, value >> 8);
    } else if (offset == 0) {
      index = value & 0xff;
    } else if (index < REGISTERS) {
      registers[index] = (byte) value;
    }
  }

  @Override
  public synchronized void reset() {
    index = 0;
    Arrays.fill(registers, (byte) 0);
  }

  @Override
  public synchronized State save() {
    return new State(index, registers.clone());
  }

  @Override
  public synchronized void restore(State state) {
    if (state.registers.length != REGISTERS || state.index < 0 || state.index > 0xff) {
      throw new IllegalArgumentException("the saved state is not a CRT controller's");
    }
    index = state.index;
    System.arraycopy(state.registers, 0, registers, 0, REGISTERS);
  }
}
